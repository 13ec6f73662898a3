package reconcile_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/event"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

func root(id string) string { return "arn:aws:iam::" + id + ":root" }

func ids(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("1%011d", i)
	}
	return all
}

// canPull reports whether a document grants to an account ID or a role's ARN, by name or by condition.
func canPull(document, consumer string) bool {
	var decoded struct {
		Statement []struct {
			Effect    string
			Principal json.RawMessage
			Condition map[string]map[string]any
		}
	}
	if json.Unmarshal([]byte(document), &decoded) != nil {
		return false
	}
	for _, s := range decoded.Statement {
		named := strings.Contains(string(s.Principal), root(consumer)) || strings.Contains(string(s.Principal), `"`+consumer+`"`)
		tested := strings.Contains(fmt.Sprint(s.Condition["StringEquals"]["aws:PrincipalAccount"], s.Condition["ArnEquals"]["aws:PrincipalArn"]), consumer)
		if s.Effect == "Allow" && (named || tested) {
			return true
		}
	}
	return false
}

func runWithPrincipalsChecked(t *testing.T, r *reconcile.Reconciler, names ...string) (*recorder, error) {
	t.Helper()
	report := &recorder{}
	err := r.Run(t.Context(), event.Repositories{Trigger: "ListChanged", Names: names, Principals: event.PrincipalsExist}, report)
	return report, err
}

// A policy with a principal that doesn't exist is written in style condition in the same run. All consumers in the list
// can pull, and no others.
func TestMissingPrincipals(t *testing.T) {
	const n = 20
	const role = "arn:aws:iam::222222222222:role/deploy"
	for name, c := range map[string]struct {
		closed []string
		before string // the list that the repositories followed until now; "" for none
	}{
		"one account":                         {closed: ids(n)[7:8]},
		"a role":                              {closed: []string{role}},
		"several":                             {closed: ids(n)[3:6]},
		"all":                                 {closed: append(ids(n), role)},
		"other accounts had grants":           {closed: ids(n)[2:3], before: strings.Join(ids(n)[:5], ",") + ",999999999999"},
		"it had a grant until it was deleted": {closed: ids(n)[:1], before: strings.Join(ids(n)[:5], ",") + ",999999999999"},
	} {
		t.Run(name, func(t *testing.T) {
			cloud, r := newReconciler(t)
			repositories := []string{"r1", "r2", "r3"}
			cloud.CreateRepository(repositories...)
			cloud.SetPolicy("r1", `{"Version":"2012-10-17","Statement":[`+unmanaged+`]}`)
			if c.before != "" {
				cloud.PutList(list, c.before)
				if _, err := run(t, r, repositories...); err != nil {
					t.Fatal(err)
				}
			}
			all := append(ids(n), role)
			for _, consumer := range c.closed {
				cloud.ClosePrincipal(consumer)
			}
			cloud.PutList(list, strings.Join(all, ","))
			calls := cloud.Calls()["SetRepositoryPolicy"]
			report, err := run(t, r, repositories...)
			if err != nil || report.outcomes() != "r1 updated, r2 updated, r3 updated" {
				t.Fatalf("outcomes %q, %v", report.outcomes(), err)
			}
			if got := cloud.Calls()["SetRepositoryPolicy"] - calls; got != 2*len(repositories) {
				t.Errorf("%d calls, want one rejected and one accepted each", got)
			}
			for _, result := range report.results {
				document, _ := cloud.Policy(result.Repository)
				for _, consumer := range all {
					if !canPull(document, consumer) {
						t.Errorf("%s: %s can't pull: %s", result.Repository, consumer, document)
					}
				}
				if canPull(document, "999999999999") {
					t.Errorf("%s: the revoked account can pull: %s", result.Repository, document)
				}
				if !strings.Contains(result.Reason, "using conditions") {
					t.Errorf("%s: reason %q", result.Repository, result.Reason)
				}
			}
			if document, _ := cloud.Policy("r1"); !strings.Contains(compact(t, document), unmanaged) {
				t.Errorf("the unmanaged statement is missing: %s", document)
			}

			calls = cloud.Calls()["SetRepositoryPolicy"]
			for range 10 {
				if report, err = run(t, r, repositories...); err != nil || report.outcomes() != "r1 unchanged, r2 unchanged, r3 unchanged" {
					t.Fatalf("again: %q, %v", report.outcomes(), err)
				}
			}
			if got := cloud.Calls()["SetRepositoryPolicy"]; got != calls {
				t.Errorf("%d calls for repositories that have the policy", got-calls)
			}
		})
	}
}

// Only a rollout that found that all principals exist writes style principal again.
func TestReturnToStylePrincipal(t *testing.T) {
	cloud, r := newReconciler(t)
	cloud.CreateRepository("api")
	cloud.PutList(list, "111111111111,222222222222")
	cloud.ClosePrincipal("222222222222")
	if _, err := run(t, r, "api"); err != nil {
		t.Fatal(err)
	}
	byCondition, _ := cloud.Policy("api")

	// A forged claim costs one rejected call, and changes nothing.
	calls := cloud.Calls()["SetRepositoryPolicy"]
	report, err := runWithPrincipalsChecked(t, r, "api")
	if after, _ := cloud.Policy("api"); err != nil || after != byCondition || report.outcomes() != "api unchanged" || cloud.Calls()["SetRepositoryPolicy"] != calls+1 {
		t.Errorf("got %q, %v, %s", report.outcomes(), err, after)
	}

	cloud.OpenPrincipal("222222222222")
	if report, err := run(t, r, "api"); err != nil || report.outcomes() != "api unchanged" {
		t.Errorf("without a check of the principals: %q, %v", report.outcomes(), err)
	}
	if report, err := runWithPrincipalsChecked(t, r, "api"); err != nil || report.outcomes() != "api updated" || accounts(t, cloud, "api") != "111111111111 222222222222" {
		t.Errorf("got %q, %v, named are %q", report.outcomes(), err, accounts(t, cloud, "api"))
	}
	calls = cloud.Calls()["SetRepositoryPolicy"]
	if report, err := runWithPrincipalsChecked(t, r, "api"); err != nil || report.outcomes() != "api unchanged" || cloud.Calls()["SetRepositoryPolicy"] != calls {
		t.Errorf("got %q, %v", report.outcomes(), err)
	}
}

// A run that starts over sends no principals after ECR has rejected one, even if it reads a stale policy.
func TestRejectionWithListChange(t *testing.T) {
	for name, stale := range map[string]bool{"fresh reads": false, "stale reads": true} {
		t.Run(name, func(t *testing.T) {
			cloud, r := newReconciler(t)
			cloud.CreateRepository("api")
			cloud.PutList(list, "111111111111,222222222222")
			cloud.ClosePrincipal("222222222222")
			if _, err := run(t, r, "api"); err != nil {
				t.Fatal(err)
			}
			cloud.OpenPrincipal("222222222222")
			cloud.PutList(list, "333333333333")
			writes, rejected := 0, 0
			cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
				if call.Operation == "SetRepositoryPolicy" {
					if writes++; writes == 1 { // by name: all exist
						cloud.PutList(list, "111111111111,222222222222")
						if !stale {
							cloud.ClosePrincipal("333333333333")
						}
						cloud.ClosePrincipal("222222222222")
					}
				}
				return stubaws.Fault{Stale: stale && writes > 0}
			}
			cloud.OnDone = func(_ context.Context, call stubaws.Call, err error) {
				if call.Operation == "SetRepositoryPolicy" && err != nil {
					rejected++
				}
			}
			_, err := runWithPrincipalsChecked(t, r, "api")
			document, _ := cloud.Policy("api")
			if err != nil || rejected != 1 || !canPull(document, "111111111111") || canPull(document, "333333333333") {
				t.Errorf("%d policies rejected, %v, %s", rejected, err, document)
			}
		})
	}
}

// A deleted list with a principal that no longer exists doesn't prevent updates of the other lists.
func TestMissingPrincipalOfDeletedList(t *testing.T) {
	cloud, r := newReconciler(t)
	cloud.CreateRepository("team/api")
	cloud.PutList(list, "111111111111")
	cloud.PutList(list+"/team", "222222222222,arn:aws:iam::333333333333:role/deploy")
	if _, err := run(t, r, "team/api"); err != nil {
		t.Fatal(err)
	}
	cloud.DeleteParameter(list + "/team")
	cloud.ClosePrincipal("222222222222")
	cloud.PutList(list, "444444444444")
	report, err := run(t, r, "team/api")
	document, _ := cloud.Policy("team/api")
	if err != nil || report.outcomes() != "team/api updated" || canPull(document, "111111111111") {
		t.Errorf("got %+v, %v, %s", report.results, err, document)
	}
	for _, consumer := range []string{"222222222222", "arn:aws:iam::333333333333:role/deploy", "444444444444"} {
		if !canPull(document, consumer) {
			t.Errorf("%s can't pull: %s", consumer, document)
		}
	}
}

// Revocations in a policy of maximum size are possible when one of its principals no longer exists.
func TestRevocationFromAFullPolicy(t *testing.T) {
	cloud, r := newReconciler(t)
	var roles []string
	for i := range 300 {
		next := append(slices.Clone(roles), fmt.Sprintf("arn:aws:iam::111111111111:role/team/%060d", i))
		if err := r.Standard.Fits("", policy.Consumers{Principals: next}); err != nil {
			break
		}
		roles = next
	}
	cloud.CreateRepository("api")
	cloud.PutParameter(list, "String", strings.Join(roles, ","))
	if _, err := run(t, r, "api"); err != nil {
		t.Fatal(err)
	}
	cloud.ClosePrincipal(roles[3])
	cloud.PutParameter(list, "String", strings.Join(roles[1:], ","))
	report, err := run(t, r, "api")
	document, _ := cloud.Policy("api")
	if err != nil || report.outcomes() != "api updated" || canPull(document, roles[0]) || !canPull(document, roles[1]) {
		t.Errorf("got %q, %v", report.outcomes(), err)
	}
}

func TestUnmanagedStatementsThatECRRejects(t *testing.T) {
	for name, c := range map[string]struct{ statement, want string }{
		"a deleted role": {`{"Sid":"Team","Effect":"Allow","Principal":{"AWS":["AROAEXAMPLEEXAMPLEEX"]},"Action":"ecr:PutImage"}`,
			`"Team") names AROAEXAMPLEEXAMPLEEX, the ID of a deleted role or user; to remove the IDs of deleted principals, run: ecr-pull-policy apply --remove-dead-principals api`},
		"a closed account": {`{"Sid":"Team","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999999999999:root"},"Action":"ecr:PutImage"}`,
			`unmanaged statement 1 (Sid "Team")`},
	} {
		for _, style := range []policy.GrantStyle{policy.GrantPrincipal, policy.GrantCondition} {
			t.Run(name+", "+string(style), func(t *testing.T) {
				cloud, r := newReconciler(t)
				r.Standard.Style = style
				cloud.CreateRepository("api", "other")
				document := `{"Version":"2012-10-17","Statement":[` + c.statement + `]}`
				cloud.SetPolicy("api", document)
				cloud.ClosePrincipal("999999999999")
				cloud.PutList(list, "111111111111")
				report, err := run(t, r, "api", "other")
				if err != nil || report.outcomes() != "api failed, other updated" || !strings.Contains(fmt.Sprint(report.results[0].Err), c.want) || report.results[0].Retry {
					t.Errorf("got %+v, %v", report.results, err)
				}
				if reason := report.results[0].Reason; reason != "" { // no principal in the lists is rejected
					t.Errorf("reason %q", reason)
				}
				if after, _ := cloud.Policy("api"); after != document {
					t.Errorf("the document changed to %s", after)
				}
			})
		}
	}
}

// If ECR rejects a policy that names no principals, the error contains that.
func TestRejectionWithoutCause(t *testing.T) {
	cloud, r := newReconciler(t)
	cloud.CreateRepository("api")
	cloud.PutList(list, "o-a1b2c3d4e5")
	cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
		if call.Operation == "SetRepositoryPolicy" {
			return stubaws.Fault{Code: "InvalidParameterException"}
		}
		return stubaws.Fault{}
	}
	report, err := run(t, r, "api")
	if err != nil || report.outcomes() != "api failed" || !strings.Contains(report.results[0].Err.Error(), "no unmanaged statement names a principal") {
		t.Errorf("got %+v, %v", report.results, err)
	}
}

// After an error between the rejected and the accepted write, the old policy stays, and the run is retried.
func TestFailureAfterRejection(t *testing.T) {
	cloud, r := newReconciler(t)
	cloud.CreateRepository("api")
	cloud.PutList(list, "111111111111")
	if _, err := run(t, r, "api"); err != nil {
		t.Fatal(err)
	}
	before, _ := cloud.Policy("api")
	cloud.ClosePrincipal("222222222222")
	cloud.PutList(list, "222222222222")
	writes := 0
	cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
		if call.Operation == "SetRepositoryPolicy" {
			if writes++; writes == 2 {
				return stubaws.Fault{Code: "AccessDeniedException"}
			}
		}
		return stubaws.Fault{}
	}
	if report, err := run(t, r, "api"); err == nil || !report.results[0].Retry {
		t.Errorf("got %+v, %v", report.results, err)
	}
	if after, _ := cloud.Policy("api"); after != before {
		t.Errorf("policy %s", after)
	}
	if _, err := run(t, r, "api"); err != nil {
		t.Error(err)
	}
	if after, _ := cloud.Policy("api"); canPull(after, "111111111111") || !canPull(after, "222222222222") {
		t.Errorf("policy %s", after)
	}
}

// panicking panics for one repository.
type panicking struct {
	reconcile.Policies
	repository string
}

func (p panicking) Policy(ctx context.Context, repository string) (string, error) {
	if repository == p.repository {
		panic("index out of range")
	}
	return p.Policies.Policy(ctx, repository)
}

func TestPanicFailsOneRepository(t *testing.T) {
	cloud, r := newReconciler(t)
	cloud.CreateRepository("a", "b", "c")
	cloud.PutList(list, "111111111111")
	r.Policies = panicking{r.Policies, "b"}
	report, err := run(t, r, "a", "b", "c")
	if err != nil || report.outcomes() != "a updated, b failed, c updated" {
		t.Fatalf("got %q, %v", report.outcomes(), err)
	}
	failed := report.results[1]
	if !strings.Contains(failed.Err.Error(), "reconcile policy of b: panic: index out of range") || !strings.Contains(failed.Stack, "panicking") || failed.Retry {
		t.Errorf("got %+v", failed)
	}
}

// Forged managed statements, which earlier versions failed on.
func TestForgedStatements(t *testing.T) {
	for name, statement := range map[string]string{
		"a unique ID by condition": `{"Sid":"EcrPullPolicyPrincipals","Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage","Condition":{"ArnEquals":{"aws:PrincipalArn":"AROAEXAMPLEEXAMPLEEX"}}}`,
		"a number":                 `{"Sid":"EcrPullPolicyAccounts","Effect":"Allow","Principal":1,"Action":2,"Condition":3}`,
		"null":                     `{"Sid":"EcrPullPolicyAccounts","Effect":null,"Principal":null,"Action":null,"Condition":null}`,
		"no members":               `{"Sid":"EcrPullPolicyAccounts"}`,
		"empty lists":              `{"Sid":"EcrPullPolicyAccounts","Effect":"Allow","Principal":{"AWS":[]},"Action":[],"Condition":{"StringEquals":{}}}`,
	} {
		for _, text := range []string{"111111111111", ""} { // with the list, and without
			t.Run(name+" "+text, func(t *testing.T) {
				cloud, r := newReconciler(t)
				cloud.CreateRepository("api/x", "other/x")
				cloud.SetPolicy("api/x", `{"Statement":[`+statement+`,`+strings.Replace(statement, `"Sid":"EcrPullPolicyAccounts"`, `"Sid":"EcrPullPolicyAccounts1"`, 1)+`]}`)
				cloud.PutList(list+"/other", "222222222222")
				cloud.PutList(list+"/api/x", "333333333333")
				if text != "" {
					cloud.PutList(list, text)
				}
				report, err := run(t, r, "api/x", "other/x")
				document, _ := cloud.Policy("api/x")
				if err != nil || report.outcomes() != "api/x updated, other/x updated" || strings.Contains(document, "AROA") || !canPull(document, "333333333333") {
					t.Errorf("got %q, %v, %s", report.outcomes(), err, document)
				}
			})
		}
	}
}

// A policy that fits only in style condition is still updated when a rollout knows that all principals exist. A
// revocation must not depend on the trigger.
func TestPolicyThatFitsOnlyInStyleCondition(t *testing.T) {
	cloud, r := newReconciler(t)
	cloud.CreateRepository("api")
	long := strings.Replace(unmanaged, `"Sid":"`, `"Sid":"`+strings.Repeat("x", 6000), 1)
	cloud.SetPolicy("api", `{"Version":"2012-10-17","Statement":[`+long+`]}`)
	all := ids(120)
	cloud.ClosePrincipal(all[0])
	cloud.PutParameter(list, "String", strings.Join(all[:60], ","))
	if report, err := run(t, r, "api"); err != nil || report.outcomes() != "api updated" {
		t.Fatalf("set-up: %q, %v", report.outcomes(), err) // by condition, as one account doesn't exist
	}
	cloud.PutParameter(list, "String", strings.Join(all, ","))
	if report, err := run(t, r, "api"); err != nil || report.outcomes() != "api updated" {
		t.Fatalf("set-up: %q, %v", report.outcomes(), err) // the list grew, and fits by condition
	}
	// The account that doesn't exist is taken off, and one more is revoked: the rollout finds that all others exist.
	cloud.PutParameter(list, "String", strings.Join(all[2:], ","))
	report, err := runWithPrincipalsChecked(t, r, "api")
	document, _ := cloud.Policy("api")
	if err != nil || report.outcomes() != "api updated" || canPull(document, all[1]) {
		t.Errorf("rollout: %q, %v, revoked account can pull: %t: %v", report.outcomes(), err, canPull(document, all[1]), report.results[0].Err)
	}
	if report, err = run(t, r, "api"); err != nil || report.outcomes() == "api failed" {
		t.Errorf("any other trigger: %q, %v", report.outcomes(), err)
	} else {
		document, _ = cloud.Policy("api")
		t.Logf("any other trigger: %q, revoked account can pull: %t", report.outcomes(), canPull(document, all[1]))
	}
}

// What somebody added to a managed statement blocks no revocation by another list.
func TestADeletedPrincipalInAKeptDenyBlocksNoOtherList(t *testing.T) {
	cloud, r := newReconciler(t)
	cloud.CreateRepository("team/api")
	cloud.PutList(list, "111111111111")
	cloud.PutList(list+"/team", "222222222222,333333333333")
	if _, err := run(t, r, "team/api"); err != nil {
		t.Fatal(err)
	}
	document, _ := cloud.Policy("team/api")
	deny := `{"Sid":"EcrPullPolicyAccounts","Effect":"Deny","Principal":{"AWS":["AROAEXAMPLEEXAMPLE123"]},"Action":["ecr:BatchGetImage"]}`
	cloud.SetPolicy("team/api", strings.Replace(compact(t, document), `"Statement":[`, `"Statement":[`+deny+`,`, 1))
	cloud.DeleteParameter(list)
	cloud.PutList(list+"/team", "222222222222")
	report, err := run(t, r, "team/api")
	document, _ = cloud.Policy("team/api")
	if err != nil || canPull(document, "333333333333") {
		t.Errorf("%q, %v: the revoked account can pull: %v", report.outcomes(), err, report.results[0].Err)
	}
}
