package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/settings"
)

// flags are those of all commands.
type flags struct {
	profile, region string
	stack           string
	parameters      settings.Parameters // of the stack, or as the flags say
}

func newFlags() *flags { return &flags{parameters: settings.Defaults()} }

func (f *flags) register(set *pflag.FlagSet) {
	set.StringVar(&f.profile, "profile", "", "profile of the AWS configuration files")
	set.StringVar(&f.region, "region", "", "Region of the registry")
	set.StringVar(&f.stack, "stack", "ecr-pull-policy", "stack whose parameters to use; empty for none")

	p := &f.parameters
	set.StringVar(&p.AccountListName, "list-name", p.AccountListName, "SSM parameter that lists who may pull")
	set.StringVar(&p.GrantStyle, "grant-style", p.GrantStyle, "principal or condition")
	set.StringVar(&p.LambdaStatement, "lambda-statement", p.LambdaStatement, "on or off: whether functions of the listed accounts may run the images")
	set.StringSliceVar(&p.ExtraActions, "extra-actions", p.ExtraActions, "pull-side actions beyond the three that a pull needs")
	set.StringSliceVar(&p.Include, "include", p.Include, "patterns of the repositories in scope")
	set.StringSliceVar(&p.Exclude, "exclude", p.Exclude, "patterns of the repositories out of scope")
}

// useStack takes a stack's parameters for all flags that are not given.
func (f *flags) useStack(set *pflag.FlagSet, parameters map[string]string) error {
	for flag, parameter := range map[string]string{
		"list-name":        "AccountListName",
		"grant-style":      "GrantStyle",
		"lambda-statement": "LambdaStatement",
		"extra-actions":    "ExtraActions",
		"include":          "Include",
		"exclude":          "Exclude",
	} {
		value, ok := parameters[parameter]
		if !ok {
			return fmt.Errorf("stack %s has no parameter %s: it is none of ecr-pull-policy; name another with --stack", f.stack, parameter)
		}
		if set.Changed(flag) {
			continue
		}
		if err := set.Lookup(flag).Value.Set(value); err != nil {
			return fmt.Errorf("parameter %s of stack %s: %w", parameter, f.stack, err)
		}
	}
	return nil
}

// offlineRegion returns the Region without a call or a configuration file.
func (f *flags) offlineRegion() string {
	for _, region := range []string{f.region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")} {
		if region != "" {
			return region
		}
	}
	return "us-east-1"
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
