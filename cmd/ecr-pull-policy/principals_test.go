package main

import (
	"context"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

func TestCheckPrincipals(t *testing.T) {
	const (
		list = "111111111111, 222222222222 # closed\n" +
			"  arn:aws:iam::111111111111:role/ci\n" +
			"arn:aws:iam::111111111111:role/gone\to-a1b2c3d4e5 # twice:\n" +
			"arn:aws:iam::222222222222:root\n"
		writing = "Checking principals by writing policies to repository " + checkRepository + " in 123456789012, eu-central-1.\n"
		reason  = `: ECR rejects this principal: it doesn't exist, or its account is closed or hasn't enabled this Region` + "\n"
	)
	for name, c := range map[string]struct {
		list   string
		args   []string
		gone   []string
		status int
		writes int
		output []string
	}{
		"all exist": {list, []string{"--stack", "checking"}, nil, 0, 1, []string{
			"valid: standard input names 2 accounts, 2 roles and users, 1 organization\n", writing, "all principals exist: 4 checked\n"}},
		"some don't": {list, []string{"--stack", "checking"}, []string{"222222222222", "arn:aws:iam::111111111111:role/gone"}, exitFailed, 7, []string{
			writing, `-:1:15: "222222222222"` + reason, `-:3:1: "arn:aws:iam::111111111111:role/gone"` + reason, `-:4:1: "arn:aws:iam::222222222222:root"` + reason}},
		"style condition": {list, []string{"--stack", "condition"}, []string{"arn:aws:iam::111111111111:role/gone"}, exitFailed, 5, []string{
			"note: in grant style condition, policies don't name principals", writing, `-:3:1: "arn:aws:iam::111111111111:role/gone"` + reason}},
		"no principals": {"o-a1b2c3d4e5", []string{"--stack", "checking"}, nil, 0, 0, []string{"there are no principals to check"}},
		"invalid list":  {"1111", []string{"--stack", "checking"}, nil, exitFailed, 0, []string{"-:1:1: "}},
		"earlier stack": {list, []string{"--stack", "observing"}, nil, exitFailed, 0, []string{
			"stack observing has no output PrincipalCheckRepositoryName because it was deployed by an earlier version; update the stack"}},
		"absent stack": {list, nil, nil, exitFailed, 0, []string{"stack ecr-pull-policy doesn't exist in eu-central-1; specify the stack with --stack"}},
		"no stack":     {list, []string{"--stack", ""}, nil, exitFailed, 0, []string{"--check-principals requires a stack, because it writes to a repository of the stack; specify the stack with --stack"}},
		"account ID":   {list, []string{"--stack", "checking", "--account-id", "123456789012"}, nil, exitFailed, 0, []string{"[account-id check-principals]"}},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := newCloud(t)
			cloud.CreateRepository("a/api", checkRepository)
			cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
				if call.Operation == "SetRepositoryPolicy" && !strings.Contains(string(call.Body), checkRepository) {
					t.Errorf("write to another repository: %s", call.Body)
				}
				return stubaws.Fault{}
			}
			for _, principal := range c.gone {
				cloud.ClosePrincipal(principal)
			}
			status, out, errOut := offline(t, c.list, append([]string{"validate", "-", "--check-principals"}, c.args...)...)
			if status != c.status {
				t.Errorf("exit status %d", status)
			}
			contains(t, out+errOut, c.output...)
			if got := cloud.Calls()["SetRepositoryPolicy"] - cloud.Retries()["SetRepositoryPolicy"]; got != c.writes {
				t.Errorf("%d policies were written, want %d", got, c.writes)
			}
			if valid := strings.HasPrefix(out, "valid: "); valid != (c.status == 0) {
				t.Errorf("exit status %d, but\n%s", status, out)
			}
			if all := strings.Contains(out, "all principals exist"); all != (name == "all exist") {
				t.Errorf("unexpected output:\n%s", out)
			}
		})
	}
}

// Principals that were found before a check failed are reported, with the failure.
func TestCheckPrincipalsFails(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository(checkRepository)
	cloud.ClosePrincipal("111111111111")
	cloud.ClosePrincipal("444444444444")
	writes := 0
	cloud.OnCall = func(context.Context, stubaws.Call) stubaws.Fault {
		if writes++; writes > 3 {
			return stubaws.Fault{Code: "AccessDeniedException"}
		}
		return stubaws.Fault{}
	}
	status, out, errOut := offline(t, "111111111111 222222222222 333333333333 444444444444", "validate", "-", "--check-principals", "--stack", "checking")
	if status != exitFailed {
		t.Errorf("exit status %d", status)
	}
	contains(t, out+errOut, "-:1:1: ", "check principals: set policy of "+checkRepository+": AccessDeniedException")
}
