package localaws

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/venv"
)

// Stack is the deployed stack, as read back from CloudFormation.
type Stack struct {
	Name      string
	Outputs   map[string]string
	Functions map[string]Function // by logical ID
	Rules     []Rule
	Sources   []EventSource
}

// Function is a Lambda function.
type Function struct {
	LogicalID   string
	Name        string
	ARN         string
	RoleARN     string
	Handler     string
	Timeout     time.Duration
	MemorySize  int // MB
	Environment map[string]string
	LogGroup    string

	Architecture string
	Code         struct{ Bucket, Key string } // in S3

	Retries   int    // of an asynchronous invocation
	OnFailure string // ARN of the destination for events that could not be handled, or empty
}

// Rule is an EventBridge rule: with a pattern, or with a schedule.
type Rule struct {
	LogicalID string
	Name      string
	ARN       string
	Pattern   string
	Schedule  string
	Targets   []Target
}

// Target is where a rule sends its events.
type Target struct {
	ID    string
	ARN   string
	Input string // a constant that is sent instead of the event, or empty
}

// EventSource is a queue that Lambda polls for a function.
type EventSource struct {
	Function         string // logical ID
	QueueARN         string
	BatchSize        int
	PartialResponses bool // the function returns which messages of a batch failed
}

// functionOf returns the function that has the ARN or the name.
func (s *Stack) functionOf(id string) (Function, bool) {
	for _, function := range s.Functions {
		if id == function.ARN || id == function.Name {
			return function, true
		}
	}
	return Function{}, false
}

//go:embed translate.py
var translateScript string

// Prefix of the outputs that translate.py adds.
const factPrefix = "LocalAws"

var factOutput = regexp.MustCompile(`(?s)<member>\s*<OutputKey>` + factPrefix + `.*?</member>`)

// withoutFacts removes these outputs from an answer of DescribeStacks.
func withoutFacts(body []byte) []byte { return factOutput.ReplaceAll(body, nil) }

// translate turns the text of a template into CloudFormation: as SAM would deploy it, or as moto can.
func translate(ctx context.Context, python venv.Venv, template, region string, forMoto bool) ([]byte, error) {
	input, err := json.Marshal(struct {
		Template string `json:"template"`
		ForMoto  bool   `json:"forMoto"`
	}{template, forMoto})
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(python.Python(), "-c", translateScript)
	cmd.Env = append(os.Environ(), "AWS_DEFAULT_REGION="+region, "PYTHONWARNINGS=ignore")
	cmd.Stdin = bytes.NewReader(input)
	translated, err := run(ctx, cmd, nil)
	if err != nil {
		return nil, fmt.Errorf("translating the template: %w", err)
	}
	return translated, nil
}

// deploy creates the stack and reads back what it has become, with clients that the facts aren't hidden from.
func deploy(ctx context.Context, creating *cloudformation.Client, clients Clients, name string, template []byte, overrides map[string]string) (*Stack, error) {
	parameters, err := parameters(template, overrides)
	if err != nil {
		return nil, err
	}
	_, err = creating.CreateStack(ctx, &cloudformation.CreateStackInput{
		StackName:    &name,
		TemplateBody: aws.String(string(template)),
		Parameters:   parameters,
		Capabilities: []types.Capability{types.CapabilityCapabilityIam},
	})
	if err != nil {
		return nil, fmt.Errorf("creating the stack: %w", err)
	}
	return readStack(ctx, clients, name, nil)
}

// readStack reads back what a stack has become. Known are its rules before an update.
func readStack(ctx context.Context, clients Clients, name string, known []Rule) (*Stack, error) {
	described, err := clients.CloudFormation.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil {
		return nil, fmt.Errorf("describing the stack: %w", err)
	}
	created := described.Stacks[0]
	if created.StackStatus != types.StackStatusCreateComplete && created.StackStatus != types.StackStatusUpdateComplete {
		return nil, fmt.Errorf("deploying the stack: it is %s: %s", created.StackStatus, aws.ToString(created.StackStatusReason))
	}
	stack := &Stack{Name: name, Outputs: map[string]string{}}
	var facts facts
	for _, output := range created.Outputs {
		key, value := aws.ToString(output.OutputKey), aws.ToString(output.OutputValue)
		if !strings.HasPrefix(key, factPrefix) {
			stack.Outputs[key] = value
		} else if err := facts.add([]byte(value)); err != nil {
			return nil, fmt.Errorf("reading the stack's output %s: %w", key, err)
		}
	}
	if err := facts.addTo(stack); err != nil {
		return nil, err
	}
	if stack.Rules, err = readRules(ctx, clients, name, known); err != nil {
		return nil, err
	}
	return stack, nil
}

// parameters are what overrides the template's defaults.
func parameters(template []byte, overrides map[string]string) ([]types.Parameter, error) {
	var declared struct{ Parameters map[string]json.RawMessage }
	if err := json.Unmarshal(template, &declared); err != nil {
		return nil, fmt.Errorf("reading the template's parameters: %w", err)
	}
	var parameters []types.Parameter
	for name, value := range overrides {
		if declared.Parameters[name] == nil {
			return nil, fmt.Errorf("the template has no parameter %s, only %s", name,
				strings.Join(slices.Sorted(maps.Keys(declared.Parameters)), ", "))
		}
		parameters = append(parameters, types.Parameter{ParameterKey: &name, ParameterValue: &value})
	}
	return parameters, nil
}

// text is a JSON string, or a number or a boolean that stands for one: CloudFormation takes either.
type text string

func (t *text) UnmarshalJSON(data []byte) error {
	if data[0] != '"' {
		*t = text(data)
		return nil
	}
	return json.Unmarshal(data, (*string)(t))
}

// number is a JSON number, or a string that stands for one.
type number int

func (n *number) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(bytes.Trim(data, `"`), (*int)(n))
}

// facts are the outputs that translate.py adds: what moto doesn't keep of a resource, by type.
type facts struct {
	functions []functionFact
	sources   []sourceFact
	invokes   []invokeFact
}

type functionFact struct {
	logicalID string

	FunctionName string
	Arn          string
	Role         string
	Handler      string
	Timeout      number
	MemorySize   number
	Environment  struct{ Variables map[string]text }

	LoggingConfig struct{ LogGroup string }
	Architectures []string
	Code          struct{ S3Bucket, S3Key string }
}

type sourceFact struct {
	FunctionName          string
	EventSourceArn        string
	BatchSize             number
	Enabled               *bool
	FunctionResponseTypes []string
	FilterCriteria        json.RawMessage
}

type invokeFact struct {
	FunctionName         string
	MaximumRetryAttempts *number
	DestinationConfig    struct {
		OnFailure struct{ Destination string }
	}
}

func (f *facts) add(output []byte) error {
	var fact struct {
		LogicalID  string `json:"LogicalId"`
		Type       string
		Properties json.RawMessage
	}
	if err := json.Unmarshal(output, &fact); err != nil {
		return err
	}
	switch fact.Type {
	case "AWS::Lambda::Function":
		f.functions = append(f.functions, functionFact{logicalID: fact.LogicalID})
		return json.Unmarshal(fact.Properties, &f.functions[len(f.functions)-1])
	case "AWS::Lambda::EventSourceMapping":
		f.sources = append(f.sources, sourceFact{})
		return json.Unmarshal(fact.Properties, &f.sources[len(f.sources)-1])
	case "AWS::Lambda::EventInvokeConfig":
		f.invokes = append(f.invokes, invokeFact{})
		return json.Unmarshal(fact.Properties, &f.invokes[len(f.invokes)-1])
	default:
		return fmt.Errorf("a %s, which isn't simulated", fact.Type)
	}
}

// The values that Lambda gives to what a template leaves out.
const (
	defaultTimeout    = 3 // seconds
	defaultMemorySize = 128
	defaultRetries    = 2
	defaultBatchSize  = 10
)

func (f *facts) addTo(stack *Stack) error {
	stack.Functions = map[string]Function{}
	logicalIDs := map[string]string{} // by name
	for _, fact := range f.functions {
		function := Function{
			LogicalID:   fact.logicalID,
			Name:        fact.FunctionName,
			ARN:         fact.Arn,
			RoleARN:     fact.Role,
			Handler:     fact.Handler,
			Timeout:     time.Duration(cmp.Or(fact.Timeout, defaultTimeout)) * time.Second,
			MemorySize:  int(cmp.Or(fact.MemorySize, defaultMemorySize)),
			Environment: map[string]string{},
			LogGroup:    cmp.Or(fact.LoggingConfig.LogGroup, "/aws/lambda/"+fact.FunctionName),
			Retries:     defaultRetries,
		}
		function.Code.Bucket, function.Code.Key = fact.Code.S3Bucket, fact.Code.S3Key
		if len(fact.Architectures) > 0 {
			function.Architecture = fact.Architectures[0]
		}
		for name, value := range fact.Environment.Variables {
			function.Environment[name] = string(value)
		}
		for _, invoke := range f.invokes {
			if invoke.FunctionName != function.Name {
				continue
			}
			if invoke.MaximumRetryAttempts != nil {
				function.Retries = int(*invoke.MaximumRetryAttempts)
			}
			function.OnFailure = invoke.DestinationConfig.OnFailure.Destination
		}
		stack.Functions[fact.logicalID] = function
		logicalIDs[fact.FunctionName] = fact.logicalID
	}
	for _, fact := range f.sources {
		switch {
		case fact.Enabled != nil && !*fact.Enabled:
			continue
		case len(fact.FilterCriteria) > 0:
			return fmt.Errorf("the event source %s of %s filters, which isn't simulated", fact.EventSourceArn, fact.FunctionName)
		}
		stack.Sources = append(stack.Sources, EventSource{
			Function:         logicalIDs[fact.FunctionName],
			QueueARN:         fact.EventSourceArn,
			BatchSize:        int(cmp.Or(fact.BatchSize, defaultBatchSize)),
			PartialResponses: slices.Contains(fact.FunctionResponseTypes, "ReportBatchItemFailures"),
		})
	}
	return nil
}

// readRules reads the rules of the stack and their targets. The router has replaced those of known rules.
func readRules(ctx context.Context, clients Clients, stack string, known []Rule) ([]Rule, error) {
	var rules []Rule
	pages := cloudformation.NewListStackResourcesPaginator(clients.CloudFormation,
		&cloudformation.ListStackResourcesInput{StackName: &stack})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("listing the stack's resources: %w", err)
		}
		for _, resource := range page.StackResourceSummaries {
			if aws.ToString(resource.ResourceType) != "AWS::Events::Rule" {
				continue
			}
			name := aws.ToString(resource.PhysicalResourceId)
			if i := slices.IndexFunc(known, func(r Rule) bool { return r.Name == name }); i >= 0 {
				rules = append(rules, known[i])
				continue
			}
			rule, err := readRule(ctx, clients.EventBridge, name)
			if err != nil {
				return nil, fmt.Errorf("reading the rule %s: %w", aws.ToString(resource.LogicalResourceId), err)
			}
			rule.LogicalID = aws.ToString(resource.LogicalResourceId)
			rules = append(rules, rule)
		}
	}
	return rules, nil
}

func readRule(ctx context.Context, client *eventbridge.Client, name string) (Rule, error) {
	described, err := client.DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: &name})
	if err != nil {
		return Rule{}, err
	}
	rule := Rule{
		Name:     name,
		ARN:      aws.ToString(described.Arn),
		Pattern:  aws.ToString(described.EventPattern),
		Schedule: aws.ToString(described.ScheduleExpression),
	}
	targets, err := client.ListTargetsByRule(ctx, &eventbridge.ListTargetsByRuleInput{Rule: &name})
	if err != nil {
		return Rule{}, err
	}
	for _, target := range targets.Targets {
		if target.InputPath != nil || target.InputTransformer != nil {
			return Rule{}, fmt.Errorf("the target %s reshapes its events, which isn't simulated", aws.ToString(target.Id))
		}
		rule.Targets = append(rule.Targets, Target{
			ID:    aws.ToString(target.Id),
			ARN:   aws.ToString(target.Arn),
			Input: aws.ToString(target.Input),
		})
	}
	return rule, nil
}
