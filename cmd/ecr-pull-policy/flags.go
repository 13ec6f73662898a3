package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/hashicorp/aws-sdk-go-base/v2/endpoints"
	"github.com/spf13/pflag"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/doctor"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/scope"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/settings"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// flags are the flags that commands share. Each command registers those that it supports.
type flags struct {
	all             *pflag.FlagSet
	profile, region string
	stack           string
	parameters      settings.Parameters // of the stack, overridden by flags
	outputs         map[string]string   // of the stack
	stackLevel      string              // the policy level of the stack, whatever the flag says
	stackMode       string              // of the stack, whatever --mode is
	stackStatus     string              // of the stack, such as UPDATE_COMPLETE
	repositories    []string            // the repositories that the arguments of the command name
	include         []string            // these narrow the scope of the stack
	exclude         []string
	removeDead      bool          // remove deleted principals from unmanaged statements
	timeout         time.Duration // of one attempt to call AWS
	quiet, debug    bool
	errOut          io.Writer // standard error
	program         string    // how the program was started, for commands to run

	// What is known of the credentials and the Region, for error messages.
	connected       aws.Config
	fromEnvironment bool // the credentials are environment variables
}

const (
	extraActions = "extra-actions"
	removeDead   = "remove-dead-principals"
	policyLevel  = "policy-level"
)

const programName = "ecr-pull-policy"

func newFlags(p program) *flags {
	f := &flags{
		all: pflag.NewFlagSet("", pflag.ContinueOnError), parameters: settings.Defaults(), outputs: map[string]string{},
		timeout: p.timeout, errOut: p.errOut, program: startedAs(p.path),
	}
	f.all.StringVar(&f.profile, "profile", "", "AWS profile to use")
	f.all.StringVar(&f.region, "region", "", "Region of the registry; overrides AWS_REGION")
	f.all.StringVar(&f.stack, "stack", "ecr-pull-policy", "CloudFormation stack to read settings from; plan, apply, render, and audit accept '' for the template's defaults, and remove accepts '' to ignore the stack")

	s := &f.parameters
	f.all.StringVar(&s.AccountListName, "list-name", s.AccountListName, "SSM parameter that contains the account list")
	choose(f.all, &s.GrantStyle, "grant-style", "how the policy grants access, by names of accounts, roles, and users or using conditions, which are shorter", string(policy.GrantPrincipal), string(policy.GrantCondition))
	choose(f.all, &s.LambdaStatement, "lambda-statement", "whether Lambda functions in the listed accounts, organizations, and OUs can use the images", "on", "off")
	f.all.StringSliceVar(&s.ExtraActions, extraActions, s.ExtraActions, "actions that the policy grants in addition to pull actions, for example ecr:DescribeImages")
	f.all.StringSliceVar(&f.include, "include", nil, "name patterns of repositories to select; all others are left out")
	f.all.StringSliceVar(&f.exclude, "exclude", nil, "name patterns of repositories to leave out")
	f.all.BoolVar(&f.removeDead, removeDead, false,
		"remove the IDs of deleted roles and users (AROA…, AIDA…) from unmanaged statements, because ECR rejects policies with them")
	choose(f.all, &s.PolicyLevel, policyLevel, "which policy grants access: that of each repository, or that of the registry", string(policy.LevelRepository), string(policy.LevelRegistry))
	choose(f.all, &s.Mode, "mode", "mode to use instead of the Mode of the stack; apply fails if it is observe; the default applies only without a stack", "enforce", "observe")
	return f
}

// startedAs returns how to start the program again, given the first of the arguments of its process: the path, if it is
// one, because the shell may not find the name alone.
func startedAs(path string) string {
	if strings.Contains(path, "/") {
		return doctor.Quote(path)
	}
	return programName
}

// notes returns the writer for what isn't a result, a warning, or an error.
func (f *flags) notes() io.Writer {
	if f.quiet {
		return io.Discard
	}
	return f.errOut
}

// progress returns the writer for progress bars, which would overwrite the log of --debug.
func (f *flags) progress() io.Writer {
	if f.debug {
		return io.Discard
	}
	return f.notes()
}

// registerStandard adds the flags for the standard policy.
func (f *flags) registerStandard(set *pflag.FlagSet) {
	f.register(set, "region", "grant-style", "lambda-statement", "extra-actions", policyLevel)
}

// registerRegistry adds the flags for the registry, the account lists, and the standard policy.
func (f *flags) registerRegistry(set *pflag.FlagSet) {
	f.registerStandard(set)
	f.register(set, "profile", "stack", "list-name")
}

// registerRepositories adds the flags that select repositories, and those of registerRegistry.
func (f *flags) registerRepositories(set *pflag.FlagSet) {
	f.registerRegistry(set)
	f.register(set, "include", "exclude")
}

func (f *flags) register(set *pflag.FlagSet, names ...string) {
	for _, name := range names {
		set.AddFlag(f.all.Lookup(name))
	}
}

// given reports whether a flag was passed.
func (f *flags) given(name string) bool { return f.all.Lookup(name).Changed }

// useStack sets the scope, and the flags that weren't passed, from the parameters of the stack.
func (f *flags) useStack(parameters map[string]string) error {
	patterns := func(target *[]string) func(string) error {
		return func(value string) error {
			*target = settings.Items(value)
			return nil
		}
	}
	flag := func(name string) func(string) error {
		if f.given(name) {
			return func(string) error { return nil }
		}
		return f.all.Lookup(name).Value.Set
	}
	f.stackLevel = string(policy.LevelRepository) // that of a stack that an earlier version deployed, without the parameter
	if value, ok := parameters["PolicyLevel"]; ok {
		f.stackLevel = value
	}
	if err := flag(policyLevel)(f.stackLevel); err != nil {
		return fmt.Errorf("parameter PolicyLevel of stack %s: %w", f.stack, err)
	}
	for parameter, set := range map[string]func(string) error{
		"AccountListName": flag("list-name"),
		"GrantStyle":      flag("grant-style"),
		"LambdaStatement": flag("lambda-statement"),
		"ExtraActions":    flag("extra-actions"),
		"Include":         patterns(&f.parameters.Include),
		"Exclude":         patterns(&f.parameters.Exclude),
		"Mode":            flag("mode"),
	} {
		value, ok := parameters[parameter]
		if !ok {
			return fmt.Errorf("stack %s has no parameter %s, so it isn't an ecr-pull-policy stack; specify another one with --stack", f.stack, parameter)
		}
		if err := set(value); err != nil {
			return fmt.Errorf("parameter %s of stack %s: %w", parameter, f.stack, err)
		}
	}
	return nil
}

// connection returns the flags for the profile and the Region that were passed, for commands to run.
func (f *flags) connection() string {
	passed := ""
	for _, name := range []string{"profile", "region"} {
		if f.given(name) {
			passed += " --" + name + " " + doctor.Quote(f.all.Lookup(name).Value.String())
		}
	}
	return passed
}

// selection returns the repositories that the command is for.
func (f *flags) selection() (scope.Selection, error) {
	for name, patterns := range map[string]*[]string{"include": &f.include, "exclude": &f.exclude} {
		if f.given(name) && len(*patterns) == 0 {
			*patterns = []string{""} // pflag makes no pattern of an empty value
		}
	}
	return scope.NewSelection(f.repositories, f.include, f.exclude)
}

// offlineRegion returns the Region without reading a configuration file, and reports whether it was specified.
func (f *flags) offlineRegion() (region string, given bool) {
	for _, region := range []string{f.region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")} {
		if region != "" {
			return region, true
		}
	}
	return "us-east-1", false
}

// partitionOf returns the partition of a Region. It is for commands that run offline. All others get the partition from
// AWS.
func partitionOf(region string) (string, error) {
	partition, ok := endpoints.PartitionForRegion(endpoints.DefaultPartitions(), region)
	if !ok {
		return "", fmt.Errorf("%q: unknown Region; check the spelling, or pass --check-principals if the Region is newer than this program", region)
	}
	return partition.ID(), nil
}
