package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/plan"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

// savePlan starts a stub of AWS and saves a plan for a/api and b/api.
func savePlan(t *testing.T, flags ...string) (cloud *stubaws.AWS, file string) {
	t.Helper()
	cloud = newCloud(t)
	cloud.CreateRepository("a/api", "b/api", checkRepository)
	cloud.PutList(accountList, "111111111111")
	file = filepath.Join(t.TempDir(), "plan.json")
	status, out := call(t.Context(), append([]string{"plan", "--stack", "checking", "--out", file}, flags...)...)
	if status != exitChanges {
		t.Fatalf("exit status %d\n%s", status, out)
	}
	contains(t, out, "Saved the plan to "+file+". To apply it, run: ecr-pull-policy apply "+file+"\n")
	return cloud, file
}

// forge rewrites a saved plan, with a correct checksum.
func forge(t *testing.T, file string, change func(*plan.Saved)) {
	t.Helper()
	saved, err := plan.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	change(&saved)
	if err := saved.Write(file); err != nil {
		t.Fatal(err)
	}
}

// A saved plan is applied without confirmation, and nothing else is. It can be applied again.
func TestSavedPlan(t *testing.T) {
	cloud, file := savePlan(t)
	cloud.CreateRepository("c/api")
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v: %v", info.Mode(), err)
	}
	status, out := call(t.Context(), "apply", file)
	if status != 0 {
		t.Errorf("exit status %d", status)
	}
	contains(t, out, "same change in 2 repositories: a/api, b/api\n", "applied: 2 updated\n")
	if document, _ := cloud.Policy("c/api"); document != "" {
		t.Errorf("a repository that isn't in the plan has the policy %s", document)
	}
	cloud.SetPolicy("a/api", "")
	forge(t, file, func(*plan.Saved) {}) // an interrupted apply also leaves some repositories to do
	_, out = call(t.Context(), "apply", file)
	contains(t, out, "applied: 1 updated\n")
	status, out = call(t.Context(), "apply", file)
	if status != 0 || !strings.HasSuffix(out, "nothing to apply: all changes of the plan are in place\n") {
		t.Errorf("exit status %d\n%s", status, out)
	}
	status, out = call(t.Context(), "plan", "--stack", "checking", "--out", file, "a/api", "b/api")
	if status != 0 || !strings.HasSuffix(out, "Saved the plan to "+file+". It contains no changes.\n") {
		t.Errorf("without changes: exit status %d\n%s", status, out)
	}
}

// A plan that only trims the statements of a list that can't be used can be applied again, too.
func TestSavedPlanWithoutList(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api", "b/api")
	cloud.PutList(accountList+"/a", "111111111111") // the account list doesn't exist
	cloud.SetPolicy("b/api", `{"Version":"2012-10-17","Statement":[{"Sid":"EcrPullPolicyOpen","Effect":"Allow","Principal":"*","Action":"ecr:*"}]}`)
	file := filepath.Join(t.TempDir(), "plan.json")
	_, out := call(t.Context(), "plan", "--stack", "", "--out", file)
	contains(t, out, "Saved the plan")
	_, out = call(t.Context(), "apply", file)
	contains(t, out, "1 updated, 1 deleted")
	cloud.SetPolicy("a/api", "") // as if apply had been interrupted before this repository
	_, out = call(t.Context(), "apply", file)
	contains(t, out, "1 updated")
}

// A plan has the flags and the lists that it was made with.
func TestFlagsOfASavedPlan(t *testing.T) {
	cloud, file := savePlan(t, "--accounts", "222222222222", "--grant-style", "condition", "--lambda-statement", "off", "--extra-actions", "ecr:ListImages,ecr:DescribeImages", "a/api")
	status, out := call(t.Context(), "apply", file)
	if status != 0 {
		t.Errorf("exit status %d", status)
	}
	contains(t, out, "stack checking, --accounts instead of list "+accountList+"\n", "warning: stack checking applies the lists in SSM", "applied: 1 updated\n")
	document, _ := cloud.Policy("a/api")
	contains(t, document, `"aws:PrincipalAccount": [`, "222222222222", "ecr:DescribeImages", "ecr:ListImages")
}

// If anything that a plan depends on has changed, apply says what, and writes nothing.
func TestOutdatedPlan(t *testing.T) {
	const outOfDate = " is out of date for 1 policy, so nothing was written; run plan again\n"
	for name, c := range map[string]struct {
		change func(t *testing.T, cloud *stubaws.AWS, file string)
		args   []string
		want   []string
	}{
		"policy": {change: func(_ *testing.T, cloud *stubaws.AWS, _ string) {
			cloud.SetPolicy("b/api", `{"Statement":[{"Sid":"Team"}]}`)
		}, want: []string{"out of date: b/api: the policy was changed\n", outOfDate}},
		"list": {change: func(_ *testing.T, cloud *stubaws.AWS, _ string) { cloud.PutList(accountList, "222222222222") },
			want: []string{"out of date: a/api: the account lists changed: planned with version 1, now 2\n  same problem in 1 more repository: b/api\n", "is out of date for 2 policies"}},
		"list written anew": {change: func(_ *testing.T, cloud *stubaws.AWS, _ string) {
			cloud.DeleteParameter(accountList)
			cloud.PutList(accountList, "222222222222")
		}, want: []string{"the policy would differ from the planned one, because the account lists or this program changed"}},
		"list deleted": {change: func(_ *testing.T, cloud *stubaws.AWS, _ string) { cloud.DeleteParameter(accountList) },
			want: []string{"planned with version 1, now none"}},
		"namespace list": {change: func(_ *testing.T, cloud *stubaws.AWS, _ string) { cloud.PutList(accountList+"/b", "222222222222") },
			want: []string{"out of date: b/api: the account lists changed: planned with version 1, now 1 b:1\n", outOfDate}},
		"repository": {change: func(_ *testing.T, cloud *stubaws.AWS, _ string) { cloud.DeleteRepository("b/api") },
			want: []string{"out of date: b/api: the repository was deleted\n", outOfDate}},
		"scope": {change: func(t *testing.T, _ *stubaws.AWS, file string) {
			forge(t, file, func(s *plan.Saved) { s.Repositories[1].Name = checkRepository })
		}, want: []string{"out of date: " + checkRepository + ": the repository is out of scope\n", outOfDate}},
		"planned policy": {change: func(t *testing.T, _ *stubaws.AWS, file string) {
			forge(t, file, func(s *plan.Saved) { s.Repositories[1].After = "other" })
		}, want: []string{"out of date: b/api: the policy would differ from the planned one", outOfDate}},
		"setting": {change: func(t *testing.T, _ *stubaws.AWS, file string) {
			forge(t, file, func(s *plan.Saved) { s.Settings["grant-style"] = "condition" })
		}, want: []string{`because settings of stack checking changed: grant-style was "condition" and is "principal"; run plan again`}},
		"Region": {args: []string{"--region", "eu-west-1"},
			want: []string{"is for registry 123456789012 in eu-central-1, but the Region is eu-west-1; pass --region eu-central-1"}},
		"with repository": {args: []string{"a/api", "--yes"}, want: []string{"plan.json: a saved plan can't be combined with repositories or another plan; to apply it, pass only the file"}},
		"flag":            {args: []string{"--include", "a/**", "--stack", ""}, want: []string{"a saved plan can't be combined with --include, --stack, because"}},
		"unusable lists":  {args: []string{"--list", "x"}, want: []string{"a saved plan can't be combined with --list, because"}},
		"unknown flag": {change: func(t *testing.T, _ *stubaws.AWS, file string) {
			forge(t, file, func(s *plan.Saved) { s.Flags["mode"] = "enforce" })
		}, want: []string{"the saved plan has the unknown flag --mode; run plan again"}},
		"stack in mode observe": {change: func(t *testing.T, _ *stubaws.AWS, file string) {
			forge(t, file, func(s *plan.Saved) { s.Flags["stack"] = "observing" })
		}, want: []string{"the mode is observe, so apply writes nothing"}},
		"edited file": {change: func(t *testing.T, _ *stubaws.AWS, file string) { edit(t, file, "b/api", "c/api") },
			want: []string{"is damaged or was edited: its checksum doesn't match; run plan again; to select repositories instead, pass --include\n"}},
		"file of another version": {change: func(t *testing.T, _ *stubaws.AWS, file string) { edit(t, file, "plan 2", "plan 0") },
			want: []string{`was saved by another version of ecr-pull-policy (format "ecr-pull-policy plan 0", expected "ecr-pull-policy plan 2"); run plan again`}},
		"another file": {change: func(t *testing.T, _ *stubaws.AWS, file string) { edit(t, file, "{", "[") },
			want: []string{"isn't a plan that plan --out saved; to select repositories instead, pass --include"}},
		"half a file": {change: func(t *testing.T, _ *stubaws.AWS, file string) { edit(t, file, `}}`, "") },
			want: []string{"isn't a plan that plan --out saved"}},
	} {
		t.Run(name, func(t *testing.T) {
			cloud, file := savePlan(t)
			if c.change != nil {
				c.change(t, cloud, file)
			}
			status, out := call(t.Context(), append([]string{"apply", file}, c.args...)...)
			if status != exitFailed {
				t.Errorf("exit status %d", status)
			}
			contains(t, out, c.want...)
			if n := cloud.Calls()["SetRepositoryPolicy"]; n != 0 {
				t.Errorf("%d policies were written", n)
			}
		})
	}
}

func edit(t *testing.T, file, old, replacement string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(content), old, replacement, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// What changes while a plan is applied is neither overwritten nor applied.
func TestChangesDuringASavedPlan(t *testing.T) {
	cloud, file := savePlan(t)
	var reads atomic.Int64
	cloud.OnDone = func(_ context.Context, call stubaws.Call, _ error) {
		if call.Operation == "GetRepositoryPolicy" && reads.Add(1) == 2 { // both were compared with the plan
			cloud.SetPolicy("b/api", `{"Statement":[{"Sid":"Team"}]}`)
			cloud.PutList(accountList, "222222222222")
		}
	}
	status, out := call(t.Context(), "apply", file)
	if status != exitFailed {
		t.Errorf("exit status %d", status)
	}
	contains(t, out, "failed: b/api: the policy of b/api was changed while the plan was applied; run plan again\n", "applied: 1 updated, 1 failed\n",
		"warning: an account list changed while the plan was applied, and the policies don't reflect the change; run plan again\n")
	for repository, want := range map[string]string{"a/api": "111111111111", "b/api": `{"Statement":[{"Sid":"Team"}]}`} {
		if document, _ := cloud.Policy(repository); !strings.Contains(document, want) || strings.Contains(document, "222222222222") {
			t.Errorf("the policy of %s is %s", repository, document)
		}
	}
}

func TestFilesOfPlans(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api")
	cloud.PutList(accountList, "111111111111")
	t.Chdir(t.TempDir())
	if err := os.Mkdir("a", 0o700); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"apply ./plan.json":                             `"./plan.json": no such plan file, and not the name of a repository`,
		"apply plan.json --stack checking":              `"plan.json": no such plan file; to select a repository with this name, pass --include`,
		"apply plan --yes --stack checking":             `"plan": no repository matches`,
		"apply a --yes --stack checking":                `"a": no such plan file, and not the name of a repository`, // a directory
		"plan --out a --stack checking":                 "save plan: a isn't a regular file",
		"plan --out missing/plan.json --stack checking": "save plan: open missing/",
		"plan --out plan.json":                          "stack ecr-pull-policy doesn't exist in eu-central-1",
	} {
		if status, out := call(t.Context(), strings.Fields(args)...); status != exitFailed || !strings.Contains(out, want) {
			t.Errorf("%s: exit status %d\n%s", args, status, out)
		}
	}
}
