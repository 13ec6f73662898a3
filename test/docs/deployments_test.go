package docs_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

// TestExampleParameters checks that the parameters that the examples pass to the stack exist, and that the value is
// allowed.
func TestExampleParameters(t *testing.T) {
	text, err := localaws.Translate(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Parameters map[string]struct{ AllowedPattern string }
		Outputs    map[string]json.RawMessage
	}
	if err := json.Unmarshal(text, &template); err != nil {
		t.Fatal(err)
	}
	check := func(example, assignment string, n int) {
		t.Helper()
		matches := regexp.MustCompile(assignment).FindAllStringSubmatch(readExample(t, example), -1)
		for _, match := range matches {
			name, value := match[1], match[2]
			parameter, ok := template.Parameters[name]
			if name == "CodeBucket" { // only the template of a release has this parameter
				continue
			}
			if !ok || parameter.AllowedPattern != "" && value != "" && !regexp.MustCompile(`^(?:`+parameter.AllowedPattern+`)$`).MatchString(value) {
				t.Errorf("%s: the stack has no parameter %s, or it can't be %q", example, name, value)
			}
		}
		if len(matches) != n {
			t.Errorf("%s passes %d parameters, want %d", example, len(matches), n)
		}
	}
	check("terraform/main.tf", `(?m)^    ([A-Z]\w+) += (?:"([^"]*)"|[\w.]+)$`, 4)
	check("stacksets/stackset.yaml", `ParameterKey: (\w+), ParameterValue: (?:"([^"]*)"|!Ref)`, 2)
	for _, match := range regexp.MustCompile(`outputs\["(\w+)"\]`).FindAllStringSubmatch(readExample(t, "terraform/main.tf"), -1) {
		if template.Outputs[match[1]] == nil {
			t.Errorf("the stack has no output %s", match[1])
		}
	}
}

// TestActionsArePinned checks that the workflows use actions by commit, with the version in a comment, and that each
// action has the same commit everywhere.
func TestActionsArePinned(t *testing.T) {
	var paths []string
	for _, pattern := range []string{".github/workflows/*.yml", "examples/*/workflow.yml"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("found no %s: %v", pattern, err)
		}
		paths = append(paths, found...)
	}
	pins := map[string][]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			_, action, ok := strings.Cut(strings.TrimSpace(line), "uses: ")
			if !ok {
				continue
			}
			match := regexp.MustCompile(`^([a-z-]+/[a-z-]+)(?:/[a-z-]+)?@([0-9a-f]{40} # v\d+\.\d+\.\d+)$`).FindStringSubmatch(action)
			if match == nil {
				t.Errorf("%s: %s isn't pinned to a commit with its version", path, action)
			} else if !slices.Contains(pins[match[1]], match[2]) {
				pins[match[1]] = append(pins[match[1]], match[2])
			}
		}
	}
	for action, versions := range pins {
		if len(versions) > 1 {
			t.Errorf("%s has the versions %q", action, versions)
		}
	}
}

func readExample(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "examples", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
