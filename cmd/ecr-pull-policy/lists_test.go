package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A namespace list is previewed beside the others.
func TestNamespaceListOfAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "team-a.txt")
	if err := os.WriteFile(file, []byte("222222222222"), 0o600); err != nil {
		t.Fatal(err)
	}
	cloud := newCloud(t)
	cloud.CreateRepository("team-a/api", "team-b/api")
	cloud.PutList(accountList, "111111111111")
	if status, out := call(t.Context(), "apply", "--yes", "--stack", "checking"); status != 0 {
		t.Fatal(out)
	}
	status, out := call(t.Context(), "plan", "--list", "team-a="+file)
	if status != exitChanges {
		t.Errorf("exit status %d", status)
	}
	contains(t, out, "no stack, list "+accountList+", --list team-a="+file+" as list "+accountList+"/team-a\n",
		"\nteam-a/api\n  accounts, roles and users (EcrPullPolicyAccounts1)\n    + account 222222222222\n", "1 to change, 1 unchanged\n")
	if strings.Contains(out, "- account") {
		t.Errorf("a grant of the account list is removed:\n%s", out)
	}
	_, out = call(t.Context(), "plan", "--accounts", "333333333333", "--list", "team-a="+file, "team-a/api")
	contains(t, out, "- account 111111111111", "+ account 222222222222", "+ account 333333333333")
}

func TestWrongListFlags(t *testing.T) {
	newCloud(t)
	for args, want := range map[string]string{
		"--list - --accounts none":                "--accounts and --list - replace the same list; pass one of them",
		"--list team-a=- --list team-a=x":         "--list team-a=- and --list team-a=x replace the same list",
		"--list - --list team-a=-":                "--list team-a=-: another list is read from standard input already",
		"--list Team=x":                           `--list Team=x: "Team": invalid namespace; must be the first path segments of repository names, such as team-a`,
		"--list a/b/c/d/e/f/g/h/i/j/k/l/m/n/o=x":  `invalid namespace`,
		"--list team-a=/does/not/exist":           "--list team-a=/does/not/exist: read account list: open /does/not/exist: no such file",
		"--list team-a=- --accounts 111111111111": "--list team-a=-: no entries; to revoke all grants, write none",
	} {
		if status, out := call(t.Context(), append([]string{"plan"}, strings.Fields(args)...)...); status != exitFailed || !strings.Contains(out, want) {
			t.Errorf("%s: exit status %d\n%swant\n%s", args, status, out, want)
		}
	}
}
