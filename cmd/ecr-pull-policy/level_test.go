package main

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

const replicationStatement = `{"Sid":"Replication","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::555555555555:root"},"Action":"ecr:ReplicateImage","Resource":"arn:aws:ecr:eu-central-1:123456789012:repository/*"}`

// at returns the arguments of a command for a policy level, without a stack.
func at(level, command string, args ...string) []string {
	return append([]string{command, "--stack", "", "--" + policyLevel, level}, args...)
}

// The level changes both ways. Each time, unmanaged statements survive, and the policies of the other level lose the
// managed ones.
func TestChangeLevel(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api", "b/api")
	cloud.PutList(accountList, "111111111111")
	cloud.PutList(accountList+"/a", "222222222222")
	cloud.SetRegistryPolicy(`{"Version":"2012-10-17","Statement":[` + replicationStatement + `]}`)
	run := func(status int, args []string, parts ...string) {
		t.Helper()
		got, out := call(t.Context(), args...)
		if got != status {
			t.Errorf("%s: exit status %d, want %d", args, got, status)
		}
		contains(t, out, parts...)
		if t.Failed() {
			t.Fatal(out)
		}
	}
	policies := func() (registry, a, b string) {
		a, _ = cloud.Policy("a/api")
		b, _ = cloud.Policy("b/api")
		return cloud.RegistryPolicy(), a, b
	}
	run(0, at("repository", "apply", "--yes", "--lambda-statement", "off"), "applied: 2 updated\n")
	run(exitChanges, at("registry", "plan", "--lambda-statement", "off"),
		"registry policy\n  accounts, roles and users on all repositories (EcrPullPolicyAccounts)\n    + account 111111111111\n",
		"  accounts, roles and users on a, a/* (EcrPullPolicyAccountsIna)\n    + account 222222222222\n",
		"registry policy: to change\n", "2 repositories: 2 to change", "calls that write: 2 PutRegistryPolicy, 2 DeleteRepositoryPolicy\n")
	run(0, at("registry", "apply", "--yes", "--lambda-statement", "off"), "applied: 2 deleted\n", "registry policy: updated\n")
	registry, a, b := policies()
	contains(t, registry, "ReplicateImage", "111111111111", "222222222222")
	if a != "" || b != "" {
		t.Errorf("the repositories have %q and %q", a, b)
	}
	run(0, at("registry", "plan", "--lambda-statement", "off"), "registry policy: unchanged\n", "2 repositories: 0 to change")

	run(exitChanges, at("repository", "plan", "--lambda-statement", "off"), "registry policy\n", "    - account 222222222222\n", "calls that write: 1 PutRegistryPolicy, 2 SetRepositoryPolicy\n")
	run(0, at("repository", "apply", "--yes", "--lambda-statement", "off"), "applied: 2 updated\n", "registry policy: updated\n")
	registry, a, b = policies()
	contains(t, registry, "ReplicateImage")
	contains(t, a, "111111111111", "222222222222")
	contains(t, b, "111111111111")
	if strings.Contains(registry, "EcrPullPolicy") {
		t.Errorf("the registry policy still has managed statements: %s", registry)
	}
	run(0, at("repository", "plan", "--lambda-statement", "off"), "2 repositories: 0 to change")
}

// The statements for Lambda stay on the repositories.
func TestLambdaStatementsStayAtTheRepositories(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api")
	cloud.PutList(accountList, "111111111111")
	for range 2 {
		if status, out := call(t.Context(), at("registry", "apply", "--yes")...); status != 0 {
			t.Fatalf("exit status %d: %s", status, out)
		}
	}
	document, _ := cloud.Policy("a/api")
	contains(t, document, "EcrPullPolicyLambda")
	if strings.Contains(document, "EcrPullPolicyAccounts") || strings.Contains(cloud.RegistryPolicy(), "lambda") {
		t.Errorf("the repository has %s, the registry %s", document, cloud.RegistryPolicy())
	}
}

// At no moment during a change of the level, nor after an interruption or a failure of any call, does a listed account
// lose its grant. Running apply again completes the change.
func TestLevelChangeIsSafeAnywhere(t *testing.T) {
	for _, levels := range [][2]string{{"repository", "registry"}, {"registry", "repository"}} {
		t.Run(levels[1], func(t *testing.T) {
			for failing := int64(0); ; failing++ {
				cloud := newCloud(t)
				cloud.CreateRepository("a/api", "b/api")
				cloud.PutList(accountList, "111111111111")
				if status, out := call(t.Context(), at(levels[0], "apply", "--yes", "--lambda-statement", "off")...); status != 0 {
					t.Fatalf("exit status %d: %s", status, out)
				}
				ctx, interrupt := context.WithCancel(t.Context())
				var calls atomic.Int64
				cloud.OnCall = func(context.Context, stubaws.Call) stubaws.Fault {
					if calls.Add(1)-1 == failing {
						interrupt()
						return stubaws.Fault{Code: "AccessDeniedException"}
					}
					return stubaws.Fault{}
				}
				check := func(when string) {
					for _, name := range []string{"a/api", "b/api"} {
						document, _ := cloud.Policy(name)
						if !strings.Contains(document+cloud.RegistryPolicy(), "111111111111") {
							t.Errorf("call %d %s: nothing grants on %s", failing, when, name)
						}
					}
				}
				cloud.OnDone = func(_ context.Context, call stubaws.Call, _ error) { check("after " + call.Operation) }
				status, out := call(ctx, at(levels[1], "apply", "--yes", "--lambda-statement", "off")...)
				if status == 0 {
					return // all calls have failed once
				}
				if status, out := call(t.Context(), at(levels[1], "apply", "--yes", "--lambda-statement", "off")...); status != 0 {
					t.Fatalf("call %d, again: exit status %d: %s", failing, status, out)
				}
				check("at the end")
				document, _ := cloud.Policy("a/api")
				if other := map[string]string{"registry": document, "repository": cloud.RegistryPolicy()}[levels[1]]; strings.Contains(other, "EcrPullPolicy") {
					t.Errorf("call %d: the other level has %s\n%s", failing, other, out)
				}
				if failing > 100 {
					t.Fatal("apply never completes")
				}
			}
		})
	}
}

// A list that can't be used keeps the other level as it is, and is named.
func TestUnusableListBlocksLeavingALevel(t *testing.T) {
	for _, levels := range [][2]string{{"repository", "registry"}, {"registry", "repository"}} {
		t.Run(levels[1], func(t *testing.T) {
			cloud := newCloud(t)
			cloud.CreateRepository("a/api")
			cloud.PutList(accountList, "111111111111")
			if status, out := call(t.Context(), at(levels[0], "apply", "--yes")...); status != 0 {
				t.Fatalf("exit status %d: %s", status, out)
			}
			cloud.PutList(accountList+"/a", "12345")
			status, out := call(t.Context(), at(levels[1], "apply", "--yes")...)
			if status != exitFailed {
				t.Errorf("exit status %d", status)
			}
			contains(t, out, "managed statements, because an account list can't be used: "+accountList+"/a\n")
			document, _ := cloud.Policy("a/api")
			contains(t, document, "EcrPullPolicyAccounts")
			contains(t, cloud.RegistryPolicy(), "EcrPullPolicyAccounts")
		})
	}
}

// Somebody who removes the grants from the registry policy while the repositories lose theirs stops that.
func TestForeignEditDuringLevelChange(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api")
	cloud.PutList(accountList, "111111111111")
	if status, out := call(t.Context(), at("repository", "apply", "--yes", "--lambda-statement", "off")...); status != 0 {
		t.Fatalf("exit status %d: %s", status, out)
	}
	cloud.OnDone = func(_ context.Context, call stubaws.Call, _ error) {
		if call.Operation == "DeleteRepositoryPolicy" {
			cloud.SetRegistryPolicy("")
		}
	}
	status, out := call(t.Context(), at("registry", "apply", "--yes", "--lambda-statement", "off")...)
	if status != exitFailed {
		t.Errorf("exit status %d", status)
	}
	contains(t, out, "the registry policy was changed while apply ran")
}

// A repository that is created while the registry policy is emptied gets a policy, also without a trail.
func TestNewRepositoryDuringLevelChange(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api")
	cloud.PutList(accountList, "111111111111")
	off := []string{"--yes", "--lambda-statement", "off"}
	if status, out := call(t.Context(), at("registry", "apply", off...)...); status != 0 {
		t.Fatalf("exit status %d: %s", status, out)
	}
	cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
		if call.Operation == "DeleteRegistryPolicy" {
			cloud.CreateRepository("a/new")
		}
		return stubaws.Fault{}
	}
	status, out := call(t.Context(), at("repository", "apply", off...)...)
	if document, _ := cloud.Policy("a/new"); status != 0 || !strings.Contains(document, "111111111111") {
		t.Errorf("exit status %d, the new repository has %q\n%s", status, document, out)
	}
}

// What a registry policy can't express is refused before anything is written.
func TestInexpressibleScope(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("team-a/api")
	cloud.PutList(accountList, "111111111111")
	for _, command := range [][]string{{"plan"}, {"apply", "--yes"}, {"render", "team-a/api"}} {
		status, out := call(t.Context(), append(command, "--stack", "one-level", "--"+policyLevel, "registry")...)
		if status != exitFailed {
			t.Errorf("%s: exit status %d", command, status)
		}
		contains(t, out, `"team-*": in a registry policy, * also matches slashes`)
	}
	if calls := cloud.Calls(); calls["SetRepositoryPolicy"]+calls["PutRegistryPolicy"] > 0 {
		t.Errorf("calls: %v", calls)
	}
}

// A stack at the other level would undo what apply writes.
func TestLevelOfTheStack(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api")
	cloud.PutList(accountList, "111111111111")
	status, out := call(t.Context(), "apply", "--yes", "--stack", "checking", "--"+policyLevel, "registry")
	if status != exitFailed {
		t.Errorf("exit status %d", status)
	}
	contains(t, out, "stack checking has PolicyLevel=repository and would undo changes at the level registry; deploy it with PolicyLevel=registry first")
}

// While a stack is updated, its functions can have the previous level.
func TestLevelOfAStackThatIsUpdated(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api")
	cloud.PutList(accountList, "111111111111")
	status, out := call(t.Context(), "apply", "--yes", "--stack", "updating")
	if calls := cloud.Calls(); status != exitFailed || calls["PutRegistryPolicy"]+calls["SetRepositoryPolicy"] > 0 {
		t.Errorf("exit status %d, calls %v", status, calls)
	}
	contains(t, out, "stack updating is being updated (UPDATE_IN_PROGRESS), and its functions can still have the previous policy level; wait until the update has ended")
}

// remove takes the managed statements out of the registry policy with --registry-policy and --all, and with nothing else.
func TestRemoveFromRegistryPolicy(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api")
	cloud.PutList(accountList, "111111111111")
	cloud.PutList(accountList+"/b", "222222222222")
	cloud.SetRegistryPolicy(`{"Version":"2012-10-17","Statement":[` + replicationStatement + `]}`)
	for _, c := range []struct {
		args    string
		removed bool
	}{{"a/api", false}, {"--registry-policy", true}, {"--all", true}} {
		if status, out := call(t.Context(), at("registry", "apply", "--yes")...); status != 0 {
			t.Fatalf("exit status %d: %s", status, out)
		}
		status, out := call(t.Context(), "remove", "--stack", "", "--yes", c.args)
		if status != 0 {
			t.Fatalf("exit status %d: %s", status, out)
		}
		document := cloud.RegistryPolicy()
		contains(t, document, "ReplicateImage")
		if removed := !strings.Contains(document, "EcrPullPolicy"); removed != c.removed || removed != strings.Contains(out, "registry policy: updated\n") {
			t.Errorf("remove %s: the registry policy is %s\n%s", c.args, document, out)
		}
	}
}

// A repository that can't be updated doesn't keep the grants of all others in the registry policy.
func TestRemoveAllWithFailure(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api", "b/api")
	cloud.PutList(accountList, "111111111111")
	if status, out := call(t.Context(), at("registry", "apply", "--yes")...); status != 0 {
		t.Fatalf("exit status %d: %s", status, out)
	}
	cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
		if call.Operation == "DeleteRepositoryPolicy" && strings.Contains(string(call.Body), "a/api") {
			return stubaws.Fault{Code: "AccessDeniedException"}
		}
		return stubaws.Fault{}
	}
	status, out := call(t.Context(), "remove", "--stack", "", "--yes", "--all")
	if status != exitFailed || cloud.RegistryPolicy() != "" {
		t.Errorf("exit status %d, the registry policy is %q\n%s", status, cloud.RegistryPolicy(), out)
	}
	contains(t, out, "failed", "a/api", "registry policy: deleted\n")
}

// If the stack has no statement for Lambda, the registry policy is marked as soon as no repository has managed statements.
func TestRegistryPolicyIsMarked(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api")
	cloud.PutList(accountList, "111111111111")
	off := []string{"--lambda-statement", "off"}
	if status, out := call(t.Context(), at("registry", "apply", append(off, "--yes", "a/api")...)...); status != 0 || strings.Contains(cloud.RegistryPolicy(), "EcrPullPolicyOnly") {
		t.Errorf("apply of one repository: exit status %d, %s\n%s", status, cloud.RegistryPolicy(), out)
	}
	status, out := call(t.Context(), at("registry", "plan", off...)...)
	if status != exitChanges {
		t.Errorf("exit status %d", status)
	}
	contains(t, out, "  accounts, roles and users on all repositories (EcrPullPolicyOnlyAccounts)\n    ~ marked, because no repository has managed statements\n")
	if status, out := call(t.Context(), at("registry", "apply", append(off, "--yes")...)...); status != 0 {
		t.Errorf("exit status %d: %s", status, out)
	}
	contains(t, cloud.RegistryPolicy(), "EcrPullPolicyOnlyAccounts")
	if status, out := call(t.Context(), at("registry", "plan", off...)...); status != 0 {
		t.Errorf("exit status %d: %s", status, out)
	}
}

// A saved plan of a change of the level is applied as it is, also after an interruption, and not if the registry policy has
// changed.
func TestSavedPlanOfALevel(t *testing.T) {
	for _, levels := range [][2]string{{"repository", "registry"}, {"registry", "repository"}} {
		cloud := newCloud(t)
		cloud.CreateRepository("a/api", "b/api")
		cloud.PutList(accountList, "111111111111")
		off := []string{"--lambda-statement", "off"}
		if status, out := call(t.Context(), at(levels[0], "apply", append(off, "--yes")...)...); status != 0 {
			t.Fatalf("exit status %d: %s", status, out)
		}
		file := t.TempDir() + "/plan.json"
		if status, out := call(t.Context(), at(levels[1], "plan", append(off, "--out", file)...)...); status != exitChanges {
			t.Fatalf("exit status %d: %s", status, out)
		}
		original := cloud.RegistryPolicy()
		cloud.SetRegistryPolicy(`{"Statement":[` + replicationStatement + `]}`)
		if levels[0] == "registry" {
			cloud.SetRegistryPolicy(strings.Replace(original, "111111111111", "333333333333", 1))
		}
		status, out := call(t.Context(), "apply", file)
		if status != exitFailed {
			t.Errorf("exit status %d", status)
		}
		contains(t, out, "out of date: registry policy: the policy was changed\n")
		cloud.SetRegistryPolicy(original)

		var writes atomic.Int64
		var over atomic.Bool
		cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
			if strings.Contains(call.Operation, "Policy") && !strings.HasPrefix(call.Operation, "Get") {
				if writes.Add(1) > 2 && !over.Load() {
					return stubaws.Fault{Code: "AccessDeniedException"}
				}
			}
			return stubaws.Fault{}
		}
		if status, out := call(t.Context(), "apply", file); status != exitFailed {
			t.Errorf("exit status %d: %s", status, out)
		}
		over.Store(true)
		status, out = call(t.Context(), "apply", file)
		if status != 0 {
			t.Fatalf("%s: exit status %d: %s", levels[1], status, out)
		}
		if status, out := call(t.Context(), at(levels[1], "plan", off...)...); status != 0 {
			t.Errorf("%s: exit status %d: %s", levels[1], status, out)
		}
	}
}

// render and validate show the policy of the level.
func TestRenderAndValidateAtALevel(t *testing.T) {
	cloud := newCloud(t)
	cloud.PutList(accountList, "111111111111")
	cloud.PutList(accountList+"/a", "222222222222")
	const all = "arn:aws:ecr:eu-central-1:123456789012:repository/"
	off := []string{"--lambda-statement", "off"}
	for _, c := range []struct {
		args   []string
		status int
		want   []string
	}{
		{at("registry", "render", "--registry-policy"), 0, []string{`"Resource": ["` + all + `*"]`, `"` + all + `a/*"`}},
		{at("registry", "render", "a/api"), 0, []string{`"Sid": "EcrPullPolicyLambda1"`}},
		{at("registry", "render", append(off, "a/api")...), exitFailed, []string{"the registry policy grants on a/api, and the repository has no policy; to print the registry policy, run: "}},
		{at("repository", "render", "--registry-policy"), exitFailed, []string{"the policy level is repository, so the account lists require no registry policy"}},
		{at("registry", "render", "--registry-policy", "a/api"), exitFailed, []string{`unexpected argument "a/api"`}},
		{[]string{"validate", "--" + policyLevel, "registry", accountsFile(t)}, 0, []string{
			"This is the registry policy, whose size all lists share. The statements for Lambda are in the policies of the repositories.\n", `"Resource": [`}},
	} {
		status, out := call(t.Context(), c.args...)
		if status != c.status {
			t.Errorf("%s: exit status %d", c.args, status)
		}
		contains(t, out, c.want...)
	}
}

// All lists share the size of the registry policy.
func TestRegistryPolicyTooLarge(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api")
	for _, name := range []string{accountList, accountList + "/a"} {
		var accounts []string
		for i := range 350 {
			accounts = append(accounts, fmt.Sprintf("1%011d", i))
		}
		cloud.PutList(name, strings.Join(accounts, ","))
	}
	for _, command := range [][]string{{"plan"}, {"apply", "--yes"}, {"render", "--registry-policy"}} {
		status, out := call(t.Context(), at("registry", command[0], append(command[1:], "--lambda-statement", "off")...)...)
		if status != exitFailed {
			t.Errorf("%s: exit status %d", command, status)
		}
		contains(t, out, "build the registry policy: the registry policy would have ", " characters, and ECR's limit is 10240, which all lists share; ")
	}
	if calls := cloud.Calls(); calls["SetRepositoryPolicy"]+calls["PutRegistryPolicy"] > 0 {
		t.Errorf("calls: %v", calls)
	}
}
