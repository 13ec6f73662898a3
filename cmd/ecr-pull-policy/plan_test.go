package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
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
	for name, id := range map[string]string{"a/api": "AROAEXAMPLEEXAMPLEEX", "b/api": "AROAEXAMPLEEXAMPLEEY"} { // of two pipelines
		cloud.SetPolicy(name, `{"Statement":[{"Sid":"Old","Effect":"Allow","Principal":{"AWS":"`+id+`"},"Action":"ecr:PutImage"}]}`)
	}
	cloud.SetPolicy("c/api", `{"Statement":[{"Sid":"Team","Effect":"Allow","Principal":{"AWS":"222222222222"},"Action":"ecr:PutImage"}]}`)
	cloud.PutList(accountList, "111111111111")
	status, out := call(t.Context(), "plan")
	if status != exitFailed || strings.Contains(out, `Sid "Team"`) {
		t.Errorf("exit status %d\n%s", status, out)
	}
	contains(t, out, "same change in 2 repositories: c/api, d/api\n", "blocked change in 2 repositories: a/api, b/api\n", "\nblocked: a/api: ECR rejects any change of this policy until this is corrected: unmanaged statement 1 (Sid \"Old\") names AROAEXAMPLEEXAMPLEEX, "+
		"the ID of a deleted role or user; to remove such IDs, use --remove-dead-principals\n  same problem in 1 more repository: b/api\n4 repositories: 2 to change, 0 unchanged, 2 blocked\n")
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
	contains(t, out, "note: in 2 repositories (a/api, a/web), statement 1 Freeze of the registry policy denies a pull to all consumers in the lists\n  if they must pull, change the Deny statement")
}

// Anyone who can set a repository policy chooses its Sids and principals. They must not control the operator's terminal.
func TestControlCharactersInPolicies(t *testing.T) {
	for name, hostile := range map[string]string{
		"Sid":       `{"Sid":"EcrPullPolicyX\u001b[2J\u001b]0;owned\u0007","Effect":"Allow","Principal":"*","Action":"ecr:*"}`,
		"line":      `{"Sid":"EcrPullPolicyX)\n  0 repositories: nothing to change\n","Effect":"Allow","Principal":"*","Action":"ecr:*"}`,
		"bidi":      `{"Sid":"EcrPullPolicyX\u202e","Effect":"Allow","Principal":"*","Action":"ecr:*"}`,
		"principal": `{"Sid":"EcrPullPolicyX","Effect":"Allow","Principal":{"Federated":"\u001b[1A\u001b[2K"},"Action":"ecr:*"}`,
		"action":    `{"Sid":"EcrPullPolicyX","Effect":"Allow","Principal":"*","Action":"ecr:\u001b[8m*"}`,
		"condition": `{"Sid":"EcrPullPolicyAccounts","Effect":"Allow","Principal":"*","Action":"ecr:*","Condition":{"StringLike":{"aws:x":"\u009b2J"}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			cloud := newCloud(t)
			cloud.CreateRepository("a/api")
			cloud.SetPolicy("a/api", `{"Version":"2012-10-17","Statement":[`+hostile+`]}`)
			cloud.PutList(accountList, "111111111111")
			for _, args := range [][]string{{"plan", "--stack", ""}, {"apply", "--yes", "--stack", ""}} {
				status, out := call(t.Context(), args...)
				if strings.ContainsFunc(out, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) || strings.Contains(out, "\n  0 repositories") {
					t.Errorf("%s: exit status %d:\n%q", args[0], status, out)
				}
			}
		})
	}
}

// What looks like a typo is reported.
func TestTyposInPlanAndAudit(t *testing.T) {
	cloud := newCloud(t)
	status, out := call(t.Context(), "audit", "--stack", "")
	if status != 0 || !strings.Contains(out, "warning: registry 123456789012 has no repositories in eu-central-1; check the Region\n") {
		t.Errorf("exit status %d\n%s", status, out)
	}
	cloud.CreateRepository("team-a/api")
	cloud.PutList(accountList, "none")
	list := filepath.Join(t.TempDir(), "list.txt")
	if err := os.WriteFile(list, []byte("111111111111"), 0o600); err != nil {
		t.Fatal(err)
	}
	const warning = "applies to none of the selected repositories in scope; check the namespace\n"
	if _, out := call(t.Context(), "plan", "--stack", "", "--list", "team-b="+list); !strings.Contains(out, "warning: --list team-b="+list+" "+warning) {
		t.Errorf("another namespace:\n%s", out)
	}
	if _, out := call(t.Context(), "plan", "--stack", "", "--list", "team-a="+list); strings.Contains(out, warning) {
		t.Errorf("the namespace of a repository:\n%s", out)
	}
	if status, out := call(t.Context(), "plan", "--stack", "", "--out", "-"); status != exitFailed || !strings.Contains(out, "specify a file\n") {
		t.Errorf("exit status %d\n%s", status, out)
	}
}
