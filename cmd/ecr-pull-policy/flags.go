package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/settings"
)

// flags are those that commands share. Each command registers those that mean something to it.
type flags struct {
	all             *pflag.FlagSet
	profile, region string
	stack           string
	parameters      settings.Parameters // of the stack, or as the flags say
}

func newFlags() *flags {
	f := &flags{all: pflag.NewFlagSet("", pflag.ContinueOnError), parameters: settings.Defaults()}
	f.all.StringVar(&f.profile, "profile", "", "profile of the AWS configuration files")
	f.all.StringVar(&f.region, "region", "", "Region of the registry, in the place of AWS_REGION")
	f.all.StringVar(&f.stack, "stack", "ecr-pull-policy", "stack whose parameters to use; empty for none")

	p := &f.parameters
	f.all.StringVar(&p.AccountListName, "list-name", p.AccountListName, "SSM parameter that lists who may pull")
	f.all.StringVar(&p.GrantStyle, "grant-style", p.GrantStyle, "principal (names each account) or condition (shorter, for many accounts)")
	f.all.StringVar(&p.LambdaStatement, "lambda-statement", p.LambdaStatement, "on or off: whether functions of the listed accounts may run the images")
	f.all.StringSliceVar(&p.ExtraActions, "extra-actions", p.ExtraActions, "pull-side actions beyond the three that a pull needs, such as ecr:DescribeImages")
	f.all.StringSliceVar(&p.Include, "include", p.Include, "patterns of the repositories in scope")
	f.all.StringSliceVar(&p.Exclude, "exclude", p.Exclude, "patterns of the repositories out of scope")
	f.all.StringVar(&p.Mode, "mode", p.Mode, "enforce or observe: whether to write")
	return f
}

// registerStandard adds the flags that make the standard policy.
func (f *flags) registerStandard(set *pflag.FlagSet) {
	f.register(set, "region", "grant-style", "lambda-statement", "extra-actions")
}

// registerRegistry adds the flags that say which registry and lists it is about, and the standard policy.
func (f *flags) registerRegistry(set *pflag.FlagSet) {
	f.registerStandard(set)
	f.register(set, "profile", "stack", "list-name")
}

// registerRepositories adds the flags that say which repositories it is about, and all above.
func (f *flags) registerRepositories(set *pflag.FlagSet) {
	f.registerRegistry(set)
	f.register(set, "include", "exclude")
}

func (f *flags) register(set *pflag.FlagSet, names ...string) {
	for _, name := range names {
		set.AddFlag(f.all.Lookup(name))
	}
}

// given tells whether a flag is given.
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
			return fmt.Errorf("stack %s has no parameter %s: it is none of ecr-pull-policy; name another with --stack", f.stack, parameter)
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

// offlineRegion returns the Region without a call or a configuration file, and whether it is given.
func (f *flags) offlineRegion() (region string, given bool) {
	for _, region := range []string{f.region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")} {
		if region != "" {
			return region, true
		}
	}
	return "us-east-1", false
}

// partitionOf returns the partition that a Region is in.
//
// https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html
func partitionOf(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}
