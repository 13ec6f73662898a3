package rollout

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/jedib0t/go-pretty/v6/table"
)

// interrupt writes a table of the rates that internal/awsclient reaches with different token buckets, before and after
// outages and freezes. The figures come from a test of that package, which runs in virtual time, so that an outage of
// ten minutes doesn't last ten minutes.
func interrupt(ctx context.Context, w, progress io.Writer) error {
	const target = "github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
	fmt.Fprintln(progress, "interrupting calls in virtual time")
	command := exec.CommandContext(ctx, "go", "test", "-json", "-count", "1", "-run", "^TestBucket$", target)
	command.Stderr = os.Stderr
	events, err := command.Output()
	if err != nil {
		return fmt.Errorf("run the test of %s: %w", target, err)
	}
	tests, err := attributes(events)
	if err != nil {
		return fmt.Errorf("read the results of the test of %s: %w", target, err)
	}
	t := newTable("bucket", "clients", "interruption", "share of the allowed rate", "throttled calls", "time to 90% of the rate")
	for _, a := range tests {
		t.AppendRow(table.Row{a["bucket"], a["clients"], a["interruption"], a["used"], a["wasted"], a["back"]})
	}
	_, err = fmt.Fprintln(w, t.RenderMarkdown())
	return err
}

// attributes parses the output of go test -json. It returns the attributes of each test that sets any, in the order in
// which the tests set their first attribute.
func attributes(events []byte) ([]map[string]string, error) {
	var tests []map[string]string
	byName := map[string]map[string]string{}
	for decoder := json.NewDecoder(bytes.NewReader(events)); ; {
		var event struct{ Action, Test, Key, Value string }
		if err := decoder.Decode(&event); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		if event.Action != "attr" {
			continue
		}
		if byName[event.Test] == nil {
			byName[event.Test] = map[string]string{}
			tests = append(tests, byName[event.Test])
		}
		byName[event.Test][event.Key] = event.Value
	}
	if len(tests) == 0 {
		return nil, errors.New("no test sets attributes")
	}
	return tests, nil
}
