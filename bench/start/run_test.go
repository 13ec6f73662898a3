package start_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/bench/start"
)

// TestRunWithoutPython leaves out the Python function, because the set-up of its virtual environment takes a minute.
func TestRunWithoutPython(t *testing.T) {
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
