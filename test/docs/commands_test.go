package docs_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

// TestCommands runs each sh block of the documentation against the simulated AWS services. testdata/bin contains
// replacements for programs that need more than these services or take too long. They fail if a page uses a command, a
// test, or a make target that doesn't exist.
func TestCommands(t *testing.T) {
	s := newSandbox(t)
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			if b.language != "sh" {
				continue
			}
			output, err := s.run(b.text)
			if err != nil {
				t.Errorf("%s:%d: %v\n%s\n%s", p.path, b.line, err, b.text, output)
			}
			s.settle(b)
		}
	}
}

// sandbox is the environment in which the blocks run: a directory with the files that the pages mention, and simulated
// AWS services.
type sandbox struct {
	*localaws.AWS
	t           *testing.T
	dir         string
	unit        string   // an OU
	accounts    []string // the accounts in the OU
	shell       string   // the file that leads to the simulated AWS services
	environment []string
}

func newSandbox(t *testing.T) *sandbox {
	t.Helper()
	local, err := localaws.Start(t.Context(), localaws.Options{Progress: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := local.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &sandbox{AWS: local, t: t, dir: t.TempDir()}
	for _, name := range []string{"team-a/api", "team-b/web"} {
		s.must(local.Quiet.CreateRepository(t.Context(), name, ""))
	}

	orgRoot, err := local.Quiet.CreateOrganization(t.Context())
	s.must(err)
	s.unit, err = local.Quiet.CreateUnit(t.Context(), orgRoot, "production")
	s.must(err)
	for _, name := range []string{"production", "staging"} {
		id, err := local.Quiet.CreateAccount(t.Context(), orgRoot, s.unit, name, types.Tag{Key: aws.String("stage"), Value: aws.String(name)})
		s.must(err)
		s.accounts = append(s.accounts, id)
	}

	repository, err := filepath.Abs(root)
	s.must(err)
	replacements, err := filepath.Abs("testdata/bin")
	s.must(err)
	goTool, err := exec.LookPath("go")
	s.must(err)
	program := filepath.Join(s.dir, "program")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/ecr-pull-policy")
	build.Dir = repository
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	s.must(os.Mkdir(filepath.Join(s.dir, "bin"), 0o755))
	s.must(os.Symlink(filepath.Join(replacements, "ecr-pull-policy"), filepath.Join(s.dir, "bin", "ecr-pull-policy")))
	s.must(os.Symlink(filepath.Join(repository, "examples"), filepath.Join(s.dir, "examples")))
	for name, content := range map[string]string{"accounts.txt": "111111111111 # production\n", "accepted.json": "[]\n"} {
		s.must(os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o644))
	}

	s.shell, err = local.WriteShell(t.Context())
	s.must(err)
	s.environment = append(cleanEnvironment(), "REPOSITORY="+repository, "GO="+goTool, "PROGRAM="+program,
		"PATH="+strings.Join([]string{replacements, os.Getenv("PATH")}, ":"), "HOME="+s.dir, "SAM_CLI_TELEMETRY=0")
	return s
}

// cleanEnvironment returns the environment of this process without HOME and PATH. It sets GOCACHE and GOMODCACHE, because
// their defaults depend on HOME. The file that run sources removes the variables that could give access to a real account.
func cleanEnvironment() []string {
	var environment []string
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); name != "HOME" && name != "PATH" {
			environment = append(environment, variable)
		}
	}
	output, err := exec.Command("go", "env", "GOCACHE", "GOMODCACHE").Output()
	if err != nil {
		return environment
	}
	cache, modules, _ := strings.Cut(strings.TrimSpace(string(output)), "\n")
	return append(environment, "GOCACHE="+cache, "GOMODCACHE="+modules)
}

func (s *sandbox) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// run runs a block. It replaces <OutputName> with the output of the stack, STACK with the name of the stack, and the OU
// and its excluded account of the documentation with those of the organization.
func (s *sandbox) run(block string) (output []byte, err error) {
	s.t.Helper()
	block = regexp.MustCompile(`<(\w+)>`).ReplaceAllStringFunc(block, func(placeholder string) string {
		value, ok := s.Stack.Outputs[strings.Trim(placeholder, "<>")]
		if !ok {
			s.t.Errorf("the stack has no output %s", placeholder)
		}
		return value
	})
	block = regexp.MustCompile(`\bSTACK\b`).ReplaceAllString(block, s.Stack.Name)
	block = strings.NewReplacer("ou-ab12-11111111", s.unit, "--exclude 222222222222", "--exclude "+s.accounts[1]).Replace(block)
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	shell := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", "source "+s.shell+"\n"+block)
	shell.Dir, shell.Env = s.dir, s.environment
	return shell.CombinedOutput()
}

// settle waits until the functions have handled all events that a block caused. The test fails if an invocation failed,
// or if the block publishes an event and onrepo wasn't invoked.
func (s *sandbox) settle(b block) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	activity, err := s.Settle(ctx)
	s.must(err)
	for _, err := range activity.Errors() {
		s.t.Errorf("line %d: %v", b.line, err)
	}
	if strings.Contains(b.text, "put-events") && len(activity.Of(localaws.OnRepo)) == 0 {
		s.t.Errorf("line %d: the event didn't start onrepo", b.line)
	}
}
