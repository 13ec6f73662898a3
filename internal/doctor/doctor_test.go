package doctor_test

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	formationtypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	trailtypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	organizationtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist/parameterstore"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/doctor"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/plan"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

const list = "/ecr-pull-policy/accounts"

// installation is a stub of AWS with a complete installation, until a test changes it.
type installation struct {
	errors        map[string]error // by operation, or by operation and resource
	status        formationtypes.StackStatus
	parameters    map[string]string
	resources     []string // logical IDs, which are the physical IDs too
	disabled      []string // rules
	messages      map[string]string
	queuePolicies map[string]string // those that a test changes
	processed     string            // number of requests that are being processed
	mapping       string            // state of the event source mapping
	trails        []trailtypes.Trail
	stopped       bool
	basic         []trailtypes.EventSelector
	advanced      []trailtypes.AdvancedEventSelector
	registry      string   // registry policy, or ""
	names         []string // repositories
	others        []formationtypes.Stack
	member        *organizationtypes.Organization // nil if the account isn't in an organization
	rcps          map[string]string               // documents by the account, OU or root that they are attached to
	planned       []plan.Repository
	excluded      []string // by the scope of the standard
	ssm           *stubaws.AWS
	profile       string
	unanswered    atomic.Int64 // calls
}

func newInstallation() *installation {
	p := &installation{
		errors:     map[string]error{},
		status:     formationtypes.StackStatusUpdateComplete,
		parameters: map[string]string{"Mode": "enforce", "PushEvents": "on", "AccountListName": list, "GrantStyle": "principal", "Include": "**", "Exclude": ""},
		names:      []string{"PrincipalCheckRepository", "team-a/api", "team-b/web"},
		resources: []string{
			"OnRepoFunction", "OnAccountFunction",
			"OnRepoFunctionRepositoryCreated", "OnRepoFunctionPolicyChanged", "OnRepoFunctionImagePushed",
			"OnRepoFunctionPulledThroughOrScanned",
			"OnAccountFunctionListChanged", "OnAccountFunctionRegistryPolicyChanged", "OnAccountFunctionSchedule", "RequestRule",
			"RequestQueue", "OnRepoDeadLetterQueue", "OnAccountDeadLetterQueue", "OnRepoFunctionRequests",
			"PrincipalCheckRepository",
		},
		messages:      map[string]string{},
		queuePolicies: map[string]string{},
		processed:     "0",
		mapping:       "Enabled",
		trails:        []trailtypes.Trail{trail("management", "eu-central-1", false)},
		ssm:           stubaws.New("123456789012", "eu-central-1"),
	}
	p.ssm.PutList(list, "111111111111,arn:aws:iam::222222222222:role/ci,o-a1b2c3d4e5")
	return p
}

func trail(name, home string, everywhere bool) trailtypes.Trail {
	return trailtypes.Trail{Name: &name, TrailARN: aws.String("arn:" + name), HomeRegion: &home, IsMultiRegionTrail: &everywhere}
}

func coded(code string) error { return &smithy.GenericAPIError{Code: code, Message: "said AWS"} }

func denied() error { return coded("AccessDeniedException") }

// silent returns the error of a call that got no response.
func silent(service string) error {
	sending := &url.Error{Op: "Post", URL: "https://" + service + ".example.com/", Err: os.ErrDeadlineExceeded}
	return &smithy.OperationError{ServiceID: service, Err: &smithyhttp.RequestSendError{Err: sending}}
}

// patience is the duration of a call without a response.
const patience = 6 * time.Second

func (p *installation) fails(operation string) error {
	err := p.errors[operation]
	if awsclient.Unanswered(err) {
		p.unanswered.Add(1)
		time.Sleep(patience)
	}
	return err
}

func (p *installation) DescribeStacks(_ context.Context, input *cloudformation.DescribeStacksInput, _ ...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error) {
	stacks := []formationtypes.Stack{stack("ecr-pull-policy", p.status, p.parameters)}
	if input.StackName == nil {
		return &cloudformation.DescribeStacksOutput{Stacks: append(p.others, stacks...)}, p.fails("DescribeStacks of all")
	}
	return &cloudformation.DescribeStacksOutput{Stacks: stacks}, p.fails("DescribeStacks")
}

func stack(name string, status formationtypes.StackStatus, parameters map[string]string) formationtypes.Stack {
	stack := formationtypes.Stack{StackName: &name, StackId: aws.String("arn:" + name), StackStatus: status}
	for key, value := range parameters {
		stack.Parameters = append(stack.Parameters, formationtypes.Parameter{ParameterKey: &key, ParameterValue: &value})
	}
	return stack
}

// deploys adds another stack with the same parameters, except for Include and Mode.
func (p *installation) deploys(include, mode string, status formationtypes.StackStatus) {
	parameters := maps.Clone(p.parameters)
	parameters["Include"], parameters["Mode"] = include, mode
	p.others = append(p.others, stack("second", status, parameters))
}

func (p *installation) DescribeRepositories(context.Context, *ecr.DescribeRepositoriesInput, ...func(*ecr.Options)) (*ecr.DescribeRepositoriesOutput, error) {
	output := &ecr.DescribeRepositoriesOutput{}
	for _, name := range p.names {
		output.Repositories = append(output.Repositories, ecrtypes.Repository{RepositoryName: &name})
	}
	return output, p.fails("DescribeRepositories")
}

// joins makes the account a member of an organization whose RCPs it can read.
func (p *installation) joins(rcps map[string]string) {
	p.rcps = rcps
	p.member = &organizationtypes.Organization{
		Id: aws.String("o-a1b2c3d4e5"), MasterAccountId: aws.String("999999999999"), FeatureSet: organizationtypes.OrganizationFeatureSetAll,
	}
}

func (p *installation) DescribeOrganization(context.Context, *organizations.DescribeOrganizationInput, ...func(*organizations.Options)) (*organizations.DescribeOrganizationOutput, error) {
	if p.member == nil && p.errors["DescribeOrganization"] == nil {
		return nil, coded("AWSOrganizationsNotInUseException")
	}
	return &organizations.DescribeOrganizationOutput{Organization: p.member}, p.fails("DescribeOrganization")
}

func (p *installation) ListPoliciesForTarget(_ context.Context, input *organizations.ListPoliciesForTargetInput, _ ...func(*organizations.Options)) (*organizations.ListPoliciesForTargetOutput, error) {
	output := &organizations.ListPoliciesForTargetOutput{Policies: []organizationtypes.PolicySummary{{Id: aws.String("p-RCPFullAWSAccess"), AwsManaged: true}}}
	if p.rcps[*input.TargetId] != "" {
		output.Policies = append(output.Policies, organizationtypes.PolicySummary{Id: aws.String(*input.TargetId), Name: aws.String("perimeter")})
	}
	return output, p.fails("ListPoliciesForTarget")
}

func (p *installation) ListParents(_ context.Context, input *organizations.ListParentsInput, _ ...func(*organizations.Options)) (*organizations.ListParentsOutput, error) {
	parent := map[string]string{"123456789012": "ou-ab12-11111111", "ou-ab12-11111111": "r-ab12"}[*input.ChildId]
	return &organizations.ListParentsOutput{Parents: []organizationtypes.Parent{{Id: &parent}}}, p.fails("ListParents")
}

func (p *installation) DescribePolicy(_ context.Context, input *organizations.DescribePolicyInput, _ ...func(*organizations.Options)) (*organizations.DescribePolicyOutput, error) {
	return &organizations.DescribePolicyOutput{Policy: &organizationtypes.Policy{Content: aws.String(p.rcps[*input.PolicyId])}}, p.fails("DescribePolicy")
}

func (p *installation) ListStackResources(context.Context, *cloudformation.ListStackResourcesInput, ...func(*cloudformation.Options)) (*cloudformation.ListStackResourcesOutput, error) {
	output := &cloudformation.ListStackResourcesOutput{}
	for _, id := range p.resources {
		output.StackResourceSummaries = append(output.StackResourceSummaries,
			formationtypes.StackResourceSummary{LogicalResourceId: &id, PhysicalResourceId: &id})
	}
	return output, p.fails("ListStackResources")
}

func (p *installation) DescribeRule(_ context.Context, input *eventbridge.DescribeRuleInput, _ ...func(*eventbridge.Options)) (*eventbridge.DescribeRuleOutput, error) {
	state := eventtypes.RuleStateEnabled
	if slices.Contains(p.disabled, *input.Name) {
		state = eventtypes.RuleStateDisabled
	}
	return &eventbridge.DescribeRuleOutput{State: state}, p.fails("DescribeRule " + *input.Name)
}

// sending returns the policy of a queue that lets rules send events.
func sending(queue, rules string) string {
	return `{"Statement":[{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"` + queue + `",` +
		`"Condition":{"ArnLike":{"aws:SourceArn":["arn:aws:events:eu-central-1:123456789012:rule/` + rules + `"]}}}]}`
}

func (p *installation) GetQueueAttributes(_ context.Context, input *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	n, ok := p.messages[*input.QueueUrl]
	if !ok {
		n = "0"
	}
	arn := "arn:aws:sqs:eu-central-1:123456789012:" + *input.QueueUrl
	document, changed := p.queuePolicies[*input.QueueUrl]
	if !changed {
		document = sending(arn, "*")
	}
	return &sqs.GetQueueAttributesOutput{Attributes: map[string]string{
		"ApproximateNumberOfMessages": n, "ApproximateNumberOfMessagesNotVisible": p.processed, "QueueArn": arn, "Policy": document,
	}}, p.fails("GetQueueAttributes " + *input.QueueUrl)
}

func (p *installation) GetEventSourceMapping(context.Context, *lambda.GetEventSourceMappingInput, ...func(*lambda.Options)) (*lambda.GetEventSourceMappingOutput, error) {
	return &lambda.GetEventSourceMappingOutput{State: &p.mapping}, p.fails("GetEventSourceMapping")
}

func (p *installation) DescribeTrails(context.Context, *cloudtrail.DescribeTrailsInput, ...func(*cloudtrail.Options)) (*cloudtrail.DescribeTrailsOutput, error) {
	return &cloudtrail.DescribeTrailsOutput{TrailList: p.trails}, p.fails("DescribeTrails")
}

func (p *installation) GetTrailStatus(_ context.Context, input *cloudtrail.GetTrailStatusInput, _ ...func(*cloudtrail.Options)) (*cloudtrail.GetTrailStatusOutput, error) {
	return &cloudtrail.GetTrailStatusOutput{IsLogging: aws.Bool(!p.stopped)}, p.fails("GetTrailStatus " + *input.Name)
}

func (p *installation) GetEventSelectors(context.Context, *cloudtrail.GetEventSelectorsInput, ...func(*cloudtrail.Options)) (*cloudtrail.GetEventSelectorsOutput, error) {
	return &cloudtrail.GetEventSelectorsOutput{EventSelectors: p.basic, AdvancedEventSelectors: p.advanced}, p.fails("GetEventSelectors")
}

func (p *installation) GetRegistryPolicy(context.Context, *ecr.GetRegistryPolicyInput, ...func(*ecr.Options)) (*ecr.GetRegistryPolicyOutput, error) {
	if p.registry == "" && p.errors["GetRegistryPolicy"] == nil {
		return nil, &ecrtypes.RegistryPolicyNotFoundException{}
	}
	return &ecr.GetRegistryPolicyOutput{PolicyText: &p.registry}, p.fails("GetRegistryPolicy")
}

func (p *installation) standard() policy.Standard {
	return policy.Standard{
		Registry: policy.Registry{Partition: "aws", Region: "eu-central-1", AccountID: "123456789012"}, Style: policy.GrantPrincipal,
		Level: policy.Level(p.parameters["PolicyLevel"]), Scope: policy.Scope{Exclude: p.excluded},
	}
}

// registryPolicy returns the registry policy for the list, with a mark in the Sids.
func (p *installation) registryPolicy(mark string) string {
	standard := p.standard()
	standard.Level = policy.LevelRegistry
	lists, err := parameterstore.New(ssm.NewFromConfig(p.ssm.Config()), list, standard).ReadAll(context.Background())
	if err != nil {
		panic(err)
	}
	_, document, err := (&plan.Planner{Standard: standard}).PlanRegistry("", lists)
	if err != nil {
		panic(err)
	}
	return strings.ReplaceAll(document.String(), `"EcrPullPolicy`, `"EcrPullPolicy`+mark)
}

// examine returns the findings as lines: severity, subject, message, remedy and commands.
func (p *installation) examine(t *testing.T) []string {
	t.Helper()
	d := &doctor.Doctor{
		Stack: "ecr-pull-policy", Standard: p.standard(), Profile: p.profile, Program: "ecr-pull-policy",
		CloudFormation: p, EventBridge: p, SQS: p, Lambda: p, CloudTrail: p, ECR: p, Organizations: p,
		Lists: parameterstore.New(ssm.NewFromConfig(p.ssm.Config()), list, p.standard()),
		Plan: func(_ context.Context, _ accountlist.Snapshot, most int) ([]plan.Repository, int, error) {
			return p.planned[:min(most, len(p.planned))], len(p.planned), p.fails("GetRepositoryPolicy")
		},
	}
	var lines []string
	for _, f := range d.Examine(t.Context()) {
		if (f.Severity == doctor.OK) != (f.Remedy == "") {
			t.Errorf("%+v has no remedy, or one that it doesn't need", f)
		}
		lines = append(lines, strings.TrimSpace(string(f.Severity)+" "+f.Subject+": "+f.Message+" → "+strings.Join(append([]string{f.Remedy}, f.Commands...), " $ ")))
	}
	return lines
}

func TestHealthy(t *testing.T) {
	for _, line := range newInstallation().examine(t) {
		if !strings.HasPrefix(line, "ok ") {
			t.Error(line)
		}
	}
}

func TestFindings(t *testing.T) {
	allow := func(principal, action, resource, condition string) string {
		return `{"Statement":{"Effect":"Allow","Principal":` + principal + `,"Action":` + action + `,"Resource":` + resource + condition + `}}`
	}
	const all = `"arn:aws:ecr:eu-central-1:123456789012:repository/*"`
	for name, c := range map[string]struct {
		change func(*installation)
		want   string
	}{
		"no stack":           {func(p *installation) { p.errors["DescribeStacks"] = coded("ValidationError") }, "problem stack: the stack ecr-pull-policy doesn't exist in eu-central-1 → specify another stack with --stack, or deploy this one: $ sam build && sam deploy --stack-name ecr-pull-policy --region eu-central-1"},
		"not allowed":        {func(p *installation) { p.errors["DescribeStacks"] = denied() }, "warning stack: can't check the stack: api error AccessDeniedException: said AWS → use credentials that allow cloudformation:DescribeStacks"},
		"failed update":      {func(p *installation) { p.status = "UPDATE_ROLLBACK_COMPLETE" }, "warning stack: ecr-pull-policy works, but"},
		"failed creation":    {func(p *installation) { p.status = "ROLLBACK_COMPLETE" }, "problem stack: the status of ecr-pull-policy is ROLLBACK_COMPLETE →"},
		"update in progress": {func(p *installation) { p.status = "UPDATE_IN_PROGRESS" }, "warning stack: the status of ecr-pull-policy is UPDATE_IN_PROGRESS → wait"},
		"being deleted":      {func(p *installation) { p.status = "DELETE_IN_PROGRESS" }, "problem stack: the status of ecr-pull-policy is DELETE_IN_PROGRESS → check that the stack is deleted"},
		"mode observe":       {func(p *installation) { p.parameters["Mode"] = "observe" }, "warning mode: the mode of the stack is observe"},
		"incomplete":         {func(p *installation) { p.resources = p.resources[1:] }, "problem resources: the stack doesn't contain OnRepoFunction →"},
		"no principal check repository": {func(p *installation) {
			p.resources = slices.DeleteFunc(p.resources, func(id string) bool { return id == "PrincipalCheckRepository" })
		}, "problem resources: the stack doesn't contain PrincipalCheckRepository →"},
		"resources not allowed": {func(p *installation) { p.errors["ListStackResources"] = denied() }, "warning resources: can't check the resources: api error AccessDenied"},

		"disabled rule":     {func(p *installation) { p.disabled = []string{"RequestRule"} }, "problem rules: the rule RequestRule is disabled → enable the rule: $ aws events enable-rule --name RequestRule --region eu-central-1"},
		"deleted rule":      {func(p *installation) { p.errors["DescribeRule RequestRule"] = coded("ResourceNotFoundException") }, "problem rules: the rule RequestRule (RequestRule) doesn't exist"},
		"rules not allowed": {func(p *installation) { p.errors["DescribeRule OnRepoFunctionRepositoryCreated"] = denied() }, "warning rules: can't check the rules: api error AccessDeniedException: said AWS → use credentials that allow events:DescribeRule"},
		"EventBridge fails": {func(p *installation) { p.errors["DescribeRule RequestRule"] = coded("InternalException") }, "warning rules: can't check the rules: api error InternalException: said AWS → run doctor again; the failed check calls events:DescribeRule"},
		"push rules disabled by the parameter": {func(p *installation) {
			p.parameters["PushEvents"] = "off"
			p.disabled = []string{"OnRepoFunctionImagePushed", "OnRepoFunctionPulledThroughOrScanned"}
		}, "ok rules: 6 rules are enabled; the rules for image pushes are disabled, because PushEvents is off"},

		"rollout": {func(p *installation) { p.messages["RequestQueue"], p.processed = "12", "2" },
			"ok queue: requests in the request queue: 12 waiting, 2 being processed or retried later"},
		"no request processed": {func(p *installation) { p.messages["RequestQueue"] = "12" },
			"warning queue: requests waiting in the request queue: 12; none is being processed → run doctor again in a minute"},
		"stopped": {func(p *installation) { p.mapping = "Disabled" },
			"problem queue: onrepo receives no requests from the request queue: the state of its event source mapping is disabled → " +
				"enable the event source mapping: $ aws lambda update-event-source-mapping --enabled --uuid OnRepoFunctionRequests --region eu-central-1"},
		"starting":           {func(p *installation) { p.mapping = "Enabling" }, "warning queue: the state of onrepo's event source mapping is enabling → wait"},
		"deleted source":     {func(p *installation) { p.errors["GetEventSourceMapping"] = coded("ResourceNotFoundException") }, "problem queue: onrepo receives no requests"},
		"source not allowed": {func(p *installation) { p.errors["GetEventSourceMapping"] = denied() }, "warning queue: can't check the queue: api error AccessDeniedException: said AWS → use credentials that allow lambda:GetEventSourceMapping"},
		"no source": {func(p *installation) {
			p.resources = slices.DeleteFunc(p.resources, func(id string) bool { return id == "OnRepoFunctionRequests" })
		},
			"problem resources: the stack doesn't contain OnRepoFunctionRequests"},
		"dead letters":  {func(p *installation) { p.messages["OnRepoDeadLetterQueue"] = "3" }, "problem dead letters: dead letters in OnRepoDeadLetterQueue: 3 → see OnRepoDeadLettersAlarm in docs/operations.md"},
		"deleted queue": {func(p *installation) { p.errors["GetQueueAttributes RequestQueue"] = coded("QueueDoesNotExist") }, "problem queue: the queue RequestQueue doesn't exist"},
		"no policy of a dead-letter queue": {func(p *installation) { p.queuePolicies["OnAccountDeadLetterQueue"] = "" },
			"problem dead letters: the policy of the queue OnAccountDeadLetterQueue doesn't let these rules send events, so events can be lost: " +
				"OnAccountFunctionListChanged, OnAccountFunctionRegistryPolicyChanged, OnAccountFunctionSchedule → restore the statements of OnAccountDeadLetterQueuePolicy in template.yaml"},
		"policy without a rule": {func(p *installation) {
			p.queuePolicies["OnRepoDeadLetterQueue"] = sending("*", "OnRepoFunction*")
		}, "problem dead letters: the policy of the queue OnRepoDeadLetterQueue doesn't let these rules send events, so events can be lost: RequestRule →"},
		"policy of another queue": {func(p *installation) {
			p.queuePolicies["RequestQueue"] = sending("arn:aws:sqs:eu-central-1:123456789012:other", "*")
		},
			"problem queue: the policy of the queue RequestQueue doesn't let these rules send events, so events can be lost: RequestRule →"},
		"queue is unknown": {func(p *installation) { p.messages["RequestQueue"] = "many" }, "warning queue: can't check the queue: "},

		"no trail":                   {func(p *installation) { p.trails = nil }, "warning trail: no trail logs management events in eu-central-1"},
		"no trail, no pushes":        {func(p *installation) { p.trails, p.parameters["PushEvents"] = nil, "off" }, "problem trail: no trail logs management events"},
		"trail of another Region":    {func(p *installation) { p.trails[0] = trail("management", "us-east-1", false) }, "warning trail: no trail logs"},
		"trail of all Regions":       {func(p *installation) { p.trails[0] = trail("organization", "us-east-1", true) }, "ok trail: organization logs management events in eu-central-1"},
		"stopped trail":              {func(p *installation) { p.stopped = true }, "warning trail: no trail logs management events in eu-central-1, so the stack receives no events about new repositories and changed policies (management isn't logging); image pushes and the schedule still start checks"},
		"trails not allowed":         {func(p *installation) { p.errors["DescribeTrails"] = denied() }, "warning trail: can't check the trail"},
		"trail can't be checked":     {func(p *installation) { p.errors["GetTrailStatus arn:management"] = denied() }, "warning trail: no trail is known to log management events in eu-central-1: management can't be checked (api error AccessDeniedException: said AWS)"},
		"selectors can't be checked": {func(p *installation) { p.errors["GetEventSelectors"] = denied() }, "warning trail: no trail is known to log management events in eu-central-1: management can't be checked (api error AccessDeniedException: said AWS)"},
		"one trail can be checked": {func(p *installation) {
			p.errors["GetTrailStatus arn:management"] = denied()
			p.trails = append(p.trails, trail("second", "eu-central-1", false))
		}, "ok trail: second logs"},

		"missing list": {func(p *installation) { p.ssm.DeleteParameter(list) }, "problem list: /ecr-pull-policy/accounts doesn't exist; existing policies keep its grants → " +
			"save the consumers, or none to revoke all grants of the list, in accounts.txt, check the file, and create the list: " +
			"$ ecr-pull-policy validate accounts.txt --account-id 123456789012 --region eu-central-1 " +
			"$ aws ssm put-parameter --type String --name /ecr-pull-policy/accounts --value file://accounts.txt --region eu-central-1"},
		"with a profile": {func(p *installation) { p.profile, p.disabled = "it's mine", []string{"RequestRule"} },
			`problem rules: the rule RequestRule is disabled → enable the rule: $ aws events enable-rule --name RequestRule --region eu-central-1 --profile 'it'\''s mine'`},
		"bad list":                     {func(p *installation) { p.ssm.PutList(list, "what?") }, "problem list: version 2 of /ecr-pull-policy/accounts is unusable, so version 1 is used instead"},
		"bad list, no earlier version": {func(p *installation) { p.ssm.PutList(list+"/team-a", "what?") }, "problem list: /ecr-pull-policy/accounts/team-a is unusable, and so are its earlier versions"},
		"namespace list":               {func(p *installation) { p.ssm.PutList(list+"/team-a", "none") }, "ok list: /ecr-pull-policy/accounts/team-a, version 1, contains no consumers"},
		"lists not allowed": {func(p *installation) {
			p.ssm.OnCall = func(context.Context, stubaws.Call) stubaws.Fault { return stubaws.Fault{Code: "AccessDeniedException"} }
		}, "warning list: can't check the list"},

		"no match": {func(p *installation) {
			p.parameters["Include"], p.parameters["Exclude"] = "team-a/*,team-c,team-d/**", "team-e/*"
		}, "warning scope: no repository matches the parameter Include: team-c, team-d/** → check the spelling"},
		"no match of Exclude": {func(p *installation) { p.parameters["Exclude"] = "**/web,team-e/*" }, "warning scope: no repository matches the parameter Exclude: team-e/* → check"},
		"all excluded":        {func(p *installation) { p.parameters["Exclude"] = "team-*/*" }, "warning scope: in scope: none of 2 repositories → check the parameters Include and Exclude"},
		"some excluded":       {func(p *installation) { p.parameters["Exclude"] = "team-b/*" }, "ok scope: in scope: 1 of 2 repositories"},
		"no repositories":     {func(p *installation) { p.names = p.names[:1] }, "ok scope: the registry has no repositories"},
		"repositories not allowed": {func(p *installation) { p.errors["DescribeRepositories"] = denied() },
			"warning scope: can't check the scope: list repositories: api error AccessDeniedException: said AWS → use credentials that allow ecr:DescribeRepositories"},

		"only stack": {func(*installation) {}, "ok other stacks: no other stack of ecr-pull-policy is in eu-central-1"},
		"second stack": {func(p *installation) { p.deploys("team-a/**", "enforce", "UPDATE_COMPLETE") },
			"problem other stacks: the stack second is also deployed in this registry, and 1 repository is in the scope of both, such as team-a/api: each stack undoes the other's changes → " +
				"delete one of the stacks, or change Include and Exclude so that no repository is in the scope of both; the scope of second is Include=team-a/** Exclude="},
		"second stack in mode observe":        {func(p *installation) { p.deploys("team-a/**", "observe", "UPDATE_COMPLETE") }, "warning other stacks: the stack second is also deployed in this registry, and 1 repository is"},
		"second stack with another scope":     {func(p *installation) { p.deploys("team-c/**", "enforce", "CREATE_COMPLETE") }, "warning other stacks: the stack second is also deployed in this registry; no repository is in the scope of both"},
		"second stack that was never created": {func(p *installation) { p.deploys("**", "enforce", "ROLLBACK_COMPLETE") }, "ok other stacks: no other"},
		"another application":                 {func(p *installation) { p.others = append(p.others, stack("web", "CREATE_COMPLETE", nil)) }, "ok other stacks: no other"},
		"other stacks not allowed": {func(p *installation) { p.errors["DescribeStacks of all"] = denied() },
			"warning other stacks: can't check the other stacks: api error AccessDeniedException: said AWS → use credentials that allow cloudformation:DescribeStacks for all stacks"},

		"no organization":          {func(*installation) {}, "ok organization: the account isn't in an organization"},
		"organization not allowed": {func(p *installation) { p.errors["DescribeOrganization"] = denied() }, "warning organization: can't check the organization"},
		"management account":       {func(p *installation) { p.joins(nil); p.member.MasterAccountId = aws.String("123456789012") }, "ok organization: the account is the management account of o-a1b2c3d4e5, which"},
		"consolidated billing":     {func(p *installation) { p.joins(nil); p.member.FeatureSet = "CONSOLIDATED_BILLING" }, "ok organization: the organization o-a1b2c3d4e5 has only the features"},
		"member account": {func(p *installation) { p.joins(nil); p.errors["ListPoliciesForTarget"] = denied() }, "note organization: the account is a member of o-a1b2c3d4e5; its resource control policies (RCPs) can deny pulls whatever repository policies allow, and this account can't read them → " +
			"if pulls are denied, ask the owner of the management account 999999999999 whether an RCP denies ECR actions, and run there: $ aws organizations list-policies-for-target --filter RESOURCE_CONTROL_POLICY --target-id 123456789012"},
		"Organizations fails": {func(p *installation) { p.joins(nil); p.errors["ListParents"] = coded("ServiceException") }, "warning organization: can't check the organization: api error ServiceException"},
		"no RCP":              {func(p *installation) { p.joins(nil) }, "ok organization: no resource control policy (RCP) of o-a1b2c3d4e5 denies pulls from this account"},
		"RCP for another service": {func(p *installation) {
			p.joins(map[string]string{"r-ab12": `{"Statement":{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}}`})
		}, "ok organization: no resource"},
		"RCP of the root": {func(p *installation) {
			p.joins(map[string]string{"r-ab12": `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"},{"Effect":"Deny","Principal":"*","Action":["s3:*","ecr:*"],"Resource":"*",` +
				`"Condition":{"StringNotEqualsIfExists":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}}]}`})
		}, "warning organization: statement 2 of the resource control policy (RCP) perimeter can deny pulls, whatever repository policies allow (condition: StringNotEqualsIfExists aws:PrincipalOrgID: o-a1b2c3d4e5) → " +
			"check whether its conditions and resources exempt the pulls of all consumers in the lists: $ aws organizations describe-policy --policy-id r-ab12"},
		"RCP of the OU, malformed": {func(p *installation) { p.joins(map[string]string{"ou-ab12-11111111": `[]`}) }, "warning organization: can't check the organization: policy perimeter (ou-ab12-11111111): "},
		"RCP not allowed": {func(p *installation) {
			p.joins(map[string]string{"123456789012": `{}`})
			p.errors["DescribePolicy"] = denied()
		}, "warning organization: can't check the organization: policy perimeter (123456789012): api error AccessDeniedException"},

		"level registry": {func(p *installation) {
			p.parameters["PolicyLevel"], p.registry = "registry", p.registryPolicy("Only")
		}, "ok policy level: the policy level is registry, and the registry policy is what the lists require"},
		"level registry, excluded part of a namespace": {func(p *installation) {
			p.parameters["PolicyLevel"], p.excluded = "registry", []string{"team-a/api"}
			p.ssm.PutList(list+"/team-a", "222222222222")
		}, `problem list: /ecr-pull-policy/accounts/team-a can't be used at the policy level registry, and its grants stay as they are: ` +
			`"team-a/api": the exclude pattern has a part of the namespace "team-a", which has a list, and a statement of a registry policy can't have both Resource and NotResource; ` +
			`change the pattern, or set the policy level to repository → change the parameter Include or Exclude, or set PolicyLevel=repository, and deploy the stack`},
		"level registry, no policy": {func(p *installation) { p.parameters["PolicyLevel"] = "registry" },
			"problem policy level: the registry policy isn't what the lists require → if no list changed in the last minutes, write the registry policy: $ ecr-pull-policy apply --stack ecr-pull-policy --region eu-central-1"},
		"level registry, not marked": {func(p *installation) {
			p.parameters["PolicyLevel"], p.registry = "registry", p.registryPolicy("")
		}, "warning policy level: the registry policy isn't marked as the only one with managed statements"},
		"level registry, leftovers": {func(p *installation) {
			p.parameters["PolicyLevel"], p.registry = "registry", p.registryPolicy("")
			p.planned = []plan.Repository{{Name: "team-a/api", Unmoved: true}}
		}, "warning policy level: the policy level is registry, but managed statements remain in team-a/api; they follow the lists →"},
		"level registry, deleted list": {func(p *installation) {
			p.parameters["PolicyLevel"] = "registry"
			p.registry = strings.Replace(p.registryPolicy(""), "EcrPullPolicyAccounts", "EcrPullPolicyAccountsIngone", 1)
			p.registry = strings.ReplaceAll(p.registry, "repository/*", "repository/gone/*")
		}, "warning policy level: in registry policy, the policy still grants access to 111111111111"},
		"level repository, leftovers": {func(p *installation) { p.registry = p.registryPolicy("") },
			"warning policy level: the policy level is repository, but the registry policy still has managed statements"},
		"other stack at the level registry": {func(p *installation) {
			p.parameters["PolicyLevel"] = "registry"
			p.deploys("x/**", "enforce", "CREATE_COMPLETE")
		}, "problem other stacks: the stack second is also deployed in this registry, and both write the managed statements of the registry policy"},
		"no policy": {func(*installation) {}, "ok registry policy: the registry has no policy"},
		"credentials expired": {func(p *installation) { p.errors["GetRegistryPolicy"] = coded("ExpiredTokenException") },
			"warning registry policy: can't check the registry policy: get registry policy: api error ExpiredTokenException: said AWS → renew the credentials, and run doctor again"},
		"policy not allowed": {func(p *installation) { p.errors["GetRegistryPolicy"] = denied() }, "warning registry policy: can't check the registry policy"},
		"malformed policy":   {func(p *installation) { p.registry = "[]" }, "warning registry policy: can't check the registry policy"},
		"same account": {func(p *installation) {
			p.registry = allow(`{"AWS":"arn:aws:iam::111111111111:root"}`, `"ecr:*"`, `"*"`, "")
		},
			"warning registry policy: the registry policy allows 111111111111 to pull from all repositories, even after they are removed from the lists"},
		"same role": {func(p *installation) {
			p.registry = `{"Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::222222222222:role/ci"]},"Action":["ecr:BatchGetImage"],"Resource":[` + all + `]}]}`
		}, "warning registry policy: the registry policy allows arn:aws:iam::222222222222:role/ci to pull"},
		"same organization": {func(p *installation) {
			p.registry = allow(`"*"`, `"ecr:Batch*"`, all, `,"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}`)
		}, "warning registry policy: the registry policy allows o-a1b2c3d4e5 to pull"},
		"all principals": {func(p *installation) { p.registry = allow(`"*"`, `"*"`, all, "") }, "problem registry policy: the registry policy allows principals in any account to pull"},
		"repositories of each account": {func(p *installation) {
			p.registry = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"ecr:*","Resource":"arn:aws:ecr:*:*:repository/${aws:PrincipalAccount}/*"}}`
		}, "ok registry policy: no unmanaged statement of the registry policy allows a consumer in the lists to pull from all repositories"},
		"other account": {func(p *installation) { p.registry = allow(`{"AWS":"333333333333"}`, `"ecr:*"`, all, "") }, "ok registry policy: no unmanaged statement of the registry policy allows a consumer in the lists to pull"},
		"replication":   {func(p *installation) { p.registry = allow(`{"AWS":"111111111111"}`, `"ecr:ReplicateImage"`, all, "") }, "ok registry policy"},
		"all principals, not limited by the condition": {func(p *installation) {
			p.registry = allow(`"*"`, `"ecr:*"`, all, `,"Condition":{"StringEqualsIfExists":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}`)
		}, "problem registry policy"},
		"all repositories but one": {func(p *installation) {
			p.registry = strings.Replace(allow(`{"AWS":"111111111111"}`, `"ecr:*"`, `"arn:aws:ecr:eu-central-1:123456789012:repository/a"`, ""), "Resource", "NotResource", 1)
		}, "warning registry policy: the registry policy allows 111111111111"},
		"pull in the middle of a pattern": {func(p *installation) { p.registry = allow(`{"AWS":"111111111111"}`, `"ecr:*Get*Image"`, all, "") },
			"warning registry policy: the registry policy allows 111111111111"},
		"unreadable statement": {func(p *installation) { p.registry = `{"Statement":[{"Effect":"Maybe"}]}` },
			`warning registry policy: can't check the registry policy: the Effect element must be Allow or Deny, found "Maybe"`},
		"one repository": {func(p *installation) {
			p.registry = allow(`{"AWS":"111111111111"}`, `"ecr:*"`, `"arn:aws:ecr:eu-central-1:123456789012:repository/a"`, "")
		}, "ok registry policy"},
		"one-character names only": {func(p *installation) {
			p.registry = allow(`{"AWS":"111111111111"}`, `"ecr:*"`, `"arn:aws:ecr:eu-central-1:123456789012:repository/?"`, "")
		}, "ok registry policy: no unmanaged statement of the registry policy allows a consumer in the lists to pull"},
		"all but one-character names": {func(p *installation) {
			p.registry = strings.Replace(allow(`{"AWS":"111111111111"}`, `"ecr:*"`, `"arn:aws:ecr:eu-central-1:123456789012:repository/?"`, ""), "Resource", "NotResource", 1)
		}, "warning registry policy: the registry policy allows 111111111111"},
		"names of two and more characters": {func(p *installation) {
			p.registry = allow(`{"AWS":"111111111111"}`, `"ecr:*"`, `"arn:aws:ecr:eu-central-1:123456789012:repository/??*"`, "")
		}, "warning registry policy: the registry policy allows 111111111111"},
		"allowed and denied": {func(p *installation) {
			p.registry = `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"ecr:*","Resource":"*"},{"Effect":"Deny","Principal":{"AWS":"111111111111"},"Action":"ecr:Batch*","Resource":"*"}]}`
		}, "ok registry policy: no unmanaged statement"},
		"policies": {func(p *installation) { p.planned = make([]plan.Repository, 2) }, "ok policies: no statement denies a listed consumer a pull, no grant of a deleted list is left, and no policy names a deleted role or user"},
		"deleted principals": {func(p *installation) {
			p.planned = []plan.Repository{{Name: "a"}, {Name: "team-a/api", Deleted: []string{"unmanaged statement 1"}}}
		}, "problem policies: in team-a/api, unmanaged statements name deleted roles or users, so ECR rejects every change of the policy → " +
			"show and remove the IDs of the deleted roles and users, and correct statements with NotPrincipal by hand: " +
			"$ ecr-pull-policy plan --remove-dead-principals --stack ecr-pull-policy --region eu-central-1 " +
			"$ ecr-pull-policy apply --remove-dead-principals --stack ecr-pull-policy --region eu-central-1"},
		"many policies": {func(p *installation) { p.planned = make([]plan.Repository, 2001) }, "ok policies: only the first 2000 of 2001 policies were checked; plan checks all of them"},
		"denied": {func(p *installation) {
			for _, name := range []string{"a", "b", "c", "d", "e"} {
				p.planned = append(p.planned, plan.Repository{Name: name, Notices: []plan.Notice{{Text: "statement 1 denies it", Remedy: "change it"}}})
			}
		}, "warning policies: in 5 repositories (a, b, c, and 2 more), statement 1 denies it → change it"},
		"deleted list": {func(p *installation) {
			p.planned = []plan.Repository{{Name: "a", Notices: []plan.Notice{{Text: "the list is deleted", Remedy: "write none:", Command: "aws ssm put-parameter"}}}}
		}, "warning policies: in a, the list is deleted → write none: $ aws ssm put-parameter --region eu-central-1"},
		"policies that can't be read": {func(p *installation) {
			p.planned = []plan.Repository{{Name: "a", Outcome: plan.Failed, Err: denied()}, {Name: "b", Outcome: plan.Failed, Err: denied()}}
		}, "warning policies: can't check the policies: in 2 repositories (a, b): api error AccessDeniedException: said AWS → use credentials that allow ecr:GetRepositoryPolicy"},
		"policies that are too long": {func(p *installation) {
			p.planned = []plan.Repository{{Name: "a"}, {Name: "b", Outcome: plan.Failed, Err: errors.New("it is too long")}}
		}, "problem policies: in b, the policy can't grant what the lists specify; the first reason: it is too long → show the reason for each repository: " +
			"$ ecr-pull-policy plan --stack ecr-pull-policy --region eu-central-1"},
		"policies not allowed": {func(p *installation) { p.errors["GetRepositoryPolicy"] = denied() }, "warning policies: can't check the policies: api error AccessDeniedException: said AWS → use credentials that allow ecr:DescribeRepositories and ecr:GetRepositoryPolicy"},
		"deny":                 {func(p *installation) { p.registry = strings.Replace(allow(`"*"`, `"*"`, all, ""), "Allow", "Deny", 1) }, "ok registry policy"},
		"account by its ID": {func(p *installation) { p.registry = allow(`{"AWS":["111111111111"]}`, `"ecr:BatchGetImage"`, all, "") },
			"warning registry policy: the registry policy allows 111111111111 to pull"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newInstallation()
			c.change(p)
			lines := p.examine(t)
			if !slices.ContainsFunc(lines, func(s string) bool { return strings.HasPrefix(s, c.want) }) {
				t.Errorf("no finding %q:\n%s", c.want, strings.Join(lines, "\n"))
			}
		})
	}
}

// Each check calls a service that doesn't respond once, and all checks run concurrently.
func TestSilentServices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newInstallation()
		for _, id := range p.resources {
			p.errors["DescribeRule "+id] = silent("EventBridge")
			p.errors["GetQueueAttributes "+id] = silent("SQS")
		}
		p.errors["GetEventSourceMapping"] = silent("Lambda")
		p.errors["GetRegistryPolicy"] = silent("ECR")
		p.errors["GetTrailStatus arn:management"] = silent("CloudTrail")
		p.errors["GetTrailStatus arn:second"] = silent("CloudTrail")
		p.errors["DescribeRepositories"] = silent("ECR")
		p.errors["DescribeStacks of all"] = silent("CloudFormation")
		p.errors["DescribeOrganization"] = silent("Organizations")
		p.trails = append(p.trails, trail("second", "eu-central-1", false))
		began := time.Now()
		output := strings.Join(p.examine(t), "\n")
		if took := time.Since(began); took != patience {
			t.Errorf("it took %v", took)
		}
		calls := map[string]int{"EventBridge": 1, "SQS": 1, "Lambda": 1, "CloudTrail": 1, "ECR": 2, "CloudFormation": 1, "Organizations": 1}
		if got := p.unanswered.Load(); got != 8 {
			t.Errorf("%d calls got no response", got)
		}
		for service, n := range calls {
			if want := ": no response from " + service + " at https://" + service + ".example.com: "; strings.Count(output, want) != n {
				t.Errorf("%q isn't there %d times:\n%s", want, n, output)
			}
		}
	})
}

func TestEventSelectors(t *testing.T) {
	field := func(name string, equals ...string) trailtypes.AdvancedFieldSelector {
		return trailtypes.AdvancedFieldSelector{Field: &name, Equals: equals}
	}
	not := func(name string, values ...string) trailtypes.AdvancedFieldSelector {
		return trailtypes.AdvancedFieldSelector{Field: &name, NotEquals: values}
	}
	management := field("eventCategory", "Management")
	basic := func(s trailtypes.EventSelector) func(*installation) {
		return func(p *installation) { p.basic = []trailtypes.EventSelector{s} }
	}
	advanced := func(fields ...trailtypes.AdvancedFieldSelector) func(*installation) {
		return func(p *installation) { p.advanced = []trailtypes.AdvancedEventSelector{{FieldSelectors: fields}} }
	}
	for name, c := range map[string]struct {
		change func(*installation)
		logs   bool
	}{
		"none":                         {func(*installation) {}, true},
		"all":                          {basic(trailtypes.EventSelector{IncludeManagementEvents: aws.Bool(true), ReadWriteType: "All"}), true},
		"management events by default": {basic(trailtypes.EventSelector{ReadWriteType: "WriteOnly"}), true},
		"reads":                        {basic(trailtypes.EventSelector{IncludeManagementEvents: aws.Bool(true), ReadWriteType: "ReadOnly"}), false},
		"data":                         {basic(trailtypes.EventSelector{IncludeManagementEvents: aws.Bool(false), ReadWriteType: "All"}), false},
		"advanced":                     {advanced(management), true},
		"advanced data":                {advanced(field("eventCategory", "Data")), false},
		"advanced writes":              {advanced(management, field("readOnly", "false")), true},
		"advanced reads":               {advanced(management, field("readOnly", "true")), false},
		"advanced without KMS":         {advanced(management, not("eventSource", "kms.amazonaws.com")), true},
		"advanced without ECR":         {advanced(management, not("eventSource", "ecr.amazonaws.com")), false},
		"advanced, another":            {advanced(management, field("eventName", "RunInstances")), false},
		"advanced, by beginning":       {advanced(management, trailtypes.AdvancedFieldSelector{Field: aws.String("eventName"), StartsWith: []string{"Create"}}), true},
		"advanced, by end":             {advanced(management, trailtypes.AdvancedFieldSelector{Field: aws.String("eventName"), NotEndsWith: []string{"Repository"}}), false},
	} {
		t.Run(name, func(t *testing.T) {
			p := newInstallation()
			c.change(p)
			logs := slices.ContainsFunc(p.examine(t), func(s string) bool { return strings.HasPrefix(s, "ok trail") })
			if logs != c.logs {
				t.Errorf("logs: %v, want %v", logs, c.logs)
			}
		})
	}
}
