package doctor

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
)

// StackAPI has the CloudFormation operations that the checks use.
type StackAPI interface {
	DescribeStacks(context.Context, *cloudformation.DescribeStacksInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error)
	ListStackResources(context.Context, *cloudformation.ListStackResourcesInput, ...func(*cloudformation.Options)) (*cloudformation.ListStackResourcesOutput, error)
}

// parts are the resources and settings of a stack, as far as they are known.
type parts struct {
	known      bool
	pushEvents bool
	installed  installed
	ids        map[string]string // physical IDs by logical ID
}

// The logical IDs in template.yaml of the resources that the application requires.

func functions() []string { return []string{"OnRepoFunction", "OnAccountFunction"} }

func rules() []string {
	return []string{
		"OnRepoFunctionRepositoryCreated", "OnRepoFunctionPolicyChanged", "OnRepoFunctionImagePushed",
		"OnRepoFunctionPulledThroughOrScanned",
		"OnAccountFunctionListChanged", "OnAccountFunctionRegistryPolicyChanged", "OnAccountFunctionSchedule", "RequestRule",
	}
}

func queues() []string {
	return []string{requestQueue, "OnRepoDeadLetterQueue", "OnAccountDeadLetterQueue"}
}

const (
	requestQueue  = "RequestQueue"
	requestSource = "OnRepoFunctionRequests" // the event source mapping of the request queue

	principalCheckRepository = "PrincipalCheckRepository"
)

// stack checks whether the stack exists and is complete.
func (d *Doctor) stack(ctx context.Context) ([]Finding, parts) {
	const subject = "stack"
	described, err := d.CloudFormation.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &d.Stack})
	switch {
	case awsclient.HasCode(err, "ValidationError"): // CloudFormation's error for a stack that doesn't exist
		return []Finding{d.noStack()}, parts{}
	case err != nil:
		return []Finding{unknown(subject, "cloudformation:DescribeStacks", err)}, parts{}
	case len(described.Stacks) == 0:
		return []Finding{d.noStack()}, parts{}
	}
	stack := described.Stacks[0]
	findings := []Finding{d.status(stack)}
	p := parts{pushEvents: parameter(stack, "PushEvents") != "off"}
	var isOurs bool
	if p.installed, isOurs = readInstalled(stack); isOurs && p.installed.observes {
		findings = append(findings, warning("mode", "check the changes with this command, then deploy with Mode=enforce:", "the mode of the stack is observe, so it writes no policies").
			with(d.command(d.Program+" plan --stack "+Quote(d.Stack))))
	}
	if p.ids, err = d.resources(ctx); err != nil {
		return append(findings, unknown("resources", "cloudformation:ListStackResources", err)), p
	}
	p.known = true
	return append(findings, d.complete(p)), p
}

func (d *Doctor) noStack() Finding {
	return problem("stack", "specify another stack with --stack, or deploy this one:", "the stack %s doesn't exist in %s", d.Stack, d.Standard.Registry.Region).
		with(d.deployCommand())
}

// status returns the finding for the stack's status. The status of a running operation ends with IN_PROGRESS.
func (d *Doctor) status(stack types.Stack) Finding {
	const subject = "stack"
	status := string(stack.StackStatus)
	switch {
	case strings.HasPrefix(status, "DELETE"):
		return problem(subject, "check that the stack is deleted, then deploy it again:", "the status of %s is %s", d.Stack, status).with(d.deployCommand())
	case status == "UPDATE_ROLLBACK_COMPLETE":
		return warning(subject, "find the cause in the stack's events, then deploy again", "%s works, but its last update failed: the status is %s", d.Stack, status)
	case strings.Contains(status, "ROLLBACK"), strings.HasSuffix(status, "FAILED"):
		return problem(subject, "find the cause in the stack's events, then deploy again", "the status of %s is %s", d.Stack,
			strings.TrimSuffix(status+": "+aws.ToString(stack.StackStatusReason), ": "))
	case strings.HasSuffix(status, "_COMPLETE"):
		return ok(subject, "the status of %s is %s", d.Stack, status)
	}
	return warning(subject, "wait until the operation ends, then run doctor again", "the status of %s is %s", d.Stack, status)
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

// complete checks whether the stack contains all required resources.
func (d *Doctor) complete(p parts) Finding {
	var missing []string
	for _, logicalID := range slices.Concat(functions(), rules(), queues(), []string{requestSource, principalCheckRepository}) {
		if p.ids[logicalID] == "" {
			missing = append(missing, logicalID)
		}
	}
	if len(missing) > 0 {
		return problem("resources", "check that --stack names an ecr-pull-policy stack, then deploy that stack:", "the stack doesn't contain %s", strings.Join(missing, ", ")).with(d.deployCommand())
	}
	return ok("resources", "the stack contains all required resources")
}
