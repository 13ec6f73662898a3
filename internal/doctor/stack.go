package doctor

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// StackAPI is what the doctor needs of CloudFormation.
type StackAPI interface {
	DescribeStacks(context.Context, *cloudformation.DescribeStacksInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error)
	ListStackResources(context.Context, *cloudformation.ListStackResourcesInput, ...func(*cloudformation.Options)) (*cloudformation.ListStackResourcesOutput, error)
}

// parts are what a stack is made of, as far as it is known.
type parts struct {
	known      bool
	pushEvents bool
	ids        map[string]string // physical by logical ID
}

// The logical IDs in template.yaml of what the main job can't do without.

func functions() []string { return []string{"OnRepoFunction", "OnAccountFunction"} }

func rules() []string {
	return []string{
		"OnRepoFunctionRepositoryCreated", "OnRepoFunctionPolicyChanged", "OnRepoFunctionImagePushed",
		"OnRepoFunctionImagePulledThrough", "OnRepoFunctionScanResourceChanged",
		"OnAccountFunctionListChanged", "OnAccountFunctionSchedule", "RequestRule",
	}
}

func queues() []string {
	return []string{requestQueue, "OnRepoDeadLetterQueue", "OnAccountDeadLetterQueue"}
}

const (
	requestQueue  = "RequestQueue"
	requestSource = "OnRepoFunctionRequests" // the event source mapping of the request queue
)

// stack looks whether the stack is there and complete.
func (d *Doctor) stack(ctx context.Context) ([]Finding, parts) {
	const subject = "stack"
	described, err := d.CloudFormation.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &d.Stack})
	switch {
	case hasCode(err, "ValidationError"): // which is how CloudFormation says that there is none
		return []Finding{problem(subject, "name another with --stack, or deploy it:", "there is no stack %s in %s", d.Stack, d.Registry.Region).run(d.deploy())}, parts{}
	case err != nil:
		return []Finding{unknown(subject, "cloudformation:DescribeStacks", err)}, parts{}
	case len(described.Stacks) == 0:
		return []Finding{problem(subject, "deploy it:", "there is no stack %s", d.Stack).run(d.deploy())}, parts{}
	}
	stack := described.Stacks[0]
	findings := []Finding{d.status(stack)}
	p := parts{pushEvents: parameter(stack, "PushEvents") != "off"}
	if parameter(stack, "Mode") == "observe" {
		findings = append(findings, warning("mode", "deploy with Mode=enforce when you like what this says:", "the stack observes: it writes no policy").
			run(d.here("ecr-pull-policy plan --stack "+quote(d.Stack))))
	}
	if p.ids, err = d.resources(ctx); err != nil {
		return append(findings, unknown("resources", "cloudformation:ListStackResources", err)), p
	}
	p.known = true
	return append(findings, d.complete(p)), p
}

// status says what the stack's status means. A stack that is being made or removed has none of the endings.
func (d *Doctor) status(stack types.Stack) Finding {
	const subject = "stack"
	status := string(stack.StackStatus)
	switch {
	case strings.HasPrefix(status, "DELETE"):
		return problem(subject, "deploy it:", "%s is %s", d.Stack, status).run(d.deploy())
	case status == "UPDATE_ROLLBACK_COMPLETE":
		return warning(subject, "see why in the stack's events, and deploy again", "%s works, but its last update failed: %s", d.Stack, status)
	case strings.Contains(status, "ROLLBACK"), strings.HasSuffix(status, "FAILED"):
		return problem(subject, "see why in the stack's events, and deploy again", "%s is %s: %s", d.Stack, status, aws.ToString(stack.StackStatusReason))
	case strings.HasSuffix(status, "_COMPLETE"):
		return ok(subject, "%s is %s", d.Stack, status)
	}
	return warning(subject, "wait, and look again", "%s is %s", d.Stack, status)
}

func parameter(stack types.Stack, key string) string {
	for _, p := range stack.Parameters {
		if aws.ToString(p.ParameterKey) == key {
			return aws.ToString(p.ParameterValue)
		}
	}
	return ""
}

func (d *Doctor) resources(ctx context.Context) (map[string]string, error) {
	ids := map[string]string{}
	pages := cloudformation.NewListStackResourcesPaginator(d.CloudFormation, &cloudformation.ListStackResourcesInput{StackName: &d.Stack})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range page.StackResourceSummaries {
			if r.ResourceStatus != types.ResourceStatusDeleteComplete {
				ids[aws.ToString(r.LogicalResourceId)] = aws.ToString(r.PhysicalResourceId)
			}
		}
	}
	return ids, nil
}

func (d *Doctor) complete(p parts) Finding {
	var missing []string
	for _, logicalID := range slices.Concat(functions(), rules(), queues(), []string{requestSource}) {
		if p.ids[logicalID] == "" {
			missing = append(missing, logicalID)
		}
	}
	if len(missing) > 0 {
		return problem("resources", "is it another application's stack? Otherwise deploy it:", "the stack has no %s", strings.Join(missing, ", ")).run(d.deploy())
	}
	return ok("resources", "both functions, the rules and the queues are in the stack")
}
