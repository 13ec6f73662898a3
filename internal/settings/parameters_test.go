package settings_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/settings"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// The command line without a stack does what a stack with the template's defaults does.
func TestParametersAreThoseOfTheEnvironment(t *testing.T) {
	setEnvironment(t, nil)
	want, err := settings.FromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	got, err := settings.Defaults().Settings("ecr-pull-policy", want.Standard.Registry)
	if err != nil {
		t.Fatal(err)
	}
	got.Standard.ExtraActions, want.Standard.ExtraActions = nil, nil // one has an empty list, the other none
	if got.ListName != want.ListName || got.Stack != want.Stack || got.Observe != want.Observe ||
		!reflect.DeepEqual(got.Standard, want.Standard) || !got.Scope.Contains("a/b/c") {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestListNames(t *testing.T) {
	for name, want := range map[string]bool{
		"/accounts": true, "/a/b/c/d/e": true,
		"": false, "/": false, "accounts": false, "/bad name": false, "/accounts/": false, "/a/b/c/d/e/f": false, "/" + strings.Repeat("a", 200): false,
	} {
		p := settings.Defaults()
		p.AccountListName = name
		_, err := p.Settings("", policy.Registry{Partition: "aws", Region: "eu-central-1", AccountID: "123456789012"})
		if (err == nil) != want {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestWrongParameters(t *testing.T) {
	p := settings.Defaults()
	p.LambdaStatement, p.GrantStyle, p.Include, p.Mode = "yes", "open", []string{"team-[a"}, "watch"
	_, err := p.Settings("", policy.Registry{Partition: "aws", Region: "eu-central-1", AccountID: "123456789012"})
	for _, want := range []string{`LambdaStatement: "yes" is neither on nor off`, `grant style "open"`, `"team-[a": invalid pattern`, `Mode: "watch" is neither`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v doesn't contain %s", err, want)
		}
	}
}
