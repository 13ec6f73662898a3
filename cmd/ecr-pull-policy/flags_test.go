package main

import (
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/settings"
)

func TestFlagsOverrideTheStack(t *testing.T) {
	stack := map[string]string{
		"AccountListName": "/other", "GrantStyle": "condition", "LambdaStatement": "off",
		"ExtraActions": "", "Include": "team-a/**,team-b/**", "Exclude": "**/scratch", "Mode": "observe", "PolicyLevel": "registry",
	}
	f := newFlags(program{errOut: io.Discard})
	set := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.registerRepositories(set)
	if err := set.Parse([]string{"--grant-style", "principal", "--include", "**", "--exclude", "team-c/**"}); err != nil {
		t.Fatal(err)
	}
	if err := f.useStack(stack); err != nil {
		t.Fatal(err)
	}
	want := settings.Parameters{
		AccountListName: "/other", GrantStyle: "principal", LambdaStatement: "off",
		ExtraActions: []string{}, Include: []string{"team-a/**", "team-b/**"}, Exclude: []string{"**/scratch"}, Mode: "observe", PolicyLevel: "registry",
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
	for region, want := range map[string]string{
		"eu-west-1": "aws", "cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov", "eusc-de-east-1": "aws-eusc",
		"us-iso-east-1": "aws-iso", "us-isob-east-1": "aws-iso-b",
	} {
		if got, err := partitionOf(region); got != want || err != nil {
			t.Errorf("%s is in %q, want %s: %v", region, got, want, err)
		}
	}
	for _, region := range []string{"xx-moon-1", "eu-central", "EU-CENTRAL-1", ""} {
		if got, err := partitionOf(region); err == nil || got != "" {
			t.Errorf("%q is in %q", region, got)
		}
	}
}

// Commands that connect to AWS get the partition from the caller's ARN.
func TestPartitionOfTheCaller(t *testing.T) {
	for _, partition := range []string{"aws", "aws-cn", "aws-us-gov", "aws-eusc", "aws-iso", "aws-iso-b", "aws-tomorrow"} {
		newCloudIn(t, partition)
		status, out := call(t.Context(), "render", "a/api", "--accounts", "111111111111", "--region", "xx-moon-1", "--lambda-statement", "off")
		if status != 0 {
			t.Errorf("%s: exit status %d", partition, status)
		}
		contains(t, out, `"arn:`+partition+`:iam::111111111111:root"`)
	}
}
