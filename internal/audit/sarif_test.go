package audit_test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/audit"
)

func TestSARIF(t *testing.T) {
	report := sampleReport(t)
	accepted, err := audit.ParseAccepted("accepted.json", []byte(`[{"kind":"no-policy","repository":"team/none","severity":"medium","reason":"SEC-123","until":"2026-12-31"}]`))
	if err != nil {
		t.Fatal(err)
	}
	if problems := report.Accept(accepted, true); problems != nil {
		t.Fatal(problems)
	}
	var out bytes.Buffer
	if err := audit.WriteSARIF(&out, report); err != nil {
		t.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(out.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if err := sarifSchema(t).Validate(instance); err != nil {
		t.Error(err)
	}

	type result struct {
		RuleID, Level       string
		PartialFingerprints map[string]string
		Suppressions        []struct{ Status, Justification string }
	}
	var log struct {
		Runs []struct{ Results []result }
	}
	if err := json.Unmarshal(out.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	results := log.Runs[0].Results
	if len(results) != len(report.Findings)+1 {
		t.Fatalf("%d results of %d findings and an accepted one", len(results), len(report.Findings))
	}
	fingerprints := map[string]bool{}
	for _, r := range results {
		fingerprints[r.PartialFingerprints["finding/v1"]] = true
	}
	if len(fingerprints) != len(results) {
		t.Errorf("%d fingerprints of %d results", len(fingerprints), len(results))
	}
	if first := results[0]; first.Level != "error" || len(first.Suppressions) != 0 {
		t.Errorf("the first result is %+v", first)
	}
	if last := results[len(results)-1]; last.RuleID != "no-policy" || last.Level != "warning" || len(last.Suppressions) != 1 ||
		last.Suppressions[0].Status != "accepted" || last.Suppressions[0].Justification != "SEC-123 (until 2026-12-31)" {
		t.Errorf("the accepted result is %+v", last)
	}
}

// A policy adds neither links nor placeholders to the messages.
func TestSARIFMessage(t *testing.T) {
	report := outOfScope(t, allow(`"*"`, pullActions, `"StringEquals":{"aws:PrincipalArn":"arn:aws:iam::555555555555:role/[\\[a](https://example.com){0}"}`))
	var out bytes.Buffer
	if err := audit.WriteSARIF(&out, report); err != nil {
		t.Fatal(err)
	}
	var log struct {
		Runs []struct {
			Results []struct{ Message struct{ Text string } }
		}
	}
	if err := json.Unmarshal(out.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	if got := log.Runs[0].Results[0].Message.Text; !strings.Contains(got, `role/\[\\\[a\](https://example.com){{0}}`) {
		t.Errorf("the message is %s", got)
	}
}

// sarifSchema returns the schema of OASIS, which comes with a linter that the tools use.
func sarifSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	download := exec.CommandContext(t.Context(), "go", "mod", "download", "-modfile=../../tools/go.mod", "-json", "github.com/securego/gosec/v2")
	output, err := download.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", download, err, output)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(output, &module); err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join(module.Dir, "report", "sarif", "testdata", "sarif-schema-2.1.0.json"))
	if err != nil {
		t.Fatal(err)
	}
	return schema
}
