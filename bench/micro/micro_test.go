package micro_test

import (
	"os/exec"
	"testing"
)

// The table is made by benchstat, which go.mod has to name as a tool.
func TestBenchstatIsThere(t *testing.T) {
	if output, err := exec.CommandContext(t.Context(), "go", "tool", "-n", "benchstat").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, output)
	}
}
