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

// TestWorkflows runs the commands of the examples' workflows in the order of their jobs. The calls of each step are
// allowed by the policy for the role of the step.
func TestWorkflows(t *testing.T) {
	for _, c := range []struct {
		example string
		jobs    []string
		steps   int    // how many steps run
		file    string // what the steps write
		content string
	}{
		{"organization-list", []string{"propose", "publish"}, 3, "accounts.txt", " # production\n"},
		{"list-pipeline", []string{"plan", "publish"}, 2, "summary.md", "account 111111111111"},
	} {
		t.Run(c.example, func(t *testing.T) {
			s := newSandbox(t)
			if c.file == "accounts.txt" {
				s.must(os.Remove(filepath.Join(s.dir, c.file)))
			}
			s.environment = append(s.environment, "OU="+s.unit, "GITHUB_STEP_SUMMARY="+filepath.Join(s.dir, "summary.md"))
			if ran := runWorkflow(t, s, filepath.Join(root, "examples", c.example), c.jobs); ran != c.steps {
				t.Errorf("%d steps ran", ran)
			}
			written, err := os.ReadFile(filepath.Join(s.dir, c.file))
			s.must(err)
			if !bytes.Contains(written, []byte(c.content)) {
				t.Errorf("%s is %s", c.file, written)
			}
		})
	}
}

// runWorkflow runs the jobs of a workflow without the steps that need GitHub, and returns how many steps ran.
func runWorkflow(t *testing.T, s *sandbox, dir string, jobs []string) (ran int) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "workflow.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var w workflow
	if err := yaml.Unmarshal(text, &w); err != nil {
		t.Fatal(err)
	}
	role := regexp.MustCompile(`^\$\{\{ env\.(RESOLVE|PLAN|PUBLISH)_ROLE \}\}$`)
	for _, job := range jobs {
		var allowed []string
		for _, step := range w.Jobs[job].Steps {
			if match := role.FindStringSubmatch(step.With["role-to-assume"]); match != nil {
				allowed = allowedActions(t, filepath.Join(dir, strings.ToLower(match[1])+"-policy.json"))
			}
			if step.Run == "" || regexp.MustCompile(`go install|git |gh release`).MatchString(step.Run) {
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
	return ran
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
