package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	"github.com/spf13/cobra"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/settings"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// fewAttempts is how often a call is tried whose failure an operator can see and repeat.
const fewAttempts = 2

// checkOutput is the output of the stack that names the repository for checking principals.
const checkOutput = "PrincipalCheckRepositoryName"

// need says whether a command works without a stack.
type need bool

const (
	stackOptional need = false // if the default stack doesn't exist, the template's defaults and the flags apply
	stackRequired need = true  // --stack '' is the only way to work without one
)

// session is a registry in AWS and the settings for it.
type session struct {
	settings.Settings
	config  aws.Config
	instead string // what is used instead of the account list; "" if nothing is
}

// introduce names the registry, the stack and the list.
func (s *session) introduce(out io.Writer) {
	stack, list := "no stack", "list "+s.ListName
	switch {
	case s.Stack != "" && s.Observe:
		stack = fmt.Sprintf("stack %s (mode observe: it writes nothing)", s.Stack)
	case s.Stack != "":
		stack = "stack " + s.Stack
	}
	if s.instead != "" {
		list = fmt.Sprintf("%s instead of list %s", s.instead, s.ListName)
	}
	fmt.Fprintf(out, "registry %s in %s, %s, %s\n\n", s.Standard.Registry.AccountID, s.Standard.Registry.Region, stack, list)
}

// connect finds out which registry the credentials are for, and the settings.
func connect(command *cobra.Command, f *flags, stackNeed need) (*session, error) {
	s, home, err := reach(command.Context(), f)
	if err != nil {
		return nil, err
	}
	stack := ""
	if f.stack != "" {
		if stack, err = readStack(command, f, s.config, stackNeed); err != nil {
			return nil, err
		}
	}
	if s.Settings, err = f.parameters.Settings(stack, home); err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	return s, nil
}

// reach finds out the account and the partition of the credentials. It takes no permission.
func reach(ctx context.Context, f *flags) (*session, policy.Registry, error) {
	c, err := config.LoadDefaultConfig(ctx,
		config.WithSharedConfigProfile(f.profile), config.WithRegion(f.region), config.WithRetryer(newRetryer), config.WithHTTPClient(newHTTPClient(f.timeout)),
		config.WithLogger(logging.Nop{})) // what matters to an operator is in the errors
	if err != nil {
		return nil, policy.Registry{}, fmt.Errorf("configure the AWS SDK: %w", err)
	}
	if c.Region == "" {
		return nil, policy.Registry{}, errors.New("no Region: name it with --region or AWS_REGION")
	}
	if _, err := c.Credentials.Retrieve(ctx); err != nil {
		return nil, policy.Registry{}, f.noCredentials(err)
	}
	client := sts.NewFromConfig(c, func(o *sts.Options) { o.RetryMaxAttempts = fewAttempts })
	caller, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	switch {
	case refused(err):
		return nil, policy.Registry{}, fmt.Errorf("AWS rejects the credentials: %w; %s", err, f.signIn())
	case err != nil:
		return nil, policy.Registry{}, fmt.Errorf("find out the account of the credentials: %w", err)
	}
	self, err := arn.Parse(aws.ToString(caller.Arn))
	if err != nil {
		return nil, policy.Registry{}, fmt.Errorf("find out the partition of the credentials: STS answers %q: %w", aws.ToString(caller.Arn), err)
	}
	return &session{config: c}, policy.Registry{Partition: self.Partition, Region: c.Region, AccountID: self.AccountID}, nil
}

// refused reports whether STS itself rejects the credentials: a proxy or a wrong endpoint answers 403 too, but not with an
// error code of STS.
//
// https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
func refused(err error) bool {
	const undecoded = "UnknownError" // the SDK's code for such an answer
	var answer smithy.APIError
	var response *awshttp.ResponseError
	return errors.As(err, &answer) && answer.ErrorCode() != undecoded && errors.As(err, &response) && response.HTTPStatusCode() == http.StatusForbidden
}

// noCredentials returns the error for missing credentials. The last source that the SDK tries is the metadata of an EC2
// instance: if that failed, nothing is configured.
func (f *flags) noCredentials(err error) error {
	if call := (*smithy.OperationError)(nil); errors.As(err, &call) && call.ServiceID == "ec2imds" {
		return errors.New("no AWS credentials: " + f.signIn())
	}
	return fmt.Errorf("get AWS credentials: %w; %s", err, f.signIn())
}

func (f *flags) signIn() string {
	if f.profile != "" {
		return "sign in with aws sso login --profile " + f.profile + ", or name another profile"
	}
	return "sign in with aws sso login, or name a profile with --profile or AWS_PROFILE"
}

// readStack takes the settings from the stack, and returns its name; "" if there is none and the command doesn't need one.
func readStack(command *cobra.Command, f *flags, c aws.Config, stackNeed need) (name string, err error) {
	output, err := cloudformation.NewFromConfig(c).DescribeStacks(command.Context(), &cloudformation.DescribeStacksInput{StackName: &f.stack})
	var answer smithy.APIError
	if errors.As(err, &answer) && answer.ErrorCode() == "ValidationError" { // CloudFormation's code for: no such stack
		if stackNeed == stackRequired || f.given("stack") { // a typo must not change the scope
			return "", fmt.Errorf("there is no stack %s in %s: name the stack with --stack and its Region with --region, or pass --stack '' to use the template's defaults and the flags",
				f.stack, c.Region)
		}
		fmt.Fprintf(command.ErrOrStderr(), "There is no stack %s in %s: using the template's defaults and the flags.\n", f.stack, c.Region)
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the settings of stack %s: %w (--stack '' uses the template's defaults and the flags)", f.stack, err)
	}
	parameters := map[string]string{}
	for _, stack := range output.Stacks {
		for _, o := range stack.Outputs {
			if aws.ToString(o.OutputKey) == checkOutput {
				f.parameters.PrincipalCheckRepository = aws.ToString(o.OutputValue)
			}
		}
		for _, p := range stack.Parameters {
			parameters[aws.ToString(p.ParameterKey)] = aws.ToString(p.ParameterValue)
		}
	}
	return f.stack, f.useStack(parameters)
}

// repositories returns the names of the repositories in scope, sorted, and how many others there are.
func (s *session) repositories(ctx context.Context) (names []string, others int, err error) {
	for page, err := range registry.Names(ctx, ecr.NewFromConfig(s.config)) {
		if err != nil {
			return nil, 0, err
		}
		for _, name := range page {
			if s.Scope.Contains(name) {
				names = append(names, name)
			} else {
				others++
			}
		}
	}
	slices.Sort(names)
	return names, others, nil
}
