package docs_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

// TestOperations checks that operations.md describes all alarms, saved queries, and outcomes, and that the stack has
// all outputs that the page mentions.
func TestOperations(t *testing.T) {
	translated, err := localaws.Translate(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Resources map[string]struct {
			Type       string
			Properties struct{ Name json.RawMessage }
		}
		Outputs map[string]json.RawMessage
	}
	if err := json.Unmarshal(translated, &template); err != nil {
		t.Fatal(err)
	}
	p := readPage(t, filepath.Join(root, "docs", "operations.md"))
	var lines []string
	for _, l := range p.text {
		lines = append(lines, l.text)
	}
	text := strings.Join(lines, "\n")
	expect := func(kind, part string) {
		t.Helper()
		if !strings.Contains(text, part) {
			t.Errorf("the page doesn't mention the %s %s", kind, part)
		}
	}
	for name, resource := range template.Resources {
		switch resource.Type {
		case "AWS::CloudWatch::Alarm":
			expect("alarm", name)
		case "AWS::Logs::QueryDefinition":
			var sub substitution
			if err := json.Unmarshal(resource.Properties.Name, &sub); err != nil {
				t.Fatal(err)
			}
			_, query, _ := strings.Cut(sub.Text, "/")
			expect("query", "| "+query+" |")
		}
	}
	for _, outcome := range reconcile.Outcomes() {
		expect("outcome", "| `"+string(outcome)+"` |")
	}
	for i, part := range strings.Split(text, "`<") {
		if name, _, ok := strings.Cut(part, ">`"); i > 0 && ok && name != "…" && template.Outputs[name] == nil {
			t.Errorf("the stack has no output %s", name)
		}
	}
}

// substitution is a property that uses Fn::Sub.
type substitution struct {
	Text string `json:"Fn::Sub"`
}
