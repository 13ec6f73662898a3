package docs_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// workflow is a workflow of GitHub Actions.
type workflow struct {
	Env  map[string]string
	Jobs map[string]struct {
		Permissions map[string]string
		Steps       []step
	}
}

type step struct {
	Name, Uses, Run string
	With            map[string]string
}

// TestWorkflow runs the commands of examples/organization-list/workflow.yml in the order of its jobs. The calls of each
// step are allowed by the policy for the role of the step.
func TestWorkflow(t *testing.T) {
	dir := filepath.Join(root, "examples", "organization-list")
	text, err := os.ReadFile(filepath.Join(dir, "workflow.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var w workflow
	if err := yaml.Unmarshal(text, &w); err != nil {
		t.Fatal(err)
	}
	s := newSandbox(t)
	s.must(os.Remove(filepath.Join(s.dir, "accounts.txt")))
	s.environment = append(s.environment, "OU="+s.unit)
	role := regexp.MustCompile(`^\$\{\{ env\.(RESOLVE|PLAN|PUBLISH)_ROLE \}\}$`)
	ran := 0
	for _, job := range []string{"propose", "publish"} {
		var allowed []string
		for _, step := range w.Jobs[job].Steps {
			if step.Uses != "" && !regexp.MustCompile(`^[a-z-]+/[a-z-]+@[0-9a-f]{40}$`).MatchString(step.Uses) {
				t.Errorf("%s isn't pinned to a commit", step.Uses)
			}
			if match := role.FindStringSubmatch(step.With["role-to-assume"]); match != nil {
				allowed = allowedActions(t, filepath.Join(dir, strings.ToLower(match[1])+"-policy.json"))
			}
			if step.Run == "" || strings.Contains(step.Run, "go install") || strings.Contains(step.Run, "git ") {
				continue
			}
			ran++
			commands := regexp.MustCompile(`(?m)^ecr-pull-policy`).ReplaceAllString(step.Run, "bin/ecr-pull-policy --debug")
			output, err := s.run(commands)
			if err != nil {
				t.Errorf("%s: %v\n%s", step.Name, err, output)
			}
			for _, action := range calls(output, step.Run) {
				if !slices.Contains(allowed, action) {
					t.Errorf("%s: %s isn't allowed by the policy of its role", step.Name, action)
				}
			}
		}
	}
	if ran != 3 {
		t.Errorf("%d steps ran", ran)
	}
	list, err := os.ReadFile(filepath.Join(s.dir, "accounts.txt"))
	s.must(err)
	if !bytes.Contains(list, []byte(" # production\n")) {
		t.Errorf("the list is %s", list)
	}
}

// calls returns the actions of the AWS calls that a step made and that need a permission.
func calls(output []byte, run string) []string {
	var actions []string
	for _, match := range regexp.MustCompile(`service=(\w+) operation=(\w+)`).FindAllSubmatch(output, -1) {
		if action := strings.ToLower(string(match[1])) + ":" + string(match[2]); action != "sts:GetCallerIdentity" {
			actions = append(actions, action)
		}
	}
	if strings.Contains(run, "aws ssm put-parameter") {
		actions = append(actions, "ssm:PutParameter")
	}
	return actions
}

// allowedActions returns the actions that an IAM policy allows.
func allowedActions(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var policy struct{ Statement []struct{ Action any } }
	if err := json.Unmarshal(text, &policy); err != nil {
		t.Fatal(err)
	}
	var actions []string
	for _, statement := range policy.Statement {
		list, ok := statement.Action.([]any)
		if !ok {
			list = []any{statement.Action}
		}
		for _, action := range list {
			actions = append(actions, action.(string))
		}
	}
	return actions
}
