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

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

// Every command of the docs is run as it stands there, against the local AWS. testdata/bin has what stands in for the
// programs that need more than that, and fails where a page names a command, an option or a target that doesn't exist.
func TestCommands(t *testing.T) {
	d := newDesk(t)
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			if b.language != "sh" {
				continue
			}
			output, err := d.run(b.text)
			if err != nil {
				t.Errorf("%s:%d: %v\n%s\n%s", p.path, b.line, err, b.text, output)
			}
			d.settle(b)
		}
	}
}

// desk is the environment of a reader: a directory with the files that the pages mention, and simulated AWS services.
type desk struct {
	*localaws.AWS
	t           *testing.T
	dir         string
	environment []string
}

func newDesk(t *testing.T) *desk {
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
	d := &desk{AWS: local, t: t, dir: t.TempDir()}
	for _, name := range []string{"team-a/api", "team-b/web"} {
		d.must(local.AddRepository(t.Context(), name))
	}

	repository, err := filepath.Abs(root)
	d.must(err)
	stand, err := filepath.Abs("testdata/bin")
	d.must(err)
	goTool, err := exec.LookPath("go")
	d.must(err)
	venv, err := localaws.Setup(t.Context(), repository, t.Output())
	d.must(err)
	program := filepath.Join(d.dir, "program")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/ecr-pull-policy")
	build.Dir = repository
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	d.must(os.Mkdir(filepath.Join(d.dir, "bin"), 0o755))
	d.must(os.Symlink(filepath.Join(stand, "ecr-pull-policy"), filepath.Join(d.dir, "bin", "ecr-pull-policy")))
	d.must(os.WriteFile(filepath.Join(d.dir, "accounts.txt"), []byte("111111111111 # production\n"), 0o644))

	d.environment = append(append(cleanEnvironment(), local.Environment()...),
		"REPOSITORY="+repository, "VENV="+venv.Dir, "GO="+goTool, "PROGRAM="+program,
		"PATH="+strings.Join([]string{stand, os.Getenv("PATH")}, ":"),
		"HOME="+d.dir, "AWS_ENDPOINT_URL="+d.play(), "SAM_CLI_TELEMETRY=0")
	return d
}

// cleanEnvironment is this process's without what could lead to a real account, and with Go's caches where they are.
func cleanEnvironment() []string {
	var environment []string
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); !strings.HasPrefix(name, "AWS_") && name != "HOME" && name != "PATH" {
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

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// run runs a block with the stack's outputs in the place of <OutputName>, and its name in that of STACK.
func (d *desk) run(block string) (output []byte, err error) {
	d.t.Helper()
	block = regexp.MustCompile(`<(\w+)>`).ReplaceAllStringFunc(block, func(placeholder string) string {
		value, ok := d.Stack.Outputs[strings.Trim(placeholder, "<>")]
		if !ok {
			d.t.Errorf("the stack has no output %s", placeholder)
		}
		return value
	})
	block = regexp.MustCompile(`\bSTACK\b`).ReplaceAllString(block, d.Stack.Name)
	ctx, cancel := context.WithTimeout(d.t.Context(), time.Minute)
	defer cancel()
	shell := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", block)
	shell.Dir, shell.Env = d.dir, d.environment
	return shell.CombinedOutput()
}

// settle waits until the functions have done what a block caused, and fails if it was to cause something and didn't.
func (d *desk) settle(b block) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), time.Minute)
	defer cancel()
	activity, err := d.Settle(ctx)
	d.must(err)
	for _, invocation := range activity.Invocations {
		if invocation.Error != nil {
			d.t.Errorf("line %d: %s failed: %v", b.line, invocation.Function, invocation.Error)
		}
	}
	if strings.Contains(b.text, "put-events") && len(activity.Of(localaws.OnRepo)) == 0 {
		d.t.Errorf("line %d: no function saw the event", b.line)
	}
}
