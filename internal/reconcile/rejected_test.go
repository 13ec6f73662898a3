package reconcile_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/trigger"
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

// mayPull tells whether a document lets an account pull, by name or by condition.
func mayPull(document, account string) bool {
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
		named := strings.Contains(string(s.Principal), root(account))
		pinned := strings.Contains(fmt.Sprint(s.Condition["StringEquals"]["aws:PrincipalAccount"]), account)
		if s.Effect == "Allow" && (named || pinned) {
			return true
		}
	}
	return false
}

func TestPrincipalsThatDoNotExist(t *testing.T) {
	const n = 20
	for name, c := range map[string]struct {
		closed []int
		before string // the list that the repositories followed until now; empty for none
	}{
		"one":                          {[]int{7}, ""},
		"first and last":               {[]int{0, n - 1}, ""},
		"neighbours":                   {[]int{3, 4, 5}, ""},
		"all":                          {slices.Collect(seq(n)), ""},
		"others were granted":          {[]int{2}, "1"},
		"it was granted until it died": {[]int{0}, "2"},
	} {
		t.Run(name, func(t *testing.T) {
			cloud, r := newReconciler(t)
			repositories := []string{"r1", "r2", "r3", "r4", "r5", "r6"}
			cloud.CreateRepository(repositories...)
			cloud.SetPolicy("r1", `{"Version":"2012-10-17","Statement":[`+foreign+`]}`)
			all := ids(n)
			granted := map[string]bool{}
			if c.before != "" {
				old := all[:5]
				cloud.PutList(list, strings.Join(append(slices.Clone(old), "999999999999"), ","))
				if _, err := run(t, r, repositories...); err != nil {
					t.Fatal(err)
				}
				for _, id := range old {
					granted[id] = true
				}
			}
			var rejected []string
			for _, i := range c.closed {
				cloud.ClosePrincipal(all[i])
				rejected = append(rejected, root(all[i]))
				delete(granted, all[i])
			}
			cloud.PutList(list, strings.Join(all, ","))
			writes := cloud.Calls()["SetRepositoryPolicy"]
			cloud.OnCall = func(context.Context, stubaws.Call) stubaws.Fault {
				for id := range granted { // at every moment
					if document, _ := cloud.Policy("r1"); !mayPull(document, id) {
						t.Errorf("%s lost its pull: %s", id, document)
					}
				}
				return stubaws.Fault{}
			}
			report, err := run(t, r, repositories...)
			if err != nil {
				t.Fatal(err)
			}
			for _, result := range report.results {
				if !slices.Equal(result.Rejected, rejected) {
					t.Errorf("%s: rejected %q, want %q", result.Repository, result.Rejected, rejected)
				}
				if result.Outcome == reconcile.Failed {
					t.Errorf("%s failed: %v", result.Repository, result.Err)
				}
				document, _ := cloud.Policy(result.Repository)
				for i, id := range all {
					if got, want := mayPull(document, id), !slices.Contains(c.closed, i); got != want {
						t.Errorf("%s: %s may pull: %t, want %t", result.Repository, id, got, want)
					}
				}
				if strings.Contains(document, "Trial") || mayPull(document, "999999999999") {
					t.Errorf("%s: %s", result.Repository, document)
				}
			}
			if document, _ := cloud.Policy("r1"); !strings.Contains(compact(t, document), foreign) {
				t.Errorf("the foreign statement is gone: %s", document)
			}
			// One search for all: the others need at most a refused write and one that is taken.
			bound := writes + 2*len(repositories) + 1 + 2*n
			if got := cloud.Calls()["SetRepositoryPolicy"]; got > bound {
				t.Errorf("%d writes, want at most %d", got, bound)
			}
			before := cloud.Calls()["SetRepositoryPolicy"]
			if report, err = run(t, r, repositories...); err != nil || cloud.Calls()["SetRepositoryPolicy"] != before {
				t.Errorf("the second run wrote: %q, %v", report.outcomes(), err)
			}
		})
	}
}

func seq(n int) func(func(int) bool) {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

func TestARoleThatDoesNotExistYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud, r := newReconciler(t)
		r.Standard.Style = policy.GrantCondition
		const role = "arn:aws:iam::111111111111:role/deploy"
		cloud.CreateRepository("api")
		cloud.PutList(list, "222222222222,"+role)
		cloud.ClosePrincipal(role)
		cloud.ClosePrincipal("222222222222") // a condition is never refused
		report, err := run(t, r, "api")
		if err != nil || !slices.Equal(report.results[0].Rejected, []string{role}) {
			t.Fatalf("got %+v, %v", report.results, err)
		}
		cloud.OpenPrincipal(role)
		time.Sleep(16 * time.Minute)
		report, err = run(t, r, "api")
		document, _ := cloud.Policy("api")
		if err != nil || report.outcomes() != "api updated" || !strings.Contains(document, role) {
			t.Errorf("after 16 minutes: %q, %v, %s", report.outcomes(), err, document)
		}
	})
}

// An account is closed whose list was deleted: its statement stays, and must not keep the other lists out.
func TestAClosedAccountOfADeletedList(t *testing.T) {
	cloud, r := newReconciler(t)
	cloud.CreateRepository("team/api")
	cloud.PutList(list, "111111111111")
	cloud.PutList(list+"/team", "222222222222,arn:aws:iam::333333333333:role/deploy")
	if _, err := run(t, r, "team/api"); err != nil {
		t.Fatal(err)
	}
	cloud.DeleteParameter(list + "/team")
	cloud.ClosePrincipal("222222222222")
	cloud.PutList(list, "111111111111,444444444444")
	report, err := run(t, r, "team/api")
	document, _ := cloud.Policy("team/api")
	if err != nil || len(report.results[0].Rejected) != 0 || !mayPull(document, "444444444444") || !mayPull(document, "111111111111") {
		t.Errorf("a new account is blamed for a closed one: %+v, %v, %s", report.results, err, document)
	}
	cloud.PutList(list, "444444444444")
	report, err = run(t, r, "team/api")
	document, _ = cloud.Policy("team/api")
	if err != nil || report.outcomes() != "team/api updated" || !mayPull(document, "444444444444") || mayPull(document, "111111111111") {
		t.Errorf("got %+v, %v, %s", report.results, err, document)
	}
	if !mayPull(document, "222222222222") || !strings.Contains(document, "role/deploy") {
		t.Errorf("the deleted list took grants away: %s", document)
	}
}

// A policy near ECR's limit leaves no room for a trial that names all principals besides the conditions.
func TestASearchInALargePolicy(t *testing.T) {
	for _, lambda := range []bool{true, false} {
		cloud, r := newReconciler(t)
		r.Standard.Lambda = lambda
		all := ids(110)
		if !lambda {
			all = ids(295)
		}
		cloud.CreateRepository("new", "old")
		cloud.PutList(list, "999999999999")
		if _, err := run(t, r, "old"); err != nil {
			t.Fatal(err)
		}
		cloud.ClosePrincipal(all[17])
		cloud.PutList(list, strings.Join(all, ","))
		report, err := run(t, r, "new", "old")
		if err != nil || report.outcomes() != "new updated, old updated" {
			t.Fatalf("got %q, %v", report.outcomes(), report.results[0].Err)
		}
		for _, repository := range []string{"new", "old"} {
			document, _ := cloud.Policy(repository)
			if mayPull(document, all[17]) || !mayPull(document, all[18]) || mayPull(document, "999999999999") {
				t.Errorf("%s has %s", repository, document)
			}
		}
	}
}

// A search that finds no room at all gives up, and leaves no grant to whom the list doesn't name.
func TestASearchWithoutRoom(t *testing.T) {
	cloud, r := newReconciler(t)
	document, all := "", &policy.Consumers{Accounts: []string{"111111111111", "222222222222", "333333333333", "999999999999"}}
	for n := 9000; ; n++ { // the largest with room for a trial that names nobody
		larger := `{"Version":"2012-10-17","Statement":[{"Sid":"` + strings.Repeat("x", n) + `"}]}`
		if _, err := r.Standard.Trial(larger, []*policy.Consumers{all}, nil); err != nil {
			break
		}
		document = larger
	}
	cloud.CreateRepository("api")
	cloud.SetPolicy("api", document)
	cloud.PutList(list, "999999999999")
	if _, err := run(t, r, "api"); err != nil {
		t.Fatal(err)
	}
	cloud.ClosePrincipal("222222222222")
	cloud.PutList(list, "111111111111,222222222222,333333333333")
	report, err := run(t, r, "api")
	document, _ = cloud.Policy("api")
	if err != nil || report.outcomes() != "api failed" || report.results[0].Retry {
		t.Errorf("got %+v, %v", report.results, err)
	}
	if mayPull(document, "999999999999") || !mayPull(document, "111111111111") || !strings.Contains(document, "xxx") {
		t.Errorf("left %s", document)
	}
}

// Where the policy is without a rejected principal already, another instance suspects that one first.
func TestALookAtARejectedPrincipalIsShort(t *testing.T) {
	cloud, r := newReconciler(t)
	cloud.CreateRepository("api")
	cloud.PutList(list, strings.Join(ids(40), ","))
	cloud.ClosePrincipal(ids(40)[4])
	if _, err := run(t, r, "api"); err != nil {
		t.Fatal(err)
	}
	fresh := &reconcile.Reconciler{Lists: r.Lists, Policies: r.Policies, Standard: r.Standard, Scope: r.Scope}
	writes := cloud.Calls()["SetRepositoryPolicy"]
	report, err := run(t, fresh, "api")
	if err != nil || report.outcomes() != "api unchanged" || len(report.results[0].Rejected) != 1 {
		t.Errorf("got %+v, %v", report.results, err)
	}
	if n := cloud.Calls()["SetRepositoryPolicy"] - writes; n != 4 {
		t.Errorf("%d writes, want one that is refused, a trial of all others, one of the suspect, and the policy again", n)
	}
}

// One instance of the function remembers a principal that another has seen to exist since.
func TestMemoryTakesNoGrantAway(t *testing.T) {
	cloud, remembering := newReconciler(t)
	other := &reconcile.Reconciler{Lists: remembering.Lists, Policies: remembering.Policies, Standard: remembering.Standard, Scope: remembering.Scope}
	cloud.CreateRepository("api")
	cloud.PutList(list, "111111111111,222222222222")
	cloud.ClosePrincipal("222222222222")
	if _, err := run(t, remembering, "api"); err != nil {
		t.Fatal(err)
	}
	cloud.OpenPrincipal("222222222222")
	for _, r := range []*reconcile.Reconciler{other, remembering} {
		if _, err := run(t, r, "api"); err != nil || accounts(t, cloud, "api") != "111111111111 222222222222" {
			t.Errorf("api may be pulled by %q, %v", accounts(t, cloud, "api"), err)
		}
	}
}

func TestForeignStatementsThatECRRefuses(t *testing.T) {
	for name, c := range map[string]struct{ statement, want string }{
		"a deleted role": {`{"Sid":"Team","Effect":"Allow","Principal":{"AWS":["AROAEXAMPLEEXAMPLEEX"]},"Action":"ecr:PutImage"}`,
			`"Team") names AROAEXAMPLEEXAMPLEEX`},
		"a closed account": {`{"Sid":"Team","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999999999999:root"},"Action":"ecr:PutImage"}`,
			`foreign statement 1 (Sid "Team")`},
	} {
		t.Run(name, func(t *testing.T) {
			cloud, r := newReconciler(t)
			cloud.CreateRepository("api", "other")
			document := `{"Version":"2012-10-17","Statement":[` + c.statement + `]}`
			cloud.SetPolicy("api", document)
			cloud.ClosePrincipal("999999999999")
			cloud.PutList(list, "111111111111")
			report, err := run(t, r, "api", "other")
			if err != nil || report.outcomes() != "api failed, other updated" || !strings.Contains(fmt.Sprint(report.results[0].Err), c.want) {
				t.Errorf("got %+v, %v", report.results, err)
			}
			if after, _ := cloud.Policy("api"); after != document {
				t.Errorf("the document changed to %s", after)
			}
			if len(report.results[1].Rejected) != 0 {
				t.Errorf("other lost %q", report.results[1].Rejected)
			}
		})
	}
}

func TestASearchThatFailsHalfWayIsRetried(t *testing.T) {
	cloud, r := newReconciler(t)
	cloud.CreateRepository("api")
	cloud.PutList(list, strings.Join(ids(8), ","))
	cloud.ClosePrincipal(ids(8)[3])
	writes := 0
	cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
		if call.Operation == "SetRepositoryPolicy" {
			if writes++; writes == 4 {
				return stubaws.Fault{Code: "AccessDeniedException"}
			}
		}
		return stubaws.Fault{}
	}
	if _, err := run(t, r, "api"); err == nil {
		t.Fatal("no error")
	}
	report, err := run(t, r, "api")
	document, _ := cloud.Policy("api")
	if err != nil || strings.Contains(document, "Trial") || !mayPull(document, ids(8)[0]) || mayPull(document, ids(8)[3]) {
		t.Errorf("got %q, %v, %s", report.outcomes(), err, document)
	}
}

// What isn't done before the deadline is handed back, and done when the batch comes again.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud, r := newReconciler(t)
		var repositories []string
		for i := range 100 {
			repositories = append(repositories, fmt.Sprintf("r%02d", i))
		}
		cloud.CreateRepository(repositories...)
		cloud.PutList(list, "111111111111")
		cloud.OnCall = func(ctx context.Context, _ stubaws.Call) stubaws.Fault {
			select {
			case <-time.After(4 * time.Second):
			case <-ctx.Done():
			}
			return stubaws.Fault{}
		}
		report := &recorder{}
		left, attempts := repositories, 0
		for len(left) > 0 {
			attempts++
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			err := r.Run(ctx, trigger.Repositories{Kind: "Request", Names: left}, report)
			if ctx.Err() != nil {
				t.Error("the run took all of its time")
			}
			cancel()
			if err == nil {
				break
			}
			unfinished, ok := err.(*reconcile.Unfinished)
			if !ok || len(unfinished.Repositories) >= len(left) {
				t.Fatalf("attempt %d: %v", attempts, err)
			}
			left = unfinished.Repositories
		}
		if attempts < 2 {
			t.Errorf("done after %d attempts", attempts)
		}
		for _, repository := range repositories {
			if accounts(t, cloud, repository) != "111111111111" {
				t.Errorf("%s has no policy", repository)
			}
		}
		if strings.Contains(report.outcomes(), "failed") {
			t.Errorf("what is handed back is no failure: %s", report.outcomes())
		}
	})
}

// Throttled, a batch slows down instead of failing.
func TestThrottling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud, r := newReconciler(t)
		var repositories []string
		for i := range 50 {
			repositories = append(repositories, fmt.Sprintf("r%02d", i))
		}
		cloud.CreateRepository(repositories...)
		cloud.PutList(list, "111111111111")
		limit := stubaws.Limit{PerSecond: 30, Burst: 5}
		cloud.Limits = map[string]stubaws.Limit{"GetRepositoryPolicy": limit, "SetRepositoryPolicy": limit}
		report, err := run(t, r, repositories...)
		if err != nil || strings.Contains(report.outcomes(), "failed") {
			t.Errorf("got %v, %q", err, report.outcomes())
		}
		if len(cloud.Throttled()) == 0 {
			t.Error("nothing was throttled")
		}
	})
}
