package micro_test

import (
	"os/exec"
	"testing"
)

// TestBenchstatIsATool checks that go.mod lists benchstat, which formats the table, as a tool.
func TestBenchstatIsATool(t *testing.T) {
	if output, err := exec.CommandContext(t.Context(), "go", "tool", "-n", "benchstat").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, output)
	}
}
