package main

import (
	"fmt"
	"os"
	"time"

	"github.com/hashicorp/aws-sdk-go-base/v2/endpoints"
	"github.com/spf13/pflag"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/settings"
)

// flags are the flags that commands share. Each command registers those that it supports.
type flags struct {
	all             *pflag.FlagSet
	profile, region string
	stack           string
	parameters      settings.Parameters // of the stack, overridden by flags
	timeout         time.Duration       // of one attempt to call AWS
}

func newFlags(timeout time.Duration) *flags {
	f := &flags{all: pflag.NewFlagSet("", pflag.ContinueOnError), parameters: settings.Defaults(), timeout: timeout}
	f.all.StringVar(&f.profile, "profile", "", "AWS profile to use")
	f.all.StringVar(&f.region, "region", "", "Region of the registry; overrides AWS_REGION")
	f.all.StringVar(&f.stack, "stack", "ecr-pull-policy", "CloudFormation stack to read settings from; plan, apply, render, and audit accept '' for the template's defaults")

	p := &f.parameters
	f.all.StringVar(&p.AccountListName, "list-name", p.AccountListName, "SSM parameter that contains the account list")
	f.all.StringVar(&p.GrantStyle, "grant-style", p.GrantStyle, "how the policy grants access: principal (names accounts, roles, and users) or condition (shorter for many accounts)")
	f.all.StringVar(&p.LambdaStatement, "lambda-statement", p.LambdaStatement, "whether Lambda functions in the listed accounts can use the images: on or off")
	f.all.StringSliceVar(&p.ExtraActions, "extra-actions", p.ExtraActions, "actions that the policy grants in addition to pull actions, for example ecr:DescribeImages")
	f.all.StringSliceVar(&p.Include, "include", p.Include, "name patterns of the repositories in scope")
	f.all.StringSliceVar(&p.Exclude, "exclude", p.Exclude, "name patterns of repositories to exclude from the scope")
	f.all.StringVar(&p.Mode, "mode", p.Mode, "enforce, or observe, with which apply fails; overrides the Mode of the stack")
	return f
}

// registerStandard adds the flags for the standard policy.
func (f *flags) registerStandard(set *pflag.FlagSet) {
	f.register(set, "region", "grant-style", "lambda-statement", "extra-actions")
}

// registerRegistry adds the flags for the registry, the account lists, and the standard policy.
func (f *flags) registerRegistry(set *pflag.FlagSet) {
	f.registerStandard(set)
	f.register(set, "profile", "stack", "list-name")
}

// registerRepositories adds the flags for the scope, and those of registerRegistry.
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

// useStack sets the flags that weren't passed from the parameters of the stack.
func (f *flags) useStack(parameters map[string]string) error {
	for flag, parameter := range map[string]string{
		"list-name":        "AccountListName",
		"grant-style":      "GrantStyle",
		"lambda-statement": "LambdaStatement",
		"extra-actions":    "ExtraActions",
		"include":          "Include",
		"exclude":          "Exclude",
		"mode":             "Mode",
	} {
		value, ok := parameters[parameter]
		if !ok {
			return fmt.Errorf("stack %s has no parameter %s, so it isn't an ecr-pull-policy stack; specify another one with --stack", f.stack, parameter)
		}
		if f.given(flag) {
			continue
		}
		if err := f.all.Lookup(flag).Value.Set(value); err != nil {
			return fmt.Errorf("parameter %s of stack %s: %w", parameter, f.stack, err)
		}
	}
	return nil
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
