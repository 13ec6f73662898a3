package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

func TestAuditOutputs(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api", "a/open")
	cloud.SetPolicy("a/open", `{"Version":"2012-10-17","Statement":[{"Sid":"Everybody","Effect":"Allow","Principal":"*","Action":"ecr:*"}]}`)
	cloud.PutList(accountList, "111111111111")
	for format, parts := range map[string][]string{
		"table": {"critical", "a/open", "Everybody"},
		"json":  {`"schema": 4`, `"sid": "Everybody"`},
		"csv":   {"repository,policy", ",Everybody,"},
		"html":  {"<!doctype html>", "Everybody", "a/api"},
		"sarif": {`"version": "2.1.0"`, `"ruleId": "open-to-all-principals"`},
	} {
		status, out := call(t.Context(), "audit", "--output", format)
		if status != exitChanges {
			t.Errorf("%s: exit status %d", format, status)
		}
		contains(t, out, parts...)
	}
	if status, out := call(t.Context(), "audit", "--output", "xml"); status != exitFailed || !strings.HasPrefix(out, "ecr-pull-policy: invalid argument \"xml\" for \"--output\" flag: must be table, json, csv, html, or sarif\n") {
		t.Errorf("exit status %d: %s", status, out)
	}
}

// --min-severity decides which findings are reported and fail, and --accepted which of them don't.
func TestAuditExitStatus(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api", "a/push")
	cloud.SetPolicy("a/push", `{"Version":"2012-10-17","Statement":[{"Sid":"Build","Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"ecr:PutImage"}]}`)
	cloud.PutList(accountList, "111111111111")
	file := filepath.Join(t.TempDir(), "accepted.json")
	entry := func(until string) string {
		return `[{"kind":"cross-account-write","repository":"a/push","consumers":["111111111111"],"access":["push"],"severity":"high","reason":"SEC-123","until":"` + until + `"}]`
	}
	for name, c := range map[string]struct {
		args     string
		accepted string
		status   int
		parts    []string
	}{
		"high":                {"", "", exitChanges, []string{"3 findings: 0 critical, 1 high, 2 medium, 0 low"}},
		"critical":            {"--min-severity critical", "", 0, []string{"No findings"}},
		"accepted":            {"--accepted FILE", entry("9999-12-31"), 0, []string{"2 findings: 0 critical, 0 high, 2 medium, 0 low", "ACCEPTED  Write access for other accounts (1)\nUntil 9999-12-31: SEC-123\n  a/push\n"}},
		"accepted and medium": {"--accepted FILE --min-severity medium", entry("9999-12-31"), exitChanges, []string{"2 findings"}},
		"expired":             {"--accepted FILE", entry("2026-01-31"), exitChanges, []string{"warning: FILE:1: expired on 2026-01-31; remove the entry", "1 high"}},
		"malformed":           {"--accepted FILE", "[{}]", exitFailed, []string{"ecr-pull-policy: FILE:1: kind \"\" doesn't exist"}},
		"missing":             {"--accepted FILE.x", "", exitFailed, []string{"--accepted: open FILE.x: no such file"}},
		"misspelled":          {"--min-severity hi", "", exitFailed, []string{`invalid argument "hi" for "--min-severity" flag: must be critical, high, medium, or low`}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(file, []byte(c.accepted), 0o600); err != nil {
				t.Fatal(err)
			}
			status, out := call(t.Context(), append([]string{"audit"}, strings.Fields(strings.ReplaceAll(c.args, "FILE", file))...)...)
			if status != c.status {
				t.Errorf("exit status %d, want %d", status, c.status)
			}
			contains(t, strings.ReplaceAll(out, file, "FILE"), c.parts...)
		})
	}
}

// If no policy can be read, the credentials are the cause, so the command fails. If some can't be, that is a finding.
func TestAuditWithoutPermission(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api", "a/web")
	cloud.PutList(accountList, "111111111111")
	deny := func(repositories ...string) {
		cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
			if call.Operation == "GetRepositoryPolicy" && slices.ContainsFunc(repositories, func(name string) bool { return strings.Contains(string(call.Body), `"`+name+`"`) }) {
				return stubaws.Fault{Code: "AccessDeniedException"}
			}
			return stubaws.Fault{}
		}
	}
	deny("a/api", "a/web")
	status, out := call(t.Context(), "audit")
	if status != exitFailed {
		t.Errorf("exit status %d without the permission", status)
	}
	contains(t, out, "none of the policies can be read: get policy of a/api: AccessDeniedException", "; use credentials that allow ecr:GetRepositoryPolicy, or ask an administrator of the account to allow it\n")
	deny("a/api")
	if status, out = call(t.Context(), "audit"); status != exitChanges {
		t.Errorf("exit status %d without the permission for one repository", status)
	}
	contains(t, out, "HIGH  Unreadable policy (1)", "If access is denied, ask an administrator of the account")
}
