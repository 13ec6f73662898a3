package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

// A stack that observes is deployed by somebody who wants to look first: nothing is written unless that is said.
func TestObserve(t *testing.T) {
	const introduction = "registry 123456789012 in eu-central-1, stack watching (mode observe: it writes nothing), list /ecr-pull-policy/accounts\n\n"
	for _, c := range []struct {
		args   []string
		status int
		writes int
		says   []string
	}{
		{[]string{"plan"}, exitChanges, 0, []string{introduction, "1 to change"}},
		{[]string{"apply", "--yes"}, exitFailed, 0, []string{introduction, "the mode is observe, so nothing is written: ", "Mode=enforce", "say --mode enforce"}},
		{[]string{"apply", "--yes", "--mode", "enforce"}, 0, 1, []string{"stack watching, list", "applied: 1 updated"}},
		{[]string{"apply", "--yes", "--mode", "force"}, exitFailed, 0, []string{`Mode: "force" is neither enforce nor observe`}},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			cloud := newCloud(t)
			cloud.CreateRepository("a/api")
			cloud.PutList(accountList, "111111111111")
			status, said := call(t.Context(), append(c.args, "--stack", "watching")...)
			if status != c.status {
				t.Errorf("exit status %d", status)
			}
			says(t, said, c.says...)
			if got := cloud.Calls()["SetRepositoryPolicy"]; got != c.writes {
				t.Errorf("%d policies were written, want %d", got, c.writes)
			}
		})
	}
}

// A repository that can't follow is told after all others were served.
func TestFailedRepository(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/full", "b/api", "c/api")
	full := fmt.Sprintf(`{"Statement":[{"Sid":%q}]}`, strings.Repeat("x", 10_200))
	cloud.SetPolicy("a/full", full)
	cloud.PutList(accountList, "111111111111")
	for _, command := range [][]string{{"plan"}, {"apply", "--yes"}} {
		status, said := call(t.Context(), command...)
		if status != 1 {
			t.Errorf("%s: exit status %d", command, status)
		}
		says(t, said, "There is no stack ecr-pull-policy", "the same change in 2 repositories: b/api, c/api",
			"failed: a/full: the policy document would have", "3 repositories: 2 to change, 0 unchanged, 1 failed")
	}
	for repository, want := range map[string]string{"a/full": full, "b/api": "111111111111", "c/api": "111111111111"} {
		if got, _ := cloud.Policy(repository); !strings.Contains(got, want) {
			t.Errorf("%s has %s", repository, got)
		}
	}
}

func TestFailuresOfApply(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/denied", "b/api")
	cloud.PutList(accountList, "111111111111,arn:aws:iam::222222222222:role/gone")
	cloud.ClosePrincipal("arn:aws:iam::222222222222:role/gone")
	cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
		if call.Operation == "SetRepositoryPolicy" && strings.Contains(string(call.Body), "a/denied") {
			return stubaws.Fault{Code: "AccessDeniedException"}
		}
		return stubaws.Fault{}
	}
	status, said := call(t.Context(), "apply", "--yes")
	if status != 1 {
		t.Errorf("exit status %d", status)
	}
	says(t, said, "failed: a/denied: set policy of a/denied:", "AccessDeniedException",
		"rejected: arn:aws:iam::222222222222:role/gone: ECR says that it does not exist", "applied: 1 updated, 1 failed")
}

// What fails alike in many repositories is told once.
func TestManyFailures(t *testing.T) {
	cloud := newCloud(t)
	for i := range 500 {
		cloud.CreateRepository(fmt.Sprintf("a/%03d", i))
	}
	cloud.CreateRepository("b/full", "c/full")
	for i, name := range []string{"b/full", "c/full"} {
		cloud.SetPolicy(name, fmt.Sprintf(`{"Statement":[{"Sid":%q}]}`, strings.Repeat("x", 10_200+i)))
	}
	cloud.PutList(accountList, "111111111111")
	for operation, command := range map[string][]string{
		"GetRepositoryPolicy": {"plan"},
		"SetRepositoryPolicy": {"apply", "--yes"},
	} {
		cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
			if call.Operation == operation && strings.Contains(string(call.Body), `"a/`) {
				return stubaws.Fault{Code: "AccessDeniedException"}
			}
			return stubaws.Fault{}
		}
		status, said := call(t.Context(), command...)
		if status != 1 {
			t.Errorf("%s: exit status %d", command, status)
		}
		says(t, said, "a/000: AccessDeniedException: stubaws was told to\n  the same in 499 more: a/001, a/002,", "… and 493 more (--all lists each)\n",
			"failed: b/full: the policy document would have", "\n  the same in 1 more: c/full\n")
		if len(said) > 3000 {
			t.Errorf("%s says %d characters:\n%s", command, len(said), said)
		}
		_, said = call(t.Context(), append(command, "--all")...)
		says(t, said, "failed: a/000:", "failed: a/499:", "failed: c/full:")
	}
}

// Lists that can't be read any more stop it.
func TestListsGoAway(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api")
	cloud.PutList(accountList, "111111111111")
	planned := false
	cloud.OnDone = func(_ context.Context, call stubaws.Call, _ error) {
		planned = planned || call.Operation == "GetRepositoryPolicy"
	}
	cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
		if planned && call.Operation == "GetParameters" {
			return stubaws.Fault{Code: "AccessDeniedException"}
		}
		return stubaws.Fault{}
	}
	status, said := call(t.Context(), "apply", "--yes")
	if status != 1 {
		t.Errorf("exit status %d", status)
	}
	says(t, said, "read list "+accountList)
}

// Ctrl-C while the first of several batches is written: that batch is finished, with the check that no list moved.
func TestInterruptedBatch(t *testing.T) {
	cloud := newCloud(t)
	for i := range 2*batchSize + 1 {
		cloud.CreateRepository(fmt.Sprintf("a/%02d", i))
	}
	cloud.PutList(accountList, "111111111111")
	ctx, interrupt := context.WithCancel(t.Context())
	cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
		if call.Operation == "SetRepositoryPolicy" {
			interrupt()
		}
		return stubaws.Fault{}
	}
	status, said := call(ctx, "apply", "--yes")
	if status != exitInterrupted {
		t.Errorf("exit status %d", status)
	}
	says(t, said, "applied: 20 updated", "interrupted: 21 repositories left: a/20, a/21,", "run apply again")
	if status, said = call(t.Context(), "apply", "--yes"); status != 0 {
		t.Errorf("again: exit status %d", status)
	}
	says(t, said, "applied: 21 updated")
	if status, said = call(t.Context(), "apply", "--yes"); status != 0 || !strings.Contains(said, "0 to change, 41 unchanged") {
		t.Errorf("a third time: exit status %d\n%s", status, said)
	}
}

// Who is asked and says no wrote nothing, and nothing failed.
func TestAnswers(t *testing.T) {
	for answer, want := range map[string]struct {
		writes int
		says   string
	}{
		"no\n":  {0, "Only yes goes ahead: Nothing was written.\n"},
		"":      {0, "Nothing was written.\n"},
		"yes\n": {1, "applied: 1 updated"},
	} {
		cloud := newCloud(t)
		cloud.CreateRepository("a/api")
		cloud.PutList(accountList, "111111111111")
		var out output
		command := &cobra.Command{}
		command.SetContext(t.Context())
		command.SetIn(strings.NewReader(answer))
		command.SetOut(&out)
		command.SetErr(&out)
		s, store, err := (&listFlags{}).connect(command, newFlags())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.write(command, store, []string{"a/api"}, false, false); err != nil {
			t.Errorf("%q: %v", answer, err)
		}
		says(t, out.String(), "Write the policies of 1 repository in 123456789012, eu-central-1?", want.says)
		if got := cloud.Calls()["SetRepositoryPolicy"]; got != want.writes {
			t.Errorf("%q: %d policies were written, want %d", answer, got, want.writes)
		}
	}
}
