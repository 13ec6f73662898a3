package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

// Without --mode enforce, apply writes nothing for a stack in mode observe.
func TestObserve(t *testing.T) {
	const header = "registry 123456789012 in eu-central-1, stack observing (mode observe: it writes nothing), list /ecr-pull-policy/accounts\n\n"
	for _, c := range []struct {
		args   []string
		status int
		writes int
		output []string
	}{
		{[]string{"plan"}, exitChanges, 0, []string{header, "1 to change"}},
		{[]string{"apply", "--yes"}, exitFailed, 0, []string{header, "the mode is observe, so apply writes nothing; ", "Mode=enforce", "pass --mode enforce"}},
		{[]string{"apply", "--yes", "--mode", "enforce"}, 0, 1, []string{"stack observing, list", "applied: 1 updated"}},
		{[]string{"apply", "--yes", "--mode", "enforce", "--accounts", "222222222222"}, 0, 1, []string{
			"warning: stack observing applies the lists in SSM once its mode is enforce, and will then undo changes that differ from them\n"}},
		{[]string{"plan", "--out", filepath.Join(t.TempDir(), "plan.json"), "--region", "eu-central-1"}, exitChanges, 0, []string{
			"deploy the stack with Mode=enforce first, or run: ecr-pull-policy apply ", "plan.json --mode enforce --region eu-central-1\n"}},
		{[]string{"apply", "--yes", "--mode", "force"}, exitFailed, 0, []string{`invalid argument "force" for "--mode" flag: must be enforce or observe`}},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			cloud := newCloud(t)
			cloud.CreateRepository("a/api")
			cloud.PutList(accountList, "111111111111")
			status, out := call(t.Context(), append(c.args, "--stack", "observing")...)
			if status != c.status {
				t.Errorf("exit status %d", status)
			}
			contains(t, out, c.output...)
			if got := cloud.Calls()["SetRepositoryPolicy"]; got != c.writes {
				t.Errorf("%d policies were written, want %d", got, c.writes)
			}
		})
	}
}

// A repository that fails is reported, and the others are updated.
func TestFailedRepository(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/full", "b/api", "c/api")
	full := fmt.Sprintf(`{"Statement":[{"Sid":%q}]}`, strings.Repeat("x", 10_200))
	cloud.SetPolicy("a/full", full)
	cloud.PutList(accountList, "111111111111")
	for _, c := range []struct {
		args   []string
		totals string
	}{
		{[]string{"plan", "--stack", ""}, "3 repositories: 2 to change, 0 unchanged, 1 failed"},
		{[]string{"apply", "--stack", "", "--yes"}, "applied: 2 updated, 1 failed"},
	} {
		status, out := call(t.Context(), c.args...)
		if status != 1 {
			t.Errorf("%s: exit status %d", c.args, status)
		}
		contains(t, out, "same change in 2 repositories: b/api, c/api", "failed: a/full: build policy of a/full: the policy document would have", c.totals)
	}
	for repository, want := range map[string]string{"a/full": full, "b/api": "111111111111", "c/api": "111111111111"} {
		if got, _ := cloud.Policy(repository); !strings.Contains(got, want) {
			t.Errorf("%s has %s", repository, got)
		}
	}
}

// A typo in the stack's name, or the wrong Region, must not make the template's defaults the scope.
func TestApplyNeedsTheStack(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api")
	cloud.PutList(accountList, "111111111111")
	const absent = "stack ecr-pull-policy doesn't exist in eu-central-1; specify the stack with --stack and its Region with --region, or pass --stack ''"
	for _, c := range []struct {
		args   []string
		status int
		writes int
		output string
	}{
		{[]string{"apply", "--yes"}, exitFailed, 0, absent},
		{[]string{"apply", "--yes", "--include", "a/**"}, exitFailed, 0, absent},
		{[]string{"plan"}, exitChanges, 0, "note: stack ecr-pull-policy doesn't exist in eu-central-1; using the template's defaults and the flags\n"},
		{[]string{"audit"}, 0, 0, "note: stack ecr-pull-policy doesn't exist"},
		{[]string{"render", "a/api"}, 0, 0, "note: stack ecr-pull-policy doesn't exist"},
		{[]string{"apply", "--yes", "--stack", ""}, 0, 1, "no stack, list " + accountList},
	} {
		status, out := call(t.Context(), c.args...)
		if status != c.status {
			t.Errorf("%s: exit status %d", c.args, status)
		}
		contains(t, out, c.output)
		if got := cloud.Calls()["SetRepositoryPolicy"]; got != c.writes {
			t.Errorf("%s: %d policies were written, want %d", c.args, got, c.writes)
		}
	}
}

// An unchanged repository takes one call and a changed one takes two. The number of other calls is constant.
func TestCallsOfApply(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository(checkRepository)
	for i := range 150 {
		cloud.CreateRepository(fmt.Sprintf("a/%03d", i))
	}
	cloud.PutList(accountList, "111111111111")
	calls := func() map[string]int { // without retries: see stubaws.AWS.Retries
		calls := cloud.Calls()
		for operation, n := range cloud.Retries() {
			calls[operation] -= n
		}
		return calls
	}
	expect := func(list string, want map[string]int, parts ...string) {
		t.Helper()
		cloud.PutList(accountList, list)
		before := calls()
		status, out := call(t.Context(), "apply", "--yes", "--stack", "checking")
		if status != 0 {
			t.Errorf("exit status %d", status)
		}
		contains(t, out, parts...)
		got := calls()
		for operation, n := range before {
			if got[operation] -= n; got[operation] == 0 {
				delete(got, operation)
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: calls %v, want %v", list, got, want)
		}
	}
	expect("111111111111", map[string]int{
		"DescribeRepositories": 1, "GetRegistryPolicy": 1, "GetRepositoryPolicy": 150, "SetRepositoryPolicy": 150, "GetParameters": 2, "GetParametersByPath": 2,
	}, "same change in 150 repositories: a/000,", "    + account 111111111111\n", "applied: 150 updated\n")
	for i := range 50 {
		cloud.CreateRepository(fmt.Sprintf("b/%03d", i))
	}
	expect("111111111111", map[string]int{
		"DescribeRepositories": 1, "GetRegistryPolicy": 1, "GetRepositoryPolicy": 200, "SetRepositoryPolicy": 50, "GetParameters": 2, "GetParametersByPath": 2,
	}, "same change in 50 repositories: b/000,", "applied: 50 updated, 150 unchanged\n")
	expect("111111111111", map[string]int{
		"DescribeRepositories": 1, "GetRegistryPolicy": 1, "GetRepositoryPolicy": 200, "GetParameters": 1, "GetParametersByPath": 1,
	}, "applied: 200 unchanged\n")
	expect("none", map[string]int{
		"DescribeRepositories": 1, "GetRegistryPolicy": 1, "GetRepositoryPolicy": 200, "DeleteRepositoryPolicy": 200, "GetParameters": 2, "GetParametersByPath": 2,
	}, "    - account 111111111111\n", "  the policy is deleted because no statements remain\n", "applied: 200 deleted\n")
	if document, _ := cloud.Policy(checkRepository); document != "" {
		t.Errorf("policy of the stack's own repository: %s", document)
	}
}

// A list that changes during a run is applied too, and the combined change is shown.
func TestListChangesDuringApply(t *testing.T) {
	for name, c := range map[string]struct {
		changes int
		status  int
		output  []string
	}{
		"once":    {1, 0, []string{"same change in 3 repositories", "+ account 2", "applied: 3 updated\n"}},
		"forever": {1000, exitFailed, []string{"applied: 3 updated\n", "the account lists changed 5 times"}},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := newCloud(t)
			cloud.CreateRepository("a/1", "a/2", "a/3")
			cloud.PutList(accountList, "100000000000")
			var changes atomic.Int64
			cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
				if call.Operation == "SetRepositoryPolicy" {
					if n := changes.Add(1); n <= int64(c.changes) {
						cloud.PutList(accountList, fmt.Sprintf("2%011d", n))
					}
				}
				return stubaws.Fault{}
			}
			status, out := call(t.Context(), "apply", "--yes", "--stack", "")
			if status != c.status {
				t.Errorf("exit status %d", status)
			}
			contains(t, out, c.output...)
			if strings.Contains(out, "account 100000000000") {
				t.Errorf("output contains a consumer that was added and removed during the run:\n%s", out)
			}
		})
	}
}

// A principal that doesn't exist doesn't affect the others, and apply names the command that finds it.
func TestFailuresOfApply(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/denied", "b/api", "c/api")
	cloud.PutList(accountList, "111111111111,arn:aws:iam::222222222222:role/gone")
	cloud.ClosePrincipal("arn:aws:iam::222222222222:role/gone")
	denied := true
	cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
		if denied && call.Operation == "SetRepositoryPolicy" && strings.Contains(string(call.Body), "a/denied") {
			return stubaws.Fault{Code: "AccessDeniedException"}
		}
		return stubaws.Fault{}
	}
	status, out := call(t.Context(), "apply", "--yes", "--stack", "")
	if status != 1 {
		t.Errorf("exit status %d", status)
	}
	contains(t, out, "failed: a/denied: set policy of a/denied: AccessDeniedException", "applied: 2 updated, 1 failed",
		"note: ECR rejects a principal in the account lists, so the policies of 2 repositories use conditions; to find the principal, run: "+
			"ecr-pull-policy validate FILE --check-principals\n")
	denied = false
	if status, out = call(t.Context(), "apply", "--yes", "--stack", ""); status != 0 {
		t.Errorf("exit status %d", status)
	}
	contains(t, out, "policies of 1 repository use conditions", "applied: 1 updated, 2 unchanged\n")
}

// An error that is the same in many repositories is reported once.
func TestManyFailures(t *testing.T) {
	cloud := newCloud(t)
	for i := range 100 {
		cloud.CreateRepository(fmt.Sprintf("a/%03d", i))
	}
	cloud.CreateRepository("b/full", "c/full")
	for i, name := range []string{"b/full", "c/full"} {
		cloud.SetPolicy(name, fmt.Sprintf(`{"Statement":[{"Sid":%q}]}`, strings.Repeat("x", 10_200+i)))
	}
	cloud.PutList(accountList, "111111111111")
	for operation, command := range map[string][]string{
		"GetRepositoryPolicy": {"plan"},
		"SetRepositoryPolicy": {"apply", "--yes", "--stack", ""},
	} {
		cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
			if call.Operation == operation && strings.Contains(string(call.Body), `"a/`) {
				return stubaws.Fault{Code: "AccessDeniedException"}
			}
			return stubaws.Fault{}
		}
		status, out := call(t.Context(), command...)
		if status != 1 {
			t.Errorf("%s: exit status %d", command, status)
		}
		contains(t, out, "a/000: AccessDeniedException: stubaws: injected fault\n  same problem in 99 more repositories: a/001, a/002, a/003, and 96 more\n", "\nTo show each repository separately, use --all.\n",
			"failed: b/full: build policy of b/full: the policy document would have", "\n  same problem in 1 more repository: c/full\n")
		if len(out) > 3000 {
			t.Errorf("%s: output of %d characters:\n%s", command, len(out), out)
		}
		_, out = call(t.Context(), append(command, "--all")...)
		contains(t, out, "failed: a/000:", "failed: a/099:", "failed: c/full:")
	}
}

// An apply that can't check whether the lists have changed fails.
func TestUnreadableListsAfterApply(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api")
	cloud.PutList(accountList, "111111111111")
	var written atomic.Bool
	cloud.OnDone = func(_ context.Context, call stubaws.Call, _ error) {
		if call.Operation == "SetRepositoryPolicy" {
			written.Store(true)
		}
	}
	cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
		if written.Load() && call.Operation == "GetParameters" {
			return stubaws.Fault{Code: "AccessDeniedException"}
		}
		return stubaws.Fault{}
	}
	status, out := call(t.Context(), "apply", "--yes", "--stack", "")
	if status != 1 {
		t.Errorf("exit status %d", status)
	}
	contains(t, out, "applied: 1 updated", "read list "+accountList+": AccessDeniedException")
}

// After Ctrl-C, the repositories in progress are finished, and the lists are checked for changes.
func TestInterruptedApply(t *testing.T) {
	const all = 200
	cloud := newCloud(t)
	for i := range all {
		cloud.CreateRepository(fmt.Sprintf("a/%03d", i))
	}
	cloud.PutList(accountList, "111111111111")
	ctx, interrupt := context.WithCancel(t.Context())
	cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
		if call.Operation == "SetRepositoryPolicy" {
			interrupt()
		}
		return stubaws.Fault{}
	}
	status, out := call(ctx, "apply", "--yes", "--stack", "")
	if status != exitInterrupted {
		t.Errorf("exit status %d", status)
	}
	calls, retries := cloud.Calls(), cloud.Retries()
	count := func(operation string) int { return calls[operation] - retries[operation] }
	written := count("SetRepositoryPolicy")
	if written == 0 || written != count("GetRepositoryPolicy") || count("GetParameters") != 2 {
		t.Errorf("calls %v, retries %v", calls, retries)
	}
	contains(t, out, fmt.Sprintf("applied: %d updated\n", written), fmt.Sprintf("interrupted: %d repositories remaining (a/", all-written), "run apply again to continue")
	if status, out = call(t.Context(), "apply", "--yes", "--stack", ""); status != 0 {
		t.Errorf("again: exit status %d", status)
	}
	contains(t, out, fmt.Sprintf("applied: %d updated, %d unchanged\n", all-written, written))
}

// Without confirmation, apply writes nothing and succeeds.
func TestConfirmation(t *testing.T) {
	for answer, want := range map[string]struct {
		writes int
		output string
	}{
		"no\n":  {0, "Only 'yes' is accepted: Apply canceled. Nothing was written.\n"},
		"":      {0, "Apply canceled. Nothing was written.\n"},
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
		s, store, err := (&listFlags{}).connect(command, newFlags(program{timeout: callTimeout, errOut: &out}), stackOptional)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.applyPlan(command, store, false); err != nil {
			t.Errorf("%q: %v", answer, err)
		}
		contains(t, out.String(), "Do you want to apply these changes to 1 repository in 123456789012, eu-central-1?\n", want.output)
		if got := cloud.Calls()["SetRepositoryPolicy"]; got != want.writes {
			t.Errorf("%q: %d policies were written, want %d", answer, got, want.writes)
		}
	}
}

// Ctrl-C at the question ends its line and says that nothing was written.
func TestInterruptedConfirmation(t *testing.T) {
	unanswered, writer := io.Pipe()
	defer writer.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out output
	command := &cobra.Command{}
	command.SetContext(ctx)
	command.SetIn(unanswered)
	command.SetErr(&out)
	if confirmed, err := confirm(command, "Apply?", "Nothing was written."); confirmed || !errors.Is(err, context.Canceled) {
		t.Errorf("%t, %v", confirmed, err)
	}
	contains(t, out.String(), "accepted: \nNothing was written.\n")
}

// The second pass removes a statement that the first one added.
func TestListEditedBackDuringApply(t *testing.T) {
	for name, lists := range map[string][2]string{
		"an organization added by mistake": {"111111111111,o-a1b2c3d4e5", "111111111111"},
		"the first list revoked":           {"111111111111", "none"},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := newCloud(t)
			cloud.CreateRepository("a/api")
			cloud.PutList(accountList, lists[0])
			var edited atomic.Bool
			cloud.OnCall = func(_ context.Context, c stubaws.Call) stubaws.Fault {
				if c.Operation == "SetRepositoryPolicy" && edited.CompareAndSwap(false, true) {
					cloud.PutList(accountList, lists[1])
				}
				return stubaws.Fault{}
			}
			status, out := call(t.Context(), "apply", "--yes", "--stack", "")
			if status != 0 || !strings.Contains(out, "applied:") {
				t.Errorf("exit status %d:\n%s", status, out)
			}
		})
	}
}

// A policy that the first pass wrote is a change, even if the second pass can't reconcile the repository.
func TestApplyShowsWhatEveryPassWrote(t *testing.T) {
	for name, c := range map[string]struct {
		edit  func(*stubaws.AWS)
		fault stubaws.Fault // of the policy's next read
	}{
		"list deleted": {func(a *stubaws.AWS) { a.DeleteParameter(accountList) }, stubaws.Fault{}},
		"read denied":  {func(a *stubaws.AWS) { a.PutList(accountList, "222222222222") }, stubaws.Fault{Code: "AccessDeniedException"}},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := newCloud(t)
			cloud.CreateRepository("a/api")
			cloud.PutList(accountList, "111111111111")
			var written atomic.Bool
			cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
				switch {
				case call.Operation == "SetRepositoryPolicy" && written.CompareAndSwap(false, true):
					c.edit(cloud)
				case call.Operation == "GetRepositoryPolicy" && written.Load():
					return c.fault
				}
				return stubaws.Fault{}
			}
			status, out := call(t.Context(), "apply", "--yes", "--stack", "")
			document, _ := cloud.Policy("a/api")
			if strings.Contains(document, "111111111111") && !strings.Contains(out, "+ account 111111111111") {
				t.Errorf("exit status %d: account 111111111111 can pull now, which the output doesn't show:\n%s", status, out)
			}
		})
	}
}

// In ecr-pull-policy apply --yes 2>&1 | tee log, Ctrl-C also ends tee.
func TestInterruptedApplyWithClosedPipe(t *testing.T) {
	cloud := newCloud(t)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	program := exec.Command(os.Args[0])
	program.Env = append(os.Environ(), programArguments+"=apply\n--yes\n--stack\n")
	program.Stdout, program.Stderr = writer, writer
	started := make(chan struct{})
	var interrupt sync.Once
	cloud.OnCall = func(_ context.Context, c stubaws.Call) stubaws.Fault {
		if c.Operation == "SetRepositoryPolicy" {
			interrupt.Do(func() {
				<-started
				_ = reader.Close()
				_ = program.Process.Signal(os.Interrupt)
			})
			time.Sleep(500 * time.Millisecond) // the other writes are in progress
		}
		return stubaws.Fault{}
	}
	for i := range 100 { // after OnCall is set, which the server reads under the same lock
		cloud.CreateRepository(fmt.Sprintf("a/%03d", i))
	}
	cloud.PutList(accountList, "111111111111")
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	close(started)
	_ = writer.Close()
	_ = program.Wait()
	status := program.ProcessState.Sys().(syscall.WaitStatus)
	calls, retries := cloud.Calls(), cloud.Retries()
	if checks := calls["GetParameters"] - retries["GetParameters"]; checks != 2 {
		t.Errorf("%v (signal %v): the lists were read %d times, not again after %d writes", program.ProcessState, status.Signal(), checks,
			calls["SetRepositoryPolicy"]-retries["SetRepositoryPolicy"])
	}
}
