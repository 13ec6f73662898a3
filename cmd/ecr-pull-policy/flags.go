package main

import (
	"fmt"
	"os"
	"time"

	"github.com/hashicorp/aws-sdk-go-base/v2/endpoints"
	"github.com/spf13/pflag"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/settings"
)

// flags are those that commands share. Each command registers those that mean something to it.
type flags struct {
	all             *pflag.FlagSet
	profile, region string
	stack           string
	parameters      settings.Parameters // of the stack, or as the flags say
	timeout         time.Duration       // of one attempt of a call to AWS
}

func newFlags(timeout time.Duration) *flags {
	f := &flags{all: pflag.NewFlagSet("", pflag.ContinueOnError), parameters: settings.Defaults(), timeout: timeout}
	f.all.StringVar(&f.profile, "profile", "", "profile in the AWS configuration files")
	f.all.StringVar(&f.region, "region", "", "Region of the registry, instead of AWS_REGION")
	f.all.StringVar(&f.stack, "stack", "ecr-pull-policy", "CloudFormation stack to read settings from; '' to use the template's defaults and the flags")

	p := &f.parameters
	f.all.StringVar(&p.AccountListName, "list-name", p.AccountListName, "SSM parameter with the account list")
	f.all.StringVar(&p.GrantStyle, "grant-style", p.GrantStyle, "principal (names each account, role and user) or condition (shorter, names none)")
	f.all.StringVar(&p.LambdaStatement, "lambda-statement", p.LambdaStatement, "on or off: whether Lambda functions of the listed accounts can use the images")
	f.all.StringSliceVar(&p.ExtraActions, "extra-actions", p.ExtraActions, "additional actions to grant, such as ecr:DescribeImages")
	f.all.StringSliceVar(&p.Include, "include", p.Include, "patterns of the repositories in scope")
	f.all.StringSliceVar(&p.Exclude, "exclude", p.Exclude, "patterns of the repositories out of scope")
	f.all.StringVar(&p.Mode, "mode", p.Mode, "enforce, or observe to write nothing")
	return f
}

// registerStandard adds the flags that decide the standard policy.
func (f *flags) registerStandard(set *pflag.FlagSet) {
	f.register(set, "region", "grant-style", "lambda-statement", "extra-actions")
}

// registerRegistry adds the flags that decide the registry, the lists, and the standard policy.
func (f *flags) registerRegistry(set *pflag.FlagSet) {
	f.registerStandard(set)
	f.register(set, "profile", "stack", "list-name")
}

// registerRepositories adds the flags that decide the scope, and all above.
func (f *flags) registerRepositories(set *pflag.FlagSet) {
	f.registerRegistry(set)
	f.register(set, "include", "exclude")
}

func (f *flags) register(set *pflag.FlagSet, names ...string) {
	for _, name := range names {
		set.AddFlag(f.all.Lookup(name))
	}
}

// given reports whether a flag is given.
func (f *flags) given(name string) bool { return f.all.Lookup(name).Changed }

// useStack takes a stack's parameters for all flags that are not given.
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
			return fmt.Errorf("stack %s has no parameter %s: it isn't a stack of ecr-pull-policy; name another with --stack", f.stack, parameter)
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

// offlineRegion returns the Region without reading a configuration file, and reports whether it is given.
func (f *flags) offlineRegion() (region string, given bool) {
	for _, region := range []string{f.region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")} {
		if region != "" {
			return region, true
		}
	}
	return "us-east-1", false
}

// partitionOf returns the partition that a Region is in. It is for commands that run offline: the others take the partition
// from AWS.
func partitionOf(region string) (string, error) {
	partition, ok := endpoints.PartitionForRegion(endpoints.DefaultPartitions(), region)
	if !ok {
		return "", fmt.Errorf("the partition of Region %q isn't known: check the spelling; for a Region newer than this program, use --check-principals, which takes the partition from AWS", region)
	}
	return partition.ID(), nil
}
