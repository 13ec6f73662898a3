package main

import (
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/settings"
)

func TestFlagsOverrideTheStack(t *testing.T) {
	stack := map[string]string{
		"AccountListName": "/other", "GrantStyle": "condition", "LambdaStatement": "off",
		"ExtraActions": "", "Include": "team-a/**,team-b/**", "Exclude": "**/scratch", "Mode": "observe",
	}
	f := newFlags()
	set := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.registerRepositories(set)
	if err := set.Parse([]string{"--grant-style", "principal", "--exclude", ""}); err != nil {
		t.Fatal(err)
	}
	if err := f.useStack(stack); err != nil {
		t.Fatal(err)
	}
	want := settings.Parameters{
		AccountListName: "/other", GrantStyle: "principal", LambdaStatement: "off",
		ExtraActions: []string{}, Include: []string{"team-a/**", "team-b/**"}, Exclude: []string{}, Mode: "observe",
	}
	if !reflect.DeepEqual(f.parameters, want) {
		t.Errorf("got  %+v\nwant %+v", f.parameters, want)
	}
	delete(stack, "Include")
	if err := f.useStack(stack); err == nil || !strings.Contains(err.Error(), "has no parameter Include") {
		t.Errorf("another application's stack: %v", err)
	}
}

func TestPartitionOf(t *testing.T) {
	for region, want := range map[string]string{"eu-west-1": "aws", "cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov"} {
		if got := partitionOf(region); got != want {
			t.Errorf("%s is in %s, want %s", region, got, want)
		}
	}
}
