package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	"github.com/spf13/cobra"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsconfig"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/pace"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/settings"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// How often is tried what somebody waits for who can try again: the functions are more patient.
const fewAttempts = 2

// session is a registry in AWS, and what the stack decides about it.
type session struct {
	settings.Settings
	config  aws.Config
	instead string // what is followed in the place of the account list; "" if nothing is
}

// introduce says which registry it is about, and what decides.
func (s *session) introduce(out io.Writer) {
	stack, list := "no stack", "list "+s.ListName
	switch {
	case s.Stack != "" && s.Observe:
		stack = fmt.Sprintf("stack %s (mode observe: it writes nothing)", s.Stack)
	case s.Stack != "":
		stack = "stack " + s.Stack
	}
	if s.instead != "" {
		list = fmt.Sprintf("%s in the place of list %s", s.instead, s.ListName)
	}
	fmt.Fprintf(out, "registry %s in %s, %s, %s\n\n", s.Standard.Registry.AccountID, s.Standard.Registry.Region, stack, list)
}

// connect finds out which registry the credentials are for, and the settings.
func connect(command *cobra.Command, f *flags) (*session, error) {
	s, home, err := reach(command.Context(), f)
	if err != nil {
		return nil, err
	}
	stack := ""
	if f.stack != "" {
		if stack, err = readStack(command, f, s.config); err != nil {
			return nil, err
		}
	}
	if s.Settings, err = f.parameters.Settings(stack, home); err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	return s, nil
}

// reach asks AWS who we are. It takes no permission.
func reach(ctx context.Context, f *flags) (*session, policy.Registry, error) {
	c, err := config.LoadDefaultConfig(ctx,
		config.WithSharedConfigProfile(f.profile), config.WithRegion(f.region), config.WithRetryer(pace.NewRetryer), config.WithHTTPClient(awsconfig.NewHTTPClient()),
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
		return nil, policy.Registry{}, fmt.Errorf("AWS refuses the credentials: %w; %s", err, f.signIn())
	case err != nil:
		return nil, policy.Registry{}, fmt.Errorf("ask AWS whose credentials these are: %w", err)
	}
	return &session{config: c}, policy.Registry{
		Partition: partitionOf(c.Region),
		Region:    c.Region,
		AccountID: aws.ToString(caller.Account),
	}, nil
}

// refused tells whether STS itself says no: a proxy or a wrong endpoint answers 403 too, but not in STS's words.
//
// https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
func refused(err error) bool {
	const undecoded = "UnknownError" // the SDK's code for such an answer
	var answer smithy.APIError
	var response *awshttp.ResponseError
	return errors.As(err, &answer) && answer.ErrorCode() != undecoded && errors.As(err, &response) && response.HTTPStatusCode() == http.StatusForbidden
}

// noCredentials says why there are none. The last place that the SDK looks at is the metadata of an EC2 instance: if that
// is what failed, nothing is configured.
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

// readStack takes the settings from the stack, and returns its name. Without a stack, unless one was named, the
// template's defaults and the flags stand.
func readStack(command *cobra.Command, f *flags, c aws.Config) (name string, err error) {
	output, err := cloudformation.NewFromConfig(c).DescribeStacks(command.Context(), &cloudformation.DescribeStacksInput{StackName: &f.stack})
	var answer smithy.APIError
	if errors.As(err, &answer) && answer.ErrorCode() == "ValidationError" { // CloudFormation's word for: no such stack
		if f.given("stack") { // a slip of the pen must not have another scope
			return "", fmt.Errorf("there is no stack %s in %s (--stack '' uses the template's defaults and the flags)", f.stack, c.Region)
		}
		fmt.Fprintf(command.ErrOrStderr(), "There is no stack %s in %s: the template's defaults and the flags stand.\n", f.stack, c.Region)
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the settings of stack %s (--stack '' uses the template's defaults and the flags): %w", f.stack, err)
	}
	parameters := map[string]string{}
	for _, stack := range output.Stacks {
		for _, o := range stack.Outputs {
			if aws.ToString(o.OutputKey) == "PrincipalCheckRepositoryName" {
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
