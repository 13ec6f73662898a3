package reconcile_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist/parameterstore"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/event"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/scope"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

const (
	list      = "/ecr-pull-policy/accounts"
	unmanaged = `{"Sid":"LambdaECRImageRetrievalPolicy","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Condition":{"StringLike":{"aws:sourceArn":"arn:aws:lambda:eu-central-1:123456789012:function:*"}}}`
)

type recorder struct {
	results  []reconcile.Result
	unusable []accountlist.List
}

func (r *recorder) Repository(_ context.Context, result reconcile.Result) {
	r.results = append(r.results, result)
}
func (r *recorder) Unusable(_ context.Context, list accountlist.List) {
	r.unusable = append(r.unusable, list)
}

func (r *recorder) outcomes() string {
	var outcomes []string
	for _, result := range r.results {
		outcomes = append(outcomes, result.Repository+" "+string(result.Outcome))
	}
	return strings.Join(outcomes, ", ")
}

func newReconciler(t *testing.T) (*stubaws.AWS, *reconcile.Reconciler) {
	t.Helper()
	cloud := stubaws.New("123456789012", "eu-central-1")
	standard := policy.Standard{
		Registry: policy.Registry{Partition: "aws", Region: "eu-central-1", AccountID: "123456789012"},
		Style:    policy.GrantPrincipal,
	}
	repositories, err := scope.New([]string{"**"}, []string{"**/scratch-*"})
	if err != nil {
		t.Fatal(err)
	}
	return cloud, &reconcile.Reconciler{
		Lists:    parameterstore.New(ssm.NewFromConfig(cloud.Config()), list, standard),
		Policies: registry.NewPolicies(ecr.NewFromConfig(cloud.Config())),
		Standard: standard,
		Scope:    repositories,
	}
}

func run(t *testing.T, r *reconcile.Reconciler, names ...string) (*recorder, error) {
	t.Helper()
	report := &recorder{}
	err := r.Run(t.Context(), event.Repositories{Trigger: "Request", Names: names}, report)
	return report, err
}

// accounts returns the accounts that can pull from a repository by the managed statements.
func accounts(t *testing.T, cloud *stubaws.AWS, repository string) string {
	t.Helper()
	document, _ := cloud.Policy(repository)
	if document == "" {
		return ""
	}
	var decoded struct {
		Statement []struct {
			Sid       string
			Principal struct{ AWS any }
		}
	}
	if err := json.Unmarshal([]byte(document), &decoded); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, statement := range decoded.Statement {
		if strings.HasPrefix(statement.Sid, policy.SidPrefix) {
			ids = append(ids, strings.Trim(fmt.Sprint(statement.Principal.AWS), "[]"))
		}
	}
	return strings.NewReplacer("arn:aws:iam::", "", ":root", "").Replace(strings.Join(ids, " "))
}

func TestRun(t *testing.T) {
	cloud, r := newReconciler(t)
	cloud.CreateRepository("new", "with-unmanaged", "team/scratch-1")
	cloud.SetPolicy("with-unmanaged", `{"Version":"2008-10-17","Id":"mine","Statement":[`+unmanaged+`]}`)
	cloud.PutList(list, "111111111111,222222222222")

	report, err := run(t, r, "new", "with-unmanaged", "team/scratch-1", "never-there", "new")
	if err != nil {
		t.Fatal(err)
	}
	if want := "team/scratch-1 skipped, never-there gone, new updated, with-unmanaged updated"; report.outcomes() != want {
		t.Errorf("outcomes %q, want %q", report.outcomes(), want)
	}
	for _, result := range report.results {
		before := map[string]string{"with-unmanaged": unmanaged}[result.Repository]
		if changed := result.Outcome == reconcile.Updated; changed != (result.After != "") || !strings.Contains(result.Before, before) {
			t.Errorf("%s was %s and is %s", result.Repository, result.Before, result.After)
		}
	}
	for _, repository := range []string{"new", "with-unmanaged"} {
		if got := accounts(t, cloud, repository); got != "111111111111 222222222222" {
			t.Errorf("%s grants pull to %q", repository, got)
		}
	}
	if document, _ := cloud.Policy("with-unmanaged"); !strings.Contains(compact(t, document), unmanaged) || !strings.Contains(document, "2008-10-17") {
		t.Errorf("the unmanaged statement changed: %s", document)
	}
	if report.results[2].ListVersion != "1" || !slices.Equal(report.results[2].Added, []string{"EcrPullPolicyAccounts"}) {
		t.Errorf("got %+v", report.results[2])
	}

	before := cloud.Calls()
	if report, err = run(t, r, "new", "with-unmanaged"); err != nil || report.outcomes() != "new unchanged, with-unmanaged unchanged" {
		t.Errorf("second run: %q, %v", report.outcomes(), err)
	}
	after := cloud.Calls()
	if after["SetRepositoryPolicy"] != before["SetRepositoryPolicy"] || after["GetParameters"] != before["GetParameters"]+1 {
		t.Errorf("unchanged policies must not be written or the list read again: calls before %v, after %v", before, after)
	}

	cloud.PutList(list, "none")
	if report, err = run(t, r, "new", "with-unmanaged"); err != nil || report.outcomes() != "new deleted, with-unmanaged updated" {
		t.Errorf("after none: %q, %v", report.outcomes(), err)
	}
	if document, _ := cloud.Policy("new"); document != "" {
		t.Errorf("new still has %s", document)
	}
}

func compact(t *testing.T, document string) string {
	t.Helper()
	var value struct{ Statement []json.RawMessage }
	if err := json.Unmarshal([]byte(document), &value); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestObserveWritesNothing(t *testing.T) {
	cloud, r := newReconciler(t)
	r.Observe = true
	cloud.CreateRepository("new")
	cloud.PutList(list, "111111111111")
	report, err := run(t, r, "new")
	if err != nil || report.outcomes() != "new would-update" || !slices.Equal(report.results[0].Added, []string{"EcrPullPolicyAccounts"}) {
		t.Errorf("got %+v, %v", report.results, err)
	}
	if calls := cloud.Calls(); calls["SetRepositoryPolicy"]+calls["DeleteRepositoryPolicy"] != 0 {
		t.Errorf("calls %v", calls)
	}
}

func TestUnusableListChangesNothing(t *testing.T) {
	for name, edit := range map[string]func(*stubaws.AWS){
		"deleted":                 func(a *stubaws.AWS) { a.DeleteParameter(list) },
		"deleted, broken one now": func(a *stubaws.AWS) { a.DeleteParameter(list); a.PutList(list, "*") },
		"empty":                   func(a *stubaws.AWS) { a.PutList(list, "# empty") },
		"broken":                  func(a *stubaws.AWS) { a.PutList(list, "11111111111") },
		"too large":               func(a *stubaws.AWS) { a.PutList(list, strings.Join(manyIDs(), ",")) },
	} {
		t.Run(name, func(t *testing.T) {
			cloud, r := newReconciler(t)
			cloud.CreateRepository("api")
			cloud.PutList(list, "111111111111")
			if _, err := run(t, r, "api"); err != nil {
				t.Fatal(err)
			}
			before, _ := cloud.Policy("api")
			edit(cloud)
			report, err := run(t, r, "api")
			if err != nil || len(report.unusable) != 1 {
				t.Errorf("unusable lists %v, %v", report.unusable, err)
			}
			if after, _ := cloud.Policy("api"); after != before || cloud.Calls()["SetRepositoryPolicy"] != 1 {
				t.Errorf("changed to %s", after)
			}
		})
	}
}

// Without a usable list, a managed statement keeps what a list can grant, and loses the rest.
func TestManagedStatementsAreTrimmedWithoutUsableList(t *testing.T) {
	const (
		added   = `{"Sid":"EcrPullPolicyAccounts","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111111111111:root"]},"Action":["ecr:BatchGetImage","ecr:PutImage"]}`
		open    = `{"Sid":"EcrPullPolicyOpen","Effect":"Allow","Principal":"*","Action":"ecr:*"}`
		trimmed = `{"Sid":"EcrPullPolicyAccounts","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111111111111:root"]},"Action":["ecr:BatchGetImage"]}`
	)
	for name, edit := range map[string]func(*stubaws.AWS){
		"deleted":         func(a *stubaws.AWS) { a.DeleteParameter(list) },
		"never valid":     func(a *stubaws.AWS) { a.DeleteParameter(list); a.PutList(list, "*") },
		"another is used": func(a *stubaws.AWS) { a.DeleteParameter(list); a.PutList(list+"/team", "none") },
	} {
		t.Run(name, func(t *testing.T) {
			cloud, r := newReconciler(t)
			cloud.CreateRepository("team/api")
			cloud.PutList(list, "111111111111")
			cloud.SetPolicy("team/api", `{"Version":"2012-10-17","Statement":[`+added+","+open+`]}`)
			edit(cloud)
			r.Observe = true
			if report, err := run(t, r, "team/api"); err != nil || report.outcomes() != "team/api would-update" {
				t.Errorf("mode observe: outcomes %q, %v", report.outcomes(), err)
			}
			r.Observe = false
			report, err := run(t, r, "team/api")
			if err != nil || report.outcomes() != "team/api updated" || report.results[0].After != `{"Version":"2012-10-17","Statement":[`+trimmed+`]}` {
				t.Errorf("outcomes %q, %v, policy %s", report.outcomes(), err, report.results[0].After)
			}
			want := "team/api skipped"
			if name == "another is used" {
				want = "team/api unchanged"
			}
			if report, err := run(t, r, "team/api"); err != nil || report.outcomes() != want {
				t.Errorf("second run: outcomes %q, %v, want %q", report.outcomes(), err, want)
			}
		})
	}
}

func manyIDs() []string {
	ids := make([]string, 400)
	for i := range ids {
		ids[i] = fmt.Sprintf("%012d", i+1)
	}
	return ids
}

func TestNewRepositoryGetsNewestValidList(t *testing.T) {
	cloud, r := newReconciler(t)
	cloud.CreateRepository("api")
	cloud.PutList(list, "111111111111")
	cloud.PutList(list, "broken")
	report, err := run(t, r, "api")
	if err != nil || accounts(t, cloud, "api") != "111111111111" || report.results[0].ListVersion != "1" {
		t.Errorf("got %+v, %v", report.results, err)
	}
}

// changeListAtFirstWrite writes the list while a run writes its first policy.
func changeListAtFirstWrite(cloud *stubaws.AWS, text string) {
	var edit sync.Once
	cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
		if call.Operation == "SetRepositoryPolicy" {
			edit.Do(func() { cloud.PutList(list, text) })
		}
		return stubaws.Fault{}
	}
}

// A slow run writes an outdated list after a fast run has written the new one.
func TestListChangesDuringRun(t *testing.T) {
	cloud, r := newReconciler(t)
	cloud.CreateRepository("api")
	cloud.PutList(list, "111111111111")
	changeListAtFirstWrite(cloud, "222222222222")
	report, err := run(t, r, "api")
	if err != nil || accounts(t, cloud, "api") != "222222222222" {
		t.Errorf("%s can pull: %v", accounts(t, cloud, "api"), err)
	}
	if report.outcomes() != "api updated, api updated" || report.results[1].ListVersion != "2" {
		t.Errorf("got %+v", report.results)
	}
}

func TestListKeepsChanging(t *testing.T) {
	cloud, r := newReconciler(t)
	cloud.CreateRepository("api")
	cloud.PutList(list, "111111111111")
	n := 0
	cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
		if call.Operation == "SetRepositoryPolicy" {
			n++
			cloud.PutList(list, fmt.Sprintf("22222222%04d", n))
		}
		return stubaws.Fault{}
	}
	if _, err := run(t, r, "api"); err == nil || !strings.Contains(err.Error(), "changed 5 times") {
		t.Errorf("got %v, want an error so that the run is retried", err)
	}
}

func TestUnreadableLists(t *testing.T) {
	cloud, r := newReconciler(t)
	cloud.OnCall = func(context.Context, stubaws.Call) stubaws.Fault { return stubaws.Fault{Code: "AccessDeniedException"} }
	report, err := run(t, r, "api", "web")
	if err == nil || report.outcomes() != "api failed, web failed" || !report.results[0].Retry {
		t.Errorf("got %+v, %v", report.results, err)
	}
}

// A policy may have been written despite a timeout, so the list is checked again.
func TestWriteWithoutResponse(t *testing.T) {
	cloud, r := newReconciler(t)
	cloud.CreateRepository("api")
	cloud.PutList(list, "111111111111")
	cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
		if call.Operation == "SetRepositoryPolicy" {
			if accounts(t, cloud, "api") == "" {
				cloud.PutList(list, "222222222222")
			}
			return stubaws.Fault{Code: "AccessDeniedException", Afterwards: true}
		}
		return stubaws.Fault{}
	}
	_, _ = run(t, r, "api") // it fails, and is retried
	if got := accounts(t, cloud, "api"); got != "222222222222" {
		t.Errorf("api grants pull to %q", got)
	}
}

func TestFailedCheckIsRetried(t *testing.T) {
	cloud, r := newReconciler(t)
	cloud.CreateRepository("api")
	cloud.PutList(list, "111111111111")
	reads := 0
	cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
		if call.Operation == "GetParameters" {
			if reads++; reads > 1 {
				return stubaws.Fault{Code: "AccessDeniedException"}
			}
		}
		return stubaws.Fault{}
	}
	if _, err := run(t, r, "api"); err == nil {
		t.Error("no error")
	}
}

func TestJustCreated(t *testing.T) {
	for name, c := range map[string]struct {
		appearsAfter time.Duration
		want         string
	}{
		"known at once":  {0, "api updated"},
		"known to reads": {time.Second, "api updated"}, // but not to the first write
		"known later":    {5 * time.Second, "api updated"},
		"never existed":  {time.Hour, "api gone"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cloud, r := newReconciler(t)
				cloud.PutList(list, "111111111111")
				started := time.Now()
				time.AfterFunc(c.appearsAfter, func() { cloud.CreateRepository("api") })
				synctest.Wait()
				if name == "known to reads" {
					cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
						if call.Operation == "GetRepositoryPolicy" && time.Since(started) < c.appearsAfter {
							return stubaws.Fault{Code: "RepositoryPolicyNotFoundException"}
						}
						return stubaws.Fault{}
					}
				}
				report := &recorder{}
				err := r.Run(t.Context(), event.Repositories{Trigger: "CreateRepository", Names: []string{"api"}, Created: true}, report)
				if err != nil || report.outcomes() != c.want {
					t.Errorf("got %q, %v, want %q", report.outcomes(), err, c.want)
				}
			})
		})
	}
}

func TestFailures(t *testing.T) {
	tooMuch := `{"Version":"2012-10-17","Statement":[{"Sid":"Mine","Effect":"Deny","Principal":"*","Action":"ecr:PutImage","Condition":{"StringNotEquals":{"aws:PrincipalTag/x":"` + strings.Repeat("x", 10000) + `"}}}]}`
	for name, c := range map[string]struct {
		existing string
		fault    stubaws.Fault
		want     string
		retry    bool
	}{
		"access denied":       {fault: stubaws.Fault{Code: "AccessDeniedException"}, want: "set policy of api", retry: true},
		"no room":             {existing: tooMuch, want: "10240", retry: false},
		"unreadable document": {existing: `{"Statement":`, want: "policy of api", retry: false},
	} {
		t.Run(name, func(t *testing.T) {
			cloud, r := newReconciler(t)
			cloud.CreateRepository("api", "other")
			cloud.SetPolicy("api", c.existing)
			cloud.PutList(list, "111111111111")
			cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
				if call.Operation == "SetRepositoryPolicy" && strings.Contains(string(call.Body), `"api"`) {
					return c.fault
				}
				return stubaws.Fault{}
			}
			report, err := run(t, r, "api", "other")
			if report.outcomes() != "api failed, other updated" {
				t.Errorf("outcomes %q: one failure must not stop the others", report.outcomes())
			}
			if got := report.results[0]; got.Err == nil || !strings.Contains(got.Err.Error(), c.want) || got.Retry != c.retry {
				t.Errorf("got %+v", got)
			}
			if (err != nil) != c.retry {
				t.Errorf("error %v, want one only if retrying could help", err)
			}
			if after, _ := cloud.Policy("api"); after != c.existing {
				t.Errorf("policy changed to %s", after)
			}
		})
	}
}

func TestRepositoryDeletedDuringRun(t *testing.T) {
	cloud, r := newReconciler(t)
	cloud.CreateRepository("api")
	cloud.PutList(list, "111111111111")
	cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
		if call.Operation == "SetRepositoryPolicy" {
			cloud.DeleteRepository("api")
		}
		return stubaws.Fault{}
	}
	if report, err := run(t, r, "api"); err != nil || report.outcomes() != "api gone" || report.results[0].Reason == "" {
		t.Errorf("got %+v, %v", report.results, err)
	}
}

func TestErrorsOfTheRegistry(t *testing.T) {
	cloud, r := newReconciler(t)
	cloud.CreateRepository("api")
	cloud.ClosePrincipal("999999999999")
	ctx := t.Context()
	statement := `{"Statement":[{"Sid":"x","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999999999999:root"},"Action":"ecr:BatchGetImage"}]}`
	if err := r.Policies.SetPolicy(ctx, "api", statement); !errors.Is(err, registry.ErrRejected) {
		t.Errorf("a principal that does not exist: %v", err)
	}
	for name, err := range map[string]error{
		"get":    func() error { _, err := r.Policies.Policy(ctx, "none"); return err }(),
		"set":    r.Policies.SetPolicy(ctx, "none", statement),
		"delete": r.Policies.DeletePolicy(ctx, "none"),
	} {
		if !errors.Is(err, registry.ErrNotFound) || !strings.Contains(err.Error(), "none") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := r.Policies.DeletePolicy(ctx, "api"); err != nil {
		t.Errorf("delete a policy that is not there: %v", err)
	}
}

// The account list and the policy are read concurrently.
func TestConcurrentReads(t *testing.T) {
	cloud, r := newReconciler(t)
	cloud.CreateRepository("api")
	cloud.PutList(list, "111111111111")
	arrived := map[string]chan struct{}{"GetParameters": make(chan struct{}), "GetRepositoryPolicy": make(chan struct{})}
	other := map[string]string{"GetParameters": "GetRepositoryPolicy", "GetRepositoryPolicy": "GetParameters"}
	var once sync.Map
	cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
		if _, again := once.LoadOrStore(call.Operation, true); again || arrived[call.Operation] == nil {
			return stubaws.Fault{}
		}
		close(arrived[call.Operation])
		select {
		case <-arrived[other[call.Operation]]:
		case <-time.After(10 * time.Second):
			t.Errorf("%s waits for %s", other[call.Operation], call.Operation)
		}
		return stubaws.Fault{}
	}
	if report, err := run(t, r, "api"); err != nil || report.outcomes() != "api updated" {
		t.Errorf("got %q, %v", report.outcomes(), err)
	}
}

// A read soon after a write can be stale. It must not hide that the list has changed back in the meantime.
func TestStaleRead(t *testing.T) {
	cloud, r := newReconciler(t)
	cloud.CreateRepository("api")
	cloud.PutList(list, "111111111111")
	if _, err := run(t, r, "api"); err != nil {
		t.Fatal(err)
	}
	stale, _ := cloud.Policy("api")
	r.Policies = stalePolicies{r.Policies, stale}
	cloud.PutList(list, "222222222222")
	changeListAtFirstWrite(cloud, "111111111111")
	report, err := run(t, r, "api")
	if err != nil || accounts(t, cloud, "api") != "111111111111" || report.outcomes() != "api updated, api updated" {
		t.Errorf("%s can pull, %q, %v", accounts(t, cloud, "api"), report.outcomes(), err)
	}
}

// stalePolicies always returns the initial policy.
type stalePolicies struct {
	reconcile.Policies
	stale string
}

func (p stalePolicies) Policy(context.Context, string) (string, error) { return p.stale, nil }
