package main

import (
	"strings"
	"testing"
)

// For an invalid list, the plan uses the newest valid version and shows a warning.
func TestVersionUsedInstead(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api")
	cloud.PutList(accountList, "111111111111")
	cloud.PutList(accountList, "1111")
	status, out := call(t.Context(), "plan")
	if status != exitFailed {
		t.Errorf("exit status %d", status)
	}
	contains(t, out, "warning: version 2 of account list /ecr-pull-policy/accounts can't be used, so version 1 is used instead: ", "+ account 111111111111")
}

// ECR rejects a change of a policy that names a deleted principal, so the plan shows that first.
func TestWarningOfDeletedPrincipals(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api", "b/api", "c/api", "d/api")
	for _, name := range []string{"a/api", "b/api"} {
		cloud.SetPolicy(name, `{"Statement":[{"Sid":"Old","Effect":"Allow","Principal":{"AWS":"AROAEXAMPLEEXAMPLEEX"},"Action":"ecr:PutImage"}]}`)
	}
	cloud.SetPolicy("c/api", `{"Statement":[{"Sid":"Team","Effect":"Allow","Principal":{"AWS":"222222222222"},"Action":"ecr:PutImage"}]}`)
	cloud.PutList(accountList, "111111111111")
	status, out := call(t.Context(), "plan")
	if status != exitChanges || strings.Contains(out, `Sid "Team"`) {
		t.Errorf("exit status %d\n%s", status, out)
	}
	contains(t, out, "\nwarning: a/api: ECR rejects any change of this policy until this is corrected: unmanaged statement 1 (Sid \"Old\") names AROAEXAMPLEEXAMPLEEX, "+
		"the ID of a deleted role or user; to remove such IDs, use --remove-dead-principals\n  same problem in 1 more repository: b/api\n4 repositories: 4 to change")
}

// A statement that defeats the list is reported even if no repository would change.
func TestPlanReportsDeny(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api", "a/web", "b/api")
	cloud.PutList(accountList, "none")
	cloud.PutList(accountList+"/a", "111111111111")
	cloud.SetRegistryPolicy(`{"Statement":{"Sid":"Freeze","Effect":"Deny","Principal":"*","Action":"ecr:*","Resource":"*"}}`)
	if status, out := call(t.Context(), "apply", "--stack", "", "--yes"); status != 0 {
		t.Fatalf("exit status %d: %s", status, out)
	}
	status, out := call(t.Context(), "plan")
	if status != 0 {
		t.Errorf("exit status %d", status)
	}
	contains(t, out, "note: in 2 repositories (a/api, a/web), statement 1 Freeze of the registry policy denies a pull to 111111111111, Lambda functions of 111111111111\n  if they must pull, change the Deny statement")
}
