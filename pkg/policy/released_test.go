package policy_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

var writeReleased = flag.String("write", "", "write the policies of this release to testdata/released")

// released are settings and consumers of every kind, by a name that a release
// keeps.
func released() map[string]func() (policy.Standard, []policy.Listed) {
	cases := map[string]func() (policy.Standard, []policy.Listed){}
	for _, style := range []policy.GrantStyle{policy.GrantPrincipal, policy.GrantCondition} {
		for _, lambda := range []bool{true, false} {
			for _, extra := range [][]string{nil, {"ecr:DescribeImages"}} {
				cases[fmt.Sprintf("%s, Lambda %t, extra %v", style, lambda, extra)] = func() (policy.Standard, []policy.Listed) {
					s := standard(style)
					s.Lambda, s.ExtraActions = lambda, extra
					return s, lists(all(), accounts("444444444444"))
				}
			}
		}
	}
	return cases
}

// Policies that a release wrote aren't rewritten after an upgrade.
func TestReleasedPolicies(t *testing.T) {
	current := map[string]string{}
	for name, standardFor := range released() {
		s, l := standardFor()
		current[name] = mustMerge(t, s, "", l).Document
	}
	if *writeReleased != "" {
		text, err := json.MarshalIndent(current, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll("testdata/released", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("testdata/released/"+*writeReleased+".json", append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob("testdata/released/*.json")
	if err != nil {
		t.Fatal(err)
	}
	versions := map[string]map[string]string{"this version": current}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var documents map[string]string
		if err := json.Unmarshal(text, &documents); err != nil {
			t.Fatal(file, err)
		}
		versions[file] = documents
	}
	for version, documents := range versions {
		for name, document := range documents {
			standardFor, ok := released()[name]
			if !ok {
				t.Errorf("%s: this test has no case %q", version, name)
				continue
			}
			s, l := standardFor()
			if change := mustMerge(t, s, document, l); change.Changed {
				t.Errorf("%s, %s: the policy is rewritten from\n%s\nto\n%s", version, name, document, change.Document)
			}
		}
	}
}
