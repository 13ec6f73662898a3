package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
	"github.com/spf13/cobra"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/scope"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/settings"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// fewAttempts is the number of attempts for calls whose failure the operator sees and can retry.
const fewAttempts = 2

// checkOutput is the output of the stack with the name of the repository for checking principals.
const checkOutput = "PrincipalCheckRepositoryName"

// need specifies whether a command requires a stack.
type need bool

const (
	stackOptional need = false // without the default stack, the template's defaults and the flags apply
	stackRequired need = true  // unless --stack '' is passed
)

// session is a registry in AWS and the settings for it.
type session struct {
	settings.Settings
	config    aws.Config
	selection scope.Selection // the repositories that the command is for, in scope or not
	whole     bool            // these are all repositories

	// keepsRegistry reports whether the command has nothing to do with the registry policy.
	keepsRegistry bool

	lists []listOverride // used instead of those in SSM
	flags *flags
}

// writeHeader writes which registry, stack, and account lists are used, unless --quiet was passed.
func (s *session) writeHeader(out io.Writer) {
	if s.flags.quiet {
		return
	}
	stack, lists := "no stack", []string{"list " + s.ListName}
	switch {
	case s.Stack != "" && s.Observe:
		stack = fmt.Sprintf("stack %s (mode observe: it writes nothing)", s.Stack)
	case s.Stack != "":
		stack = "stack " + s.Stack
	}
	for _, list := range s.lists {
		if list.name == s.ListName {
			lists[0] = fmt.Sprintf("%s instead of list %s", list.source, list.name)
		} else {
			lists = append(lists, fmt.Sprintf("%s as list %s", list.source, list.name))
		}
	}
	header := fmt.Sprintf("registry %s in %s, %s, %s", s.Standard.Registry.AccountID, s.Standard.Registry.Region, stack, strings.Join(lists, ", "))
	if isTerminal(out) {
		header = wrap(header, width(out))
	}
	fmt.Fprintf(out, "%s\n\n", header)
}

// connect identifies the registry by the credentials, and reads the settings.
func connect(command *cobra.Command, f *flags, stackNeed need) (*session, error) {
	selection, err := f.selection()
	if err != nil {
		return nil, err
	}
	s, err := identify(command.Context(), f)
	if err != nil {
		return nil, err
	}
	s.selection = selection
	s.whole = len(f.repositories)+len(f.include)+len(f.exclude) == 0
	stack := ""
	if f.stack != "" {
		if stack, err = readStack(command, f, s.config, stackNeed); err != nil {
			return nil, err
		}
	}
	if s.Settings, err = f.parameters.Settings(stack, s.Standard.Registry); err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	return s, nil
}

// identify returns a session whose only setting is the registry: the account and the partition of the credentials. It
// requires no permissions.
func identify(ctx context.Context, f *flags) (*session, error) {
	var options []func(*middleware.Stack) error
	if f.debug {
		options = append(options, awsclient.LogCalls(slog.New(slog.NewTextHandler(f.errOut, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	}
	c, err := config.LoadDefaultConfig(ctx,
		config.WithSharedConfigProfile(f.profile), config.WithRegion(f.region), config.WithRetryer(newRetryer), config.WithHTTPClient(newHTTPClient(f.timeout)),
		config.WithAPIOptions(options), config.WithLogger(logging.Nop{})) // the errors contain what an operator needs
	if missing, ok := errors.AsType[config.SharedConfigProfileNotExistError](err); ok {
		return nil, fmt.Errorf("profile %s doesn't exist; to list the profiles, run: aws configure list-profiles", missing.Profile)
	}
	if err != nil {
		return nil, fmt.Errorf("configure the AWS SDK: %w", err)
	}
	f.connected = c
	switch {
	case c.Region == "":
		return nil, errors.New("no Region is configured; pass --region or set AWS_REGION")
	case strings.Trim(c.Region, "abcdefghijklmnopqrstuvwxyz0123456789-") != "":
		return nil, fmt.Errorf("%q: invalid Region; expected a name such as eu-central-1", c.Region)
	}
	credentials, err := c.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, f.noCredentials(err)
	}
	f.fromEnvironment = credentials.Source == config.CredentialsSourceName
	client := sts.NewFromConfig(c, func(o *sts.Options) { o.RetryMaxAttempts = fewAttempts })
	caller, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	switch {
	case isRejection(err):
		return nil, fmt.Errorf("%w: %w", errRejected, err)
	case err != nil:
		return nil, fmt.Errorf("get the account of the credentials: %w", err)
	}
	self, err := arn.Parse(aws.ToString(caller.Arn))
	if err != nil {
		return nil, fmt.Errorf("get the partition of the credentials: STS returned the ARN %q: %w", aws.ToString(caller.Arn), err)
	}
	s := &session{config: c, flags: f}
	s.Standard.Registry = policy.Registry{Partition: self.Partition, Region: c.Region, AccountID: self.AccountID}
	return s, nil
}

// isRejection reports whether STS itself rejected the credentials. A proxy or a wrong endpoint also responds with 403,
// but not with an error code of STS.
//
// https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
func isRejection(err error) bool {
	_, returned := awsclient.Returned(err)
	response, ok := errors.AsType[*awshttp.ResponseError](err)
	return returned && ok && response.HTTPStatusCode() == http.StatusForbidden
}

// noCredentials returns the error for missing credentials. The last source that the SDK tries is the metadata of an EC2
// instance. If that failed, no credentials are configured.
func (f *flags) noCredentials(err error) error {
	if call, ok := errors.AsType[*smithy.OperationError](err); ok && call.ServiceID == "ec2imds" {
		return errors.New("no AWS credentials found; " + f.signIn())
	}
	return fmt.Errorf("get AWS credentials: %w; %s", err, f.signIn())
}

// readStack reads the settings of the stack, and returns its name, or "" if the stack doesn't exist and isn't required.
func readStack(command *cobra.Command, f *flags, c aws.Config, stackNeed need) (name string, err error) {
	output, err := cloudformation.NewFromConfig(c).DescribeStacks(command.Context(), &cloudformation.DescribeStacksInput{StackName: &f.stack})
	if awsclient.HasCode(err, "ValidationError") { // CloudFormation's code for a stack that doesn't exist
		if stackNeed == stackRequired || f.given("stack") { // a typo must not change the scope
			return "", fmt.Errorf("stack %s doesn't exist in %s; specify the stack with --stack and its Region with --region, or pass --stack '' to use the template's defaults and the flags",
				f.stack, c.Region)
		}
		fmt.Fprintf(f.notes(), "note: stack %s doesn't exist in %s; using the template's defaults and the flags\n", f.stack, c.Region)
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the settings of stack %s: %w; pass --stack '' to use the template's defaults and the flags", f.stack, err)
	}
	parameters := map[string]string{}
	for _, stack := range output.Stacks {
		f.stackStatus = string(stack.StackStatus)
		for _, o := range stack.Outputs {
			f.outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
		}
		for _, p := range stack.Parameters {
			parameters[aws.ToString(p.ParameterKey)] = aws.ToString(p.ParameterValue)
		}
	}
	f.parameters.PrincipalCheckRepository = f.outputs[checkOutput]
	f.stackMode = parameters["Mode"]
	return f.stack, f.useStack(parameters)
}

// policies returns the repository policies of the registry.
func (s *session) policies() *registry.Policies {
	return registry.NewPolicies(ecr.NewFromConfig(s.config))
}

// selected returns the sorted names of the repositories that the command is for, including those out of scope, but not
// the stack's own repository.
func (s *session) selected(ctx context.Context) ([]string, error) {
	names, err := registry.AllNames(ctx, ecr.NewFromConfig(s.config))
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == s.PrincipalCheckRepository })
	slices.Sort(names)
	return s.selection.From(names)
}

// repositories returns the sorted names of the selected repositories in scope, and the number of those out of scope. It
// fails if an argument or a pattern selects only repositories out of scope.
func (s *session) repositories(ctx context.Context) (names []string, outOfScope int, err error) {
	selected, err := s.selected(ctx)
	if err != nil {
		return nil, 0, err
	}
	for _, name := range selected {
		if s.Scope.Contains(name) {
			names = append(names, name)
		} else {
			outOfScope++
		}
	}
	var errs []error
	for _, pattern := range s.selection.Unmatched(names) {
		errs = append(errs, fmt.Errorf("%q: out of scope, so its policy isn't managed; the parameters Include and Exclude of the stack specify the scope", pattern))
	}
	return names, outOfScope, errors.Join(errs...)
}
