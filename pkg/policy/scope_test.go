package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

func atRegistry(include, exclude string) policy.Standard {
	s := standard(policy.GrantPrincipal)
	s.Level = policy.LevelRegistry
	s.Scope = policy.Scope{Include: strings.Fields(include), Exclude: strings.Fields(exclude)}
	return s
}

// on is a list of a namespace for one account, which differs by namespace.
func on(namespace string) policy.Listed {
	return policy.Listed{Namespace: namespace, Consumers: accounts("111111111111")}
}

func TestScopeOfRegistryPolicy(t *testing.T) {
	for _, test := range []struct {
		include, exclude, namespace string
		want                        string // the element, or what the error contains
	}{
		{"", "", "", `"Resource":["*"]`},
		{"**", "", "", `"Resource":["*"]`},
		{"", "", "team-a/api", `"Resource":["team-a/api","team-a/api/*"]`},
		{"team-a/** team-b", "", "", `"Resource":["team-a","team-a/*","team-b"]`},
		{"team-a/** team-a/api **", "", "", `"Resource":["*"]`},
		{"team-*/**", "", "", `"Resource":["team-*"]`},
		{"**/*-prod", "", "", `"Resource":["*-prod"]`},
		{"**/prod/**", "", "", `"Resource":["*/prod","*/prod/*","prod","prod/*"]`},
		{"a/**/b", "", "", `"Resource":["a/*/b","a/b"]`},
		// Exclude
		{"", "sandbox/**", "", `"NotResource":["sandbox","sandbox/*"]`},
		{"", "**/scratch-*/**", "", `"NotResource":["*/scratch-*","scratch-*"]`},
		{"team-a/**", "sandbox/**", "", `"Resource":["team-a","team-a/*"]`},
		{"team-a/** team-b/**", "team-b/**", "", `"Resource":["team-a","team-a/*"]`},
		{"", "sandbox/**", "team-a", `"Resource":["team-a","team-a/*"]`},
		{"", "team-a/**", "team-a/api", ""},
		// Namespaces
		{"team-a/**", "", "team-a/api", `"Resource":["team-a/api","team-a/api/*"]`},
		{"team-a/api/** team-b/**", "", "team-a", `"Resource":["team-a/api","team-a/api/*"]`},
		{"team-b/**", "", "team-a", ""},
		{"", "", "Team-A", ""}, // no repository has such a name
		// Patterns that a registry policy can't express
		{"team-a/*", "", "", `"team-a/*": in a registry policy, * also matches slashes`},
		{"", "scratch-*", "", `"scratch-*": in a registry policy, * also matches slashes`},
		{"*x/**", "", "", `"*x/**": in a registry policy, * also matches slashes`},
		{"team*/**", "", "", `"team*/**": in a registry policy, team* also matches a name that ends there`},
		{"**/**/a", "", "", `"**/**/a": a registry policy can't match two ** in a row`},
		{"team-?/**", "", "", `"team-?/**": a registry policy has no pattern for ?`},
		{"**/a/**/b/**/c/**", "", "", "can't match more than 3 **"},
		{"team-a/**", "team-a/scratch/**", "", `"team-a/scratch/**": the exclude pattern has a part of the repositories that the other patterns include`},
		{"", "team-a/scratch", "team-a", `"team-a/scratch": the exclude pattern has a part of the namespace "team-a", which has a list`},
		{"**/*-prod", "", "team-a", `"**/*-prod": the include pattern has a part of the repositories of the namespace "team-a"`},
	} {
		t.Run(test.include+" "+test.exclude+" "+test.namespace, func(t *testing.T) {
			s := atRegistry(test.include, test.exclude)
			change, err := mergeRegistry(s, "", on(test.namespace))
			if err != nil {
				if test.want == "" || strings.HasPrefix(test.want, `"Resource`) || strings.HasPrefix(test.want, `"NotResource`) {
					t.Fatal(err)
				}
				mustContain(t, err, test.want, "set the policy level to repository")
				mustContain(t, s.Scope.Expressible(test.namespace), test.want)
				mustContain(t, s.Fits(test.namespace, *accounts("111111111111")), test.want)
				return
			}
			got := strings.ReplaceAll(change.Document, "arn:aws:ecr:eu-west-1:999999999999:repository/", "")
			if !strings.Contains(got, test.want) || (test.want == "") != (got == "") {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// A registry policy grants on the repositories that are in scope, and on no
// other, whatever the patterns are.
func FuzzScopeOfRegistryPolicy(f *testing.F) {
	f.Add("team-*/**", "**/*-b a/**", "team-a", "team-a/x-b")
	f.Add("**/b/** a/**/c", "a/b", "a", "a/b/c")
	f.Add("**/*/**", "*/** a", "", "a")
	f.Add("a*/**/c b/**/*c", "", "b", "b/x/c")
	f.Fuzz(func(t *testing.T, include, exclude, namespace, repository string) {
		checkScope(t, include, exclude, namespace, repository)
	})
}

func checkScope(t *testing.T, include, exclude, namespace, repository string) {
	t.Helper()
	valid := func(s string) bool {
		return s != "" && !strings.Contains("/"+s+"/", "//") && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-/") == ""
	}
	s := atRegistry(include, exclude)
	for _, pattern := range slices.Concat(s.Scope.Include, s.Scope.Exclude) {
		if !doublestar.ValidatePattern(pattern) || strings.Contains("/"+pattern+"/", "//") {
			return
		}
	}
	if !valid(repository) || namespace != "" && !valid(namespace) || len(s.Scope.Include) == 0 {
		return
	}
	change, err := mergeRegistry(s, "", on(namespace))
	if err != nil {
		return
	}
	matches := func(patterns []string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool { return doublestar.MatchUnvalidated(p, repository) })
	}
	want := matches(s.Scope.Include) && !matches(s.Scope.Exclude) && (namespace == "" || strings.HasPrefix(repository+"/", namespace+"/"))
	if got := grantsOn(t, change.Document, repository); got != want {
		t.Errorf("include %q, exclude %q, namespace %q: grants on %q: %t\n%s", include, exclude, namespace, repository, got, change.Document)
	}
}

func TestScopeOfRegistryPolicyIsThatOfPatterns(t *testing.T) {
	segments := []string{"a", "b", "a-b", "a*", "a-*", "*b", "**", "*"}
	var patterns []string
	for _, one := range segments {
		patterns = append(patterns, one)
		for _, two := range segments {
			patterns = append(patterns, one+"/"+two)
			for _, three := range segments {
				patterns = append(patterns, one+"/"+two+"/"+three)
			}
		}
	}
	expressible := 0
	for _, pattern := range patterns {
		if (policy.Scope{Include: []string{pattern}}).Expressible("") == nil {
			expressible++
		}
		for _, repository := range []string{"a", "b", "a-b", "a/b", "b/a", "a-b/a", "a/a-b/b", "b/a-b/a", "a/b/a-b", "a/a/b/b", "a-b/b/a/a-b", "c", "c/a"} {
			for _, namespace := range []string{"", "a"} {
				checkScope(t, pattern, "", namespace, repository)
				checkScope(t, "**", pattern, namespace, repository)
			}
			checkScope(t, "a/** b/**", pattern, "", repository)
		}
	}
	if expressible < len(patterns)/6 {
		t.Errorf("%d of %d patterns are expressible", expressible, len(patterns))
	}
}

// grantsOn reports whether a registry policy grants a pull on a repository to
// the account 111111111111, as an independent evaluator says.
func grantsOn(t *testing.T, document, repository string) bool {
	t.Helper()
	if document == "" {
		return false
	}
	statements, err := iampolicy.Read(document)
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(statements, func(s iampolicy.Statement) bool { return s.CoversResource(registry.RepositoryARN(repository)) })
}
