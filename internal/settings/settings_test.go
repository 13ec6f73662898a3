package settings_test

import (
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/settings"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

func setEnvironment(t *testing.T, changes map[string]string) {
	t.Helper()
	environment := map[string]string{
		"STACK_NAME":          "ecr-pull-policy",
		"AWS_REGION":          "eu-central-1",
		"REGISTRY_PARTITION":  "aws",
		"REGISTRY_ACCOUNT_ID": "123456789012",
		"ACCOUNT_LIST_NAME":   "/ecr-pull-policy/accounts",
		"POLICY_LEVEL":        "repository",
		"GRANT_STYLE":         "principal",
		"LAMBDA_STATEMENT":    "on",
		"EXTRA_ACTIONS":       "",
		"INCLUDE":             "**",
		"EXCLUDE":             "",
		"MODE":                "enforce",

		"PRINCIPAL_CHECK_REPOSITORY": "ecr-pull-policy-principalcheckrepository-abc123",
	}
	maps.Copy(environment, changes)
	for name, value := range environment {
		t.Setenv(name, value)
	}
}

func TestFromEnvironment(t *testing.T) {
	setEnvironment(t, map[string]string{
		"EXTRA_ACTIONS":    "ecr:ListImages,ecr:DescribeImages",
		"POLICY_LEVEL":     "registry",
		"GRANT_STYLE":      "condition",
		"LAMBDA_STATEMENT": "off",
		"MODE":             "observe",
		"EXCLUDE":          "scratch-*/**",
	})
	s, err := settings.FromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	want := policy.Standard{
		Registry:     policy.Registry{Partition: "aws", Region: "eu-central-1", AccountID: "123456789012"},
		Style:        policy.GrantCondition,
		Level:        policy.LevelRegistry,
		Scope:        policy.Scope{Include: []string{"**"}, Exclude: []string{"scratch-*/**"}},
		ExtraActions: []string{"ecr:ListImages", "ecr:DescribeImages"},
	}
	if !reflect.DeepEqual(s.Standard, want) {
		t.Errorf("standard is %+v, want %+v", s.Standard, want)
	}
	if !s.Observe || s.Stack != "ecr-pull-policy" || s.ListName != "/ecr-pull-policy/accounts" {
		t.Errorf("got %+v", s)
	}
	if s.PrincipalCheckRepository != "ecr-pull-policy-principalcheckrepository-abc123" || s.Scope.Contains(s.PrincipalCheckRepository) {
		t.Errorf("the repository for checks is %q, or in scope", s.PrincipalCheckRepository)
	}
	if s.Scope.Contains("scratch-1/a") || !s.Scope.Contains("a/api") {
		t.Error("scope is not that of the environment")
	}
	if s.PrincipalCheckRepository == "" || s.Scope.Contains(s.PrincipalCheckRepository) {
		t.Errorf("the stack's own repository %q is in scope", s.PrincipalCheckRepository)
	}
}

func TestDefaultsOfTheTemplate(t *testing.T) {
	setEnvironment(t, nil)
	s, err := settings.FromEnvironment()
	if err != nil || s.Observe || !s.Standard.Lambda || len(s.Standard.ExtraActions) != 0 {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestWrongEnvironment(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"MODE", "watch", `"watch" is neither enforce nor observe`},
		{"LAMBDA_STATEMENT", "yes", `"yes" is neither on nor off`},
		{"GRANT_STYLE", "open", "grant style"},
		{"POLICY_LEVEL", "account", "policy level"},
		{"EXTRA_ACTIONS", "ecr:PutImage", "ecr:PutImage"},
		{"INCLUDE", "team-[a", `"team-[a": invalid pattern`},
		{"INCLUDE", "", "INCLUDE"},
		{"REGISTRY_PARTITION", "moon", "moon"},
		{"PRINCIPAL_CHECK_REPOSITORY", "", "PRINCIPAL_CHECK_REPOSITORY"},
	} {
		t.Run(c.name+"="+c.value, func(t *testing.T) {
			setEnvironment(t, map[string]string{c.name: c.value})
			if _, err := settings.FromEnvironment(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error that contains %s", err, c.want)
			}
		})
	}
}
