package localaws

import (
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/venv"
)

// A process of the host does with an invocation what the emulator does.
func TestSandboxes(t *testing.T) {
	program := filepath.Join(t.TempDir(), "faulty")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./testdata/faulty").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	function := Function{LogicalID: "faulty", Timeout: time.Second}
	type starter func(dir string, environment []string, log io.Writer) (sandbox, error)
	starters := map[string]starter{"host": func(dir string, environment []string, log io.Writer) (sandbox, error) {
		return newHost(program, function.Timeout, dir, environment, log)
	}}
	if runtime.GOOS == "linux" {
		root, err := Root(".")
		if err != nil {
			t.Fatal(err)
		}
		python, err := venv.Services(t.Context(), root, t.Output())
		if err != nil {
			t.Fatal(err)
		}
		starters["emulator"] = func(dir string, environment []string, log io.Writer) (sandbox, error) {
			return startEmulator(t.Context(), python, function.Timeout, []string{program, "bootstrap"}, dir, environment, log)
		}
	}
	for name, start := range starters {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			r, err := startRunner(function, dir, nil, func(LogLine) {}, func(environment []string, log io.Writer) (sandbox, error) {
				return start(dir, environment, log)
			})
			if err != nil {
				t.Fatal(err)
			}
			defer r.stop()
			for _, c := range []struct{ fault, errorType, logged string }{
				{"none", "", ""},
				{"error", "errorString", "as asked"},
				{"none", "", ""},
				{"panic", "string", "as asked"},
				{"none", "", ""},
				{"exit", "Runtime.ExitError", ""},
				{"sleep", "Sandbox.Timedout", ""},
				{"none", "", ""},
			} {
				invocation, err := r.invoke(t.Context(), []byte(`{"faulty": "`+c.fault+`"}`))
				if err != nil {
					t.Fatalf("%s: %v", c.fault, err)
				}
				var errorType string
				if invocation.Error != nil {
					errorType = invocation.Error.Type
				}
				if errorType != c.errorType {
					t.Errorf("%s: the error is %v, want %q", c.fault, invocation.Error, c.errorType)
				}
				var logged strings.Builder
				for _, line := range invocation.Logs {
					logged.WriteString(line.Text)
				}
				if !strings.Contains(logged.String(), c.logged) {
					t.Errorf("%s: logged %q, want %q", c.fault, &logged, c.logged)
				}
			}
		})
	}
}
