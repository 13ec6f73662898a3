package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

const deadStatements = `{"Sid":"Team","Effect":"Allow","Principal":{"AWS":["AROAEXAMPLEEXAMPLEEX","arn:aws:iam::222222222222:root"]},"Action":"ecr:PutImage"},` +
	`{"Sid":"Dead","Effect":"Deny","Principal":{"AWS":"AIDAEXAMPLEEXAMPLEEX"},"Action":"ecr:*"}`

func TestRemoveDeadPrincipals(t *testing.T) {
	cloud := newCloud(t)
	t.Chdir(t.TempDir())
	cloud.CreateRepository("a/api", "b/api", "c/api")
	original := `{"Statement":[` + deadStatements + `]}`
	const not = `{"Statement":[{"Sid":"Not","Effect":"Deny","NotPrincipal":{"AWS":"AROAEXAMPLEEXAMPLEEX"},"Action":"ecr:*"}]}`
	cloud.SetPolicy("a/api", original)
	cloud.SetPolicy("c/api", not)
	cloud.PutList(accountList, "111111111111")

	// Without the flag, the statements stay, and both commands say what to do.
	_, out := call(t.Context(), "plan")
	contains(t, out, `blocked: a/api: ECR rejects any change of this policy until this is corrected: unmanaged statement 1 (Sid "Team") names AROA`, "to remove such IDs, use --remove-dead-principals")
	status, out := call(t.Context(), "apply", "--yes", "--stack", "", "--include", "a/**")
	if document, _ := cloud.Policy("a/api"); status != exitFailed || document != original {
		t.Errorf("exit status %d, policy %s", status, document)
	}
	contains(t, out, "run: ecr-pull-policy apply --remove-dead-principals a/api\n")

	status, out = call(t.Context(), "plan", "--remove-dead-principals", "--exclude", "c/**")
	if status != exitChanges {
		t.Errorf("exit status %d", status)
	}
	contains(t, out, "  unmanaged statement (Team)\n    - AROAEXAMPLEEXAMPLEEX, a deleted role or user\n",
		"  unmanaged statement (Dead)\n    - AIDAEXAMPLEEXAMPLEEX, a deleted role or user\n    - the statement, which names no other principal\n")
	if strings.Contains(out, "use --remove-dead-principals") {
		t.Errorf("warning of what the plan removes:\n%s", out)
	}

	status, out = call(t.Context(), "apply", "--yes", "--stack", "", "--remove-dead-principals", "--include", "a/**,b/**")
	if status != 0 {
		t.Errorf("exit status %d", status)
	}
	contains(t, out, "  unmanaged statement (Team)\n    - AROAEXAMPLEEXAMPLEEX", "applied: 2 updated")
	document, _ := cloud.Policy("a/api")
	contains(t, document, "arn:aws:iam::222222222222:root", "ecr:PutImage", "EcrPullPolicyAccounts")
	if strings.Contains(document, "AROA") || strings.Contains(document, "Dead") {
		t.Errorf("policy %s", document)
	}
	if document, _ := cloud.Policy("c/api"); document != not {
		t.Errorf("policy with NotPrincipal: %s", document)
	}

	files, err := filepath.Glob("*")
	if err != nil || len(files) != 1 {
		t.Fatalf("files %q, %v", files, err)
	}
	contains(t, out, "The original policies with the deleted principals are in "+files[0]+".\n")
	text, err := os.ReadFile(files[0])
	var kept struct{ RepositoryName, PolicyText string }
	if err != nil || json.Unmarshal(text, &kept) != nil || kept.RepositoryName != "a/api" || kept.PolicyText != original {
		t.Errorf("kept %s, %v", text, err)
	}
	if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("file %v, %v", info, err)
	}
}

// A policy whose original can't be kept isn't written.
func TestUnkeptOriginal(t *testing.T) {
	cloud := newCloud(t)
	directory := t.TempDir()
	t.Chdir(directory)
	if err := os.Remove(directory); err != nil {
		t.Fatal(err)
	}
	cloud.CreateRepository("a/api", "b/api")
	original := `{"Statement":[` + deadStatements + `]}`
	cloud.SetPolicy("a/api", original)
	cloud.PutList(accountList, "111111111111")
	status, out := call(t.Context(), "apply", "--yes", "--stack", "", "--remove-dead-principals")
	if document, _ := cloud.Policy("a/api"); status != exitFailed || document != original {
		t.Errorf("exit status %d, policy %s", status, document)
	}
	contains(t, out, "failed: a/api: keep the original policy of a/api: open ecr-pull-policy-originals-123456789012-eu-central-1-", "no such file or directory; run the command in a directory that you can write to", "applied: 1 updated, 1 failed")
}

// If no policy was changed, there are no originals.
func TestUnchangedOriginals(t *testing.T) {
	cloud := newCloud(t)
	t.Chdir(t.TempDir())
	cloud.CreateRepository("a/api")
	cloud.SetPolicy("a/api", `{"Statement":[`+deadStatements+`]}`)
	cloud.PutList(accountList, "111111111111")
	cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
		if call.Operation == "SetRepositoryPolicy" {
			return stubaws.Fault{Code: "AccessDeniedException"}
		}
		return stubaws.Fault{}
	}
	status, out := call(t.Context(), "apply", "--yes", "--stack", "", "--remove-dead-principals")
	if files, err := filepath.Glob("*"); status != exitFailed || err != nil || len(files) > 0 || strings.Contains(out, "original") {
		t.Errorf("exit status %d, files %q, %v\n%s", status, files, err, out)
	}
}

func TestExistingOriginalsStay(t *testing.T) {
	t.Chdir(t.TempDir())
	at := time.Unix(0, 0)
	for i, want := range []string{"", "file exists"} {
		o := keepOriginals(nil, policy.Registry{AccountID: "123456789012", Region: "eu-central-1"}, at)
		o.read["a/api"] = "{}"
		_, err := o.keep("a/api")
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

// A saved plan contains what --remove-dead-principals removes, and applying it keeps the originals too.
func TestSavedRemovalOfDeadPrincipals(t *testing.T) {
	cloud := newCloud(t)
	t.Chdir(t.TempDir())
	cloud.CreateRepository("a/api")
	cloud.SetPolicy("a/api", `{"Statement":[`+deadStatements+`]}`)
	cloud.PutList(accountList, "111111111111")
	if status, out := call(t.Context(), "plan", "--remove-dead-principals", "--out", "plan.json", "--stack", ""); status != exitChanges {
		t.Fatalf("exit status %d\n%s", status, out)
	}
	status, out := call(t.Context(), "apply", "plan.json")
	contains(t, out, "- AROAEXAMPLEEXAMPLEEX", "applied: 1 updated", "The original policies with the deleted principals are in ecr-pull-policy-originals-")
	if document, _ := cloud.Policy("a/api"); status != 0 || strings.Contains(document, "AROA") {
		t.Errorf("exit status %d, policy %s", status, document)
	}
}
