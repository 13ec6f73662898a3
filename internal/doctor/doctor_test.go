package doctor_test

import (
	"context"
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
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist/parameterstore"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/doctor"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

const list = "/ecr-pull-policy/accounts"

// patient is an AWS in which all is well, until a test changes that.
type patient struct {
	errors     map[string]error // by operation, or operation and what it is about
	status     formationtypes.StackStatus
	parameters map[string]string
	resources  []string // logical IDs; each is its own physical ID
	disabled   []string // rules
	messages   map[string]string
	atWork     string // how many requests are taken and not done
	mapping    string // state of the event source mapping
	trails     []trailtypes.Trail
	stopped    bool
	basic      []trailtypes.EventSelector
	advanced   []trailtypes.AdvancedEventSelector
	scope      string
	registry   string // policy; "" for none
	ssm        *stubaws.AWS
	profile    string
	unanswered atomic.Int64 // calls
}

func newPatient() *patient {
	p := &patient{
		errors:     map[string]error{},
		status:     formationtypes.StackStatusUpdateComplete,
		parameters: map[string]string{"Mode": "enforce", "PushEvents": "on"},
		resources: []string{
			"OnRepoFunction", "OnAccountFunction",
			"OnRepoFunctionRepositoryCreated", "OnRepoFunctionPolicyChanged", "OnRepoFunctionImagePushed",
			"OnRepoFunctionImagePulledThrough", "OnRepoFunctionScanResourceChanged",
			"OnAccountFunctionListChanged", "OnAccountFunctionSchedule", "RequestRule",
			"RequestQueue", "OnRepoDeadLetterQueue", "OnAccountDeadLetterQueue", "OnRepoFunctionRequests",
		},
		messages: map[string]string{},
		atWork:   "0",
		mapping:  "Enabled",
		trails:   []trailtypes.Trail{trail("management", "eu-central-1", false)},
		scope:    "V2",
		ssm:      stubaws.New("123456789012", "eu-central-1"),
	}
	p.ssm.PutList(list, "111111111111,arn:aws:iam::222222222222:role/ci,o-a1b2c3d4e5")
	return p
}

func trail(name, home string, everywhere bool) trailtypes.Trail {
	return trailtypes.Trail{Name: &name, TrailARN: aws.String("arn:" + name), HomeRegion: &home, IsMultiRegionTrail: &everywhere}
}

func coded(code string) error { return &smithy.GenericAPIError{Code: code, Message: "said AWS"} }

func denied() error { return coded("AccessDeniedException") }

// silent is the error of a call that got no answer.
func silent(service string) error {
	sending := &url.Error{Op: "Post", URL: "https://" + service + ".example.com/", Err: os.ErrDeadlineExceeded}
	return &smithy.OperationError{ServiceID: service, Err: &smithyhttp.RequestSendError{Err: sending}}
}

// patience is how long a silent call takes.
const patience = 6 * time.Second

func (p *patient) fails(operation string) error {
	err := p.errors[operation]
	if awsclient.Unanswered(err) {
		p.unanswered.Add(1)
		time.Sleep(patience)
	}
	return err
}

func (p *patient) DescribeStacks(context.Context, *cloudformation.DescribeStacksInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error) {
	stack := formationtypes.Stack{StackStatus: p.status}
	for key, value := range p.parameters {
		stack.Parameters = append(stack.Parameters, formationtypes.Parameter{ParameterKey: &key, ParameterValue: &value})
	}
	return &cloudformation.DescribeStacksOutput{Stacks: []formationtypes.Stack{stack}}, p.fails("DescribeStacks")
}

func (p *patient) ListStackResources(context.Context, *cloudformation.ListStackResourcesInput, ...func(*cloudformation.Options)) (*cloudformation.ListStackResourcesOutput, error) {
	output := &cloudformation.ListStackResourcesOutput{}
	for _, id := range p.resources {
		output.StackResourceSummaries = append(output.StackResourceSummaries,
			formationtypes.StackResourceSummary{LogicalResourceId: &id, PhysicalResourceId: &id})
	}
	return output, p.fails("ListStackResources")
}

func (p *patient) DescribeRule(_ context.Context, input *eventbridge.DescribeRuleInput, _ ...func(*eventbridge.Options)) (*eventbridge.DescribeRuleOutput, error) {
	state := eventtypes.RuleStateEnabled
	if slices.Contains(p.disabled, *input.Name) {
		state = eventtypes.RuleStateDisabled
	}
	return &eventbridge.DescribeRuleOutput{State: state}, p.fails("DescribeRule " + *input.Name)
}

func (p *patient) GetQueueAttributes(_ context.Context, input *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	n, ok := p.messages[*input.QueueUrl]
	if !ok {
		n = "0"
	}
	return &sqs.GetQueueAttributesOutput{Attributes: map[string]string{
		"ApproximateNumberOfMessages": n, "ApproximateNumberOfMessagesNotVisible": p.atWork,
	}}, p.fails("GetQueueAttributes " + *input.QueueUrl)
}

func (p *patient) GetEventSourceMapping(context.Context, *lambda.GetEventSourceMappingInput, ...func(*lambda.Options)) (*lambda.GetEventSourceMappingOutput, error) {
	return &lambda.GetEventSourceMappingOutput{State: &p.mapping}, p.fails("GetEventSourceMapping")
}

func (p *patient) DescribeTrails(context.Context, *cloudtrail.DescribeTrailsInput, ...func(*cloudtrail.Options)) (*cloudtrail.DescribeTrailsOutput, error) {
	return &cloudtrail.DescribeTrailsOutput{TrailList: p.trails}, p.fails("DescribeTrails")
}

func (p *patient) GetTrailStatus(_ context.Context, input *cloudtrail.GetTrailStatusInput, _ ...func(*cloudtrail.Options)) (*cloudtrail.GetTrailStatusOutput, error) {
	return &cloudtrail.GetTrailStatusOutput{IsLogging: aws.Bool(!p.stopped)}, p.fails("GetTrailStatus " + *input.Name)
}

func (p *patient) GetEventSelectors(context.Context, *cloudtrail.GetEventSelectorsInput, ...func(*cloudtrail.Options)) (*cloudtrail.GetEventSelectorsOutput, error) {
	return &cloudtrail.GetEventSelectorsOutput{EventSelectors: p.basic, AdvancedEventSelectors: p.advanced}, p.fails("GetEventSelectors")
}

func (p *patient) GetAccountSetting(context.Context, *ecr.GetAccountSettingInput, ...func(*ecr.Options)) (*ecr.GetAccountSettingOutput, error) {
	return &ecr.GetAccountSettingOutput{Value: &p.scope}, p.fails("GetAccountSetting")
}

func (p *patient) GetRegistryPolicy(context.Context, *ecr.GetRegistryPolicyInput, ...func(*ecr.Options)) (*ecr.GetRegistryPolicyOutput, error) {
	if p.registry == "" && p.errors["GetRegistryPolicy"] == nil {
		return nil, coded("RegistryPolicyNotFoundException")
	}
	return &ecr.GetRegistryPolicyOutput{PolicyText: &p.registry}, p.fails("GetRegistryPolicy")
}

// examine returns the findings as lines: severity, subject, what is said, what to do, and the commands for it.
func (p *patient) examine(t *testing.T) []string {
	t.Helper()
	registry := policy.Registry{Partition: "aws", Region: "eu-central-1", AccountID: "123456789012"}
	standard := policy.Standard{Registry: registry, Style: policy.GrantPrincipal}
	d := &doctor.Doctor{
		Stack: "ecr-pull-policy", Registry: registry, Profile: p.profile,
		CloudFormation: p, EventBridge: p, SQS: p, Lambda: p, CloudTrail: p, ECR: p,
		Lists: parameterstore.New(ssm.NewFromConfig(p.ssm.Config()), list, standard),
	}
	var said []string
	for _, f := range d.Examine(t.Context()) {
		if (f.Severity == doctor.OK) != (f.Do == "") {
			t.Errorf("what to do about %+v?", f)
		}
		said = append(said, strings.TrimSpace(string(f.Severity)+" "+f.Subject+": "+f.Says+" → "+strings.Join(append([]string{f.Do}, f.Run...), " $ ")))
	}
	return said
}

func TestHealthy(t *testing.T) {
	for _, said := range newPatient().examine(t) {
		if !strings.HasPrefix(said, "ok ") {
			t.Error(said)
		}
	}
}

func TestFindings(t *testing.T) {
	allow := func(principal, action, resource, condition string) string {
		return `{"Statement":{"Effect":"Allow","Principal":` + principal + `,"Action":` + action + `,"Resource":` + resource + condition + `}}`
	}
	const all = `"arn:aws:ecr:eu-central-1:123456789012:repository/*"`
	for name, c := range map[string]struct {
		change func(*patient)
		want   string
	}{
		"no stack":              {func(p *patient) { p.errors["DescribeStacks"] = coded("ValidationError") }, "problem stack: there is no stack ecr-pull-policy in eu-central-1 → name another with --stack, or deploy it: $ sam build && sam deploy --stack-name ecr-pull-policy --region eu-central-1"},
		"not allowed":           {func(p *patient) { p.errors["DescribeStacks"] = denied() }, "warning stack: not allowed to look"},
		"failed update":         {func(p *patient) { p.status = "UPDATE_ROLLBACK_COMPLETE" }, "warning stack: ecr-pull-policy works, but"},
		"failed creation":       {func(p *patient) { p.status = "ROLLBACK_COMPLETE" }, "problem stack: ecr-pull-policy is ROLLBACK_COMPLETE"},
		"on its way":            {func(p *patient) { p.status = "UPDATE_IN_PROGRESS" }, "warning stack: ecr-pull-policy is UPDATE_IN_PROGRESS → wait"},
		"being removed":         {func(p *patient) { p.status = "DELETE_IN_PROGRESS" }, "problem stack"},
		"observes":              {func(p *patient) { p.parameters["Mode"] = "observe" }, "warning mode: the stack observes"},
		"incomplete":            {func(p *patient) { p.resources = p.resources[1:] }, "problem resources: the stack has no OnRepoFunction →"},
		"resources not allowed": {func(p *patient) { p.errors["ListStackResources"] = denied() }, "warning resources: not allowed to look"},

		"disabled rule":      {func(p *patient) { p.disabled = []string{"RequestRule"} }, "problem rules: the rule RequestRule is disabled → enable it: $ aws events enable-rule --name RequestRule --region eu-central-1"},
		"deleted rule":       {func(p *patient) { p.errors["DescribeRule RequestRule"] = coded("ResourceNotFoundException") }, "problem rules: the rule RequestRule (RequestRule) does not exist"},
		"rules not allowed":  {func(p *patient) { p.errors["DescribeRule OnRepoFunctionRepositoryCreated"] = denied() }, "warning rules: not allowed to look: api error AccessDeniedException: said AWS → look with credentials that may call events:DescribeRule"},
		"EventBridge is ill": {func(p *patient) { p.errors["DescribeRule RequestRule"] = coded("InternalException") }, "warning rules: could not look"},
		"push rules off, as wanted": {func(p *patient) {
			p.parameters["PushEvents"] = "off"
			p.disabled = []string{"OnRepoFunctionImagePushed", "OnRepoFunctionImagePulledThrough", "OnRepoFunctionScanResourceChanged"}
		}, "ok rules: 5 rules are enabled; those for image pushes are off"},

		"rollout": {func(p *patient) { p.messages["RequestQueue"], p.atWork = "12", "2" },
			"ok queue: 12 requests wait in the request queue, 2 are at work or wait for another try"},
		"nobody at work": {func(p *patient) { p.messages["RequestQueue"] = "12" },
			"warning queue: 12 requests wait in the request queue, and none is at work → look again in a minute"},
		"stopped": {func(p *patient) { p.mapping = "Disabled" },
			"problem queue: nothing takes requests out of the request queue: onrepo's event source mapping is disabled → " +
				"enable it: $ aws lambda update-event-source-mapping --enabled --uuid OnRepoFunctionRequests --region eu-central-1"},
		"starting":           {func(p *patient) { p.mapping = "Enabling" }, "warning queue: onrepo's event source mapping is enabling → wait"},
		"deleted source":     {func(p *patient) { p.errors["GetEventSourceMapping"] = coded("ResourceNotFoundException") }, "problem queue: nothing takes requests"},
		"source not allowed": {func(p *patient) { p.errors["GetEventSourceMapping"] = denied() }, "warning queue: not allowed to look: api error AccessDeniedException: said AWS → look with credentials that may call lambda:GetEventSourceMapping"},
		"no source": {func(p *patient) {
			p.resources = slices.DeleteFunc(p.resources, func(id string) bool { return id == "OnRepoFunctionRequests" })
		},
			"problem resources: the stack has no OnRepoFunctionRequests"},
		"dead letters":     {func(p *patient) { p.messages["OnRepoDeadLetterQueue"] = "3" }, "problem dead letters: dead letters in OnRepoDeadLetterQueue: 3 → docs/operations.md, OnRepoDeadLettersAlarm,"},
		"deleted queue":    {func(p *patient) { p.errors["GetQueueAttributes RequestQueue"] = coded("QueueDoesNotExist") }, "problem queue: the queue RequestQueue does not exist"},
		"queue is unknown": {func(p *patient) { p.messages["RequestQueue"] = "many" }, "warning queue: could not look"},

		"no trail":            {func(p *patient) { p.trails = nil }, "warning trail: no trail logs management events in eu-central-1"},
		"no trail, no pushes": {func(p *patient) { p.trails, p.parameters["PushEvents"] = nil, "off" }, "problem trail: no trail logs management events"},
		"trail elsewhere":     {func(p *patient) { p.trails[0] = trail("management", "us-east-1", false) }, "warning trail: no trail logs"},
		"trail everywhere":    {func(p *patient) { p.trails[0] = trail("organization", "us-east-1", true) }, "ok trail: organization logs management events in eu-central-1"},
		"stopped trail":       {func(p *patient) { p.stopped = true }, "warning trail: no trail logs management events in eu-central-1, so new repositories and changed policies are not heard of: management is stopped"},
		"trails not allowed":  {func(p *patient) { p.errors["DescribeTrails"] = denied() }, "warning trail: not allowed"},
		"trail can't be seen": {func(p *patient) { p.errors["GetTrailStatus arn:management"] = denied() }, "warning trail: no trail is known to log"},
		"selectors can't":     {func(p *patient) { p.errors["GetEventSelectors"] = denied() }, "warning trail: no trail is known to log"},
		"one trail can be seen": {func(p *patient) {
			p.errors["GetTrailStatus arn:management"] = denied()
			p.trails = append(p.trails, trail("second", "eu-central-1", false))
		}, "ok trail: second logs"},

		"missing list": {func(p *patient) { p.ssm.DeleteParameter(list) }, "problem list: /ecr-pull-policy/accounts does not exist: no repository gets anything from it → " +
			"write into accounts.txt who may pull, check it, and make it the list: " +
			"$ ecr-pull-policy validate accounts.txt --account-id 123456789012 --region eu-central-1 " +
			"$ aws ssm put-parameter --type String --name /ecr-pull-policy/accounts --value file://accounts.txt --region eu-central-1"},
		"with a profile": {func(p *patient) { p.profile, p.disabled = "it's mine", []string{"RequestRule"} },
			`problem rules: the rule RequestRule is disabled → enable it: $ aws events enable-rule --name RequestRule --region eu-central-1 --profile 'it'\''s mine'`},
		"bad list":          {func(p *patient) { p.ssm.PutList(list, "what?") }, "problem list: version 2 of /ecr-pull-policy/accounts can't be used, version 1 is used instead"},
		"bad list, no good": {func(p *patient) { p.ssm.PutList(list+"/team-a", "what?") }, "problem list: /ecr-pull-policy/accounts/team-a can't be used, and no earlier"},
		"namespaced list":   {func(p *patient) { p.ssm.PutList(list+"/team-a", "none") }, "ok list: /ecr-pull-policy/accounts/team-a, version 1, names nobody"},
		"lists not allowed": {func(p *patient) {
			p.ssm.OnCall = func(context.Context, stubaws.Call) stubaws.Fault { return stubaws.Fault{Code: "AccessDeniedException"} }
		}, "warning list: not allowed"},

		"scope V1": {func(p *patient) { p.scope, p.registry = "V1", allow(`"*"`, `"*"`, all, "") }, "ok registry policy: its scope is V1"},
		"no scope, no policy": {func(p *patient) { p.errors["GetAccountSetting"] = coded("UnsupportedOperationException") },
			"ok registry policy: there is none"},
		"scope unknown": {func(p *patient) {
			p.errors["GetAccountSetting"], p.registry = denied(), allow(`"*"`, `"*"`, all, "")
		}, "warning registry policy: it lets everybody pull from all repositories if its scope is V2, which can't be told: api error AccessDeniedException: said AWS → " +
			"see what its scope is: $ aws ecr get-account-setting --name REGISTRY_POLICY_SCOPE --region eu-central-1"},
		"policy not allowed": {func(p *patient) { p.errors["GetRegistryPolicy"] = denied() }, "warning registry policy: not allowed to look"},
		"no policy":          {func(p *patient) { p.registry = "[]" }, "warning registry policy: could not look"},
		"same account": {func(p *patient) { p.registry = allow(`{"AWS":"arn:aws:iam::111111111111:root"}`, `"ecr:*"`, `"*"`, "") },
			"warning registry policy: it lets 111111111111 pull from all repositories already"},
		"same role": {func(p *patient) {
			p.registry = `{"Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::222222222222:role/ci"]},"Action":["ecr:BatchGetImage"],"Resource":[` + all + `]}]}`
		}, "warning registry policy: it lets arn:aws:iam::222222222222:role/ci pull"},
		"same organization": {func(p *patient) {
			p.registry = allow(`"*"`, `"ecr:Batch*"`, all, `,"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}`)
		}, "warning registry policy: it lets o-a1b2c3d4e5 pull"},
		"everybody":   {func(p *patient) { p.registry = allow(`"*"`, `"*"`, all, "") }, "problem registry policy: it lets everybody pull"},
		"others":      {func(p *patient) { p.registry = allow(`{"AWS":"333333333333"}`, `"ecr:*"`, all, "") }, "ok registry policy: it grants pull on all repositories to nobody on the lists"},
		"replication": {func(p *patient) { p.registry = allow(`{"AWS":"111111111111"}`, `"ecr:ReplicateImage"`, all, "") }, "ok registry policy"},
		"one repository": {func(p *patient) {
			p.registry = allow(`{"AWS":"111111111111"}`, `"ecr:*"`, `"arn:aws:ecr:eu-central-1:123456789012:repository/a"`, "")
		}, "ok registry policy"},
		"a denial": {func(p *patient) { p.registry = strings.Replace(allow(`"*"`, `"*"`, all, ""), "Allow", "Deny", 1) }, "ok registry policy"},
		"account by its ID": {func(p *patient) { p.registry = allow(`{"AWS":["111111111111"]}`, `"ecr:BatchGetImage"`, all, "") },
			"warning registry policy: it lets 111111111111 pull"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPatient()
			c.change(p)
			said := p.examine(t)
			if !slices.ContainsFunc(said, func(s string) bool { return strings.HasPrefix(s, c.want) }) {
				t.Errorf("nobody says %q:\n%s", c.want, strings.Join(said, "\n"))
			}
		})
	}
}

// Services that don't answer are asked once, and all at the same time.
func TestSilentServices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		for _, id := range p.resources {
			p.errors["DescribeRule "+id] = silent("EventBridge")
			p.errors["GetQueueAttributes "+id] = silent("SQS")
		}
		p.errors["GetEventSourceMapping"] = silent("Lambda")
		p.errors["GetRegistryPolicy"] = silent("ECR")
		p.errors["GetTrailStatus arn:management"] = silent("CloudTrail")
		p.errors["GetTrailStatus arn:second"] = silent("CloudTrail")
		p.trails = append(p.trails, trail("second", "eu-central-1", false))
		began := time.Now()
		said := strings.Join(p.examine(t), "\n")
		if took := time.Since(began); took != patience {
			t.Errorf("it took %v", took)
		}
		services := []string{"EventBridge", "SQS", "Lambda", "CloudTrail", "ECR"}
		if got := p.unanswered.Load(); got != int64(len(services)) {
			t.Errorf("%d calls got no answer", got)
		}
		for _, service := range services {
			if want := ": no response from " + service + " at https://" + service + ".example.com: "; strings.Count(said, want) != 1 {
				t.Errorf("it doesn't say %q once:\n%s", want, said)
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
	basic := func(s trailtypes.EventSelector) func(*patient) {
		return func(p *patient) { p.basic = []trailtypes.EventSelector{s} }
	}
	advanced := func(fields ...trailtypes.AdvancedFieldSelector) func(*patient) {
		return func(p *patient) { p.advanced = []trailtypes.AdvancedEventSelector{{FieldSelectors: fields}} }
	}
	for name, c := range map[string]struct {
		change func(*patient)
		logs   bool
	}{
		"none":                   {func(*patient) {}, true},
		"all":                    {basic(trailtypes.EventSelector{IncludeManagementEvents: aws.Bool(true), ReadWriteType: "All"}), true},
		"said nothing":           {basic(trailtypes.EventSelector{ReadWriteType: "WriteOnly"}), true},
		"reads":                  {basic(trailtypes.EventSelector{IncludeManagementEvents: aws.Bool(true), ReadWriteType: "ReadOnly"}), false},
		"data":                   {basic(trailtypes.EventSelector{IncludeManagementEvents: aws.Bool(false), ReadWriteType: "All"}), false},
		"advanced":               {advanced(management), true},
		"advanced data":          {advanced(field("eventCategory", "Data")), false},
		"advanced writes":        {advanced(management, field("readOnly", "false")), true},
		"advanced reads":         {advanced(management, field("readOnly", "true")), false},
		"advanced without KMS":   {advanced(management, not("eventSource", "kms.amazonaws.com")), true},
		"advanced without ECR":   {advanced(management, not("eventSource", "ecr.amazonaws.com")), false},
		"advanced, another":      {advanced(management, field("eventName", "RunInstances")), false},
		"advanced, by beginning": {advanced(management, trailtypes.AdvancedFieldSelector{Field: aws.String("eventName"), StartsWith: []string{"Create"}}), true},
		"advanced, by end":       {advanced(management, trailtypes.AdvancedFieldSelector{Field: aws.String("eventName"), NotEndsWith: []string{"Repository"}}), false},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPatient()
			c.change(p)
			logs := slices.ContainsFunc(p.examine(t), func(s string) bool { return strings.HasPrefix(s, "ok trail") })
			if logs != c.logs {
				t.Errorf("logs: %v, want %v", logs, c.logs)
			}
		})
	}
}
