package docs_test

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

// TestOperations checks that operations.md describes all alarms, saved queries, and outcomes, that the alarms' own
// descriptions lead there with a command of the page, and that the stack has all outputs that the page mentions.
func TestOperations(t *testing.T) {
	translated, err := localaws.Translate(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Resources map[string]struct {
			Type       string
			Properties struct {
				Name             json.RawMessage
				AlarmDescription substitution
			}
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
			command := commandOf(t, name, resource.Properties.AlarmDescription.Text)
			if !slices.ContainsFunc(p.blocks, func(b block) bool { return strings.Contains(b.text, command) }) {
				t.Errorf("the page doesn't have the command of %s: %s", name, command)
			}
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

// commandOf returns the command in the description of an alarm, as the page has it.
func commandOf(t *testing.T, alarm, description string) string {
	t.Helper()
	_, rest, hasCommand := strings.Cut(description, "To find the cause, run: ")
	command, section, hasSection := strings.Cut(rest, " Next steps: docs/operations.md, section ")
	if !hasCommand || !hasSection || section != alarm+"." {
		t.Errorf("the description of %s has no command, or another section: %s", alarm, description)
	}
	return strings.NewReplacer(
		" --stack ${AWS::StackName} --region ${AWS::Region}", "", " --region ${AWS::Region}", "",
		"${OnRepoLogs}", "<OnRepoLogGroup>", "${OnAccountLogs}", "<OnAccountLogGroup>",
		"000 --filter-pattern", "000 \\\n  --filter-pattern",
	).Replace(command)
}

// substitution is a property that uses Fn::Sub.
type substitution struct {
	Text string `json:"Fn::Sub"`
}
