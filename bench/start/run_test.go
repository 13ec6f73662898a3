package start_test

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/bench/start"
)

// TestRunWithoutPython leaves out the Python function, because the set-up of its virtual environment takes a minute.
func TestRunWithoutPython(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("AWS's emulator, in which the start is measured, is a Linux program")
	}
	var out bytes.Buffer
	if err := start.Run(t.Context(), &out, start.Options{Starts: 1, Progress: t.Output()}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| onrepo | ", "| a Go function that does nothing ÷ onrepo | "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output doesn't contain %q:\n%s", want, &out)
		}
	}
}
