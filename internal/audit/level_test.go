package audit_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/audit"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// Managed statements of the registry policy are grants of the list that their Sid names. Statements at the level that
// doesn't grant are reported.
func TestPolicyLevel(t *testing.T) {
	namespaced := policy.Listed{Namespace: "team", Consumers: &policy.Consumers{Accounts: []string{"222222222222"}}}
	listed := policy.Listed{Consumers: &policy.Consumers{Accounts: []string{"111111111111"}}}
	registryPolicy := func(lists ...policy.Listed) string {
		atRegistry := standard()
		atRegistry.Level = policy.LevelRegistry
		existing, err := policy.ParseRegistryDocument("", atRegistry.Registry)
		if err != nil {
			t.Fatal(err)
		}
		change, err := atRegistry.Merge(existing, lists)
		if err != nil {
			t.Fatal(err)
		}
		return change.Document
	}
	whole := registryPolicy(listed, namespaced)
	for name, c := range map[string]struct {
		level      policy.Level
		registry   string
		lists      []policy.Listed
		repository string
		want       []string
	}{
		"as the lists require": {policy.LevelRegistry, whole, []policy.Listed{listed, namespaced}, "", nil},
		"no policy":            {policy.LevelRegistry, "", []policy.Listed{listed}, "", []string{"registry policy medium drift"}},
		"statement missing":    {policy.LevelRegistry, registryPolicy(listed), []policy.Listed{listed, namespaced}, "", []string{"registry policy medium drift"}},
		"deleted list":         {policy.LevelRegistry, whole, []policy.Listed{listed}, "", []string{"registry policy medium missing-list"}},
		"account added":        {policy.LevelRegistry, strings.Replace(whole, "111111111111", `111111111111","555555555555`, 1), []policy.Listed{listed, namespaced}, "", []string{"registry policy high outside-list"}},
		"account of the namespace for all": {policy.LevelRegistry, strings.Replace(whole, "111111111111", `111111111111","222222222222`, 1), []policy.Listed{listed, namespaced}, "",
			[]string{"registry policy high outside-list"}},
		"left in the registry policy": {policy.LevelRepository, registryPolicy(listed), []policy.Listed{listed}, merge(t, "", lists(listed.Consumers)), []string{"registry policy low other-level"}},
		"left in a repository":        {policy.LevelRegistry, registryPolicy(listed), []policy.Listed{listed}, merge(t, "", lists(listed.Consumers)), []string{"team/api low other-level"}},
	} {
		t.Run(name, func(t *testing.T) {
			at := standard()
			at.Level = c.level
			report, err := audit.Run(at, audit.Document{Text: c.registry, Lists: c.lists}, []audit.Document{{Repository: "team/api", Text: c.repository, Lists: lists(c.lists[0].Consumers)}}, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range report.Findings {
				got = append(got, f.Place()+" "+f.Severity.String()+" "+string(f.Kind))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v\n%+v", got, c.want, report.Findings)
			}
		})
	}
}
