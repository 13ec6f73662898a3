package reconcile_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

const replication = `{"Sid":"Replication","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::777777777777:root"},"Action":["ecr:CreateRepository","ecr:ReplicateImage"],"Resource":"arn:aws:ecr:eu-central-1:123456789012:repository/*"}`

// newAtLevel returns a reconciler at a policy level.
func newAtLevel(t *testing.T, level policy.Level) (*stubaws.AWS, *reconcile.Reconciler) {
	t.Helper()
	cloud, r := newReconciler(t)
	r.Standard.Level = level
	r.Registry = registry.NewOwnPolicy(ecr.NewFromConfig(cloud.Config()))
	return cloud, r
}

func runRegistry(t *testing.T, r *reconcile.Reconciler) (reconcile.Result, error) {
	t.Helper()
	report := &recorder{}
	err := r.RunRegistry(t.Context(), report)
	if len(report.results) == 0 {
		t.Fatal("no result", err)
	}
	return report.results[len(report.results)-1], err
}

// grants reports whether documents together grant pull to an account.
func grants(documents []string, account string) bool {
	return slices.ContainsFunc(documents, func(document string) bool { return strings.Contains(document, account) })
}

func TestRunRegistry(t *testing.T) {
	cloud, r := newAtLevel(t, policy.LevelRegistry)
	cloud.SetRegistryPolicy(`{"Version":"2012-10-17","Statement":[` + replication + `]}`)
	cloud.PutList(list, "111111111111")
	cloud.PutList(list+"/team-a", "222222222222")

	result, err := runRegistry(t, r)
	want := []string{"EcrPullPolicyAccounts", "EcrPullPolicyAccountsInteamDasha"}
	if err != nil || result.Outcome != reconcile.Updated || !slices.Equal(result.Added, want) || result.ListVersion != "1 team-a:1" {
		t.Fatalf("got %+v, %v", result, err)
	}
	if stored := compact(t, cloud.RegistryPolicy()); !strings.Contains(stored, replication) || !grants([]string{stored}, "222222222222") {
		t.Errorf("the registry policy is %s", stored)
	}
	before := cloud.Calls()
	if result, err := runRegistry(t, r); err != nil || result.Outcome != reconcile.Unchanged {
		t.Errorf("second run: %+v, %v", result, err)
	}
	if after := cloud.Calls(); after["PutRegistryPolicy"] != before["PutRegistryPolicy"] || after["GetRegistryPolicy"] != before["GetRegistryPolicy"]+1 {
		t.Errorf("calls %v, then %v", before, after)
	}

	r.Observe = true
	cloud.PutList(list, "none")
	if result, err := runRegistry(t, r); err != nil || result.Outcome != reconcile.WouldUpdate || !grants([]string{cloud.RegistryPolicy()}, "111111111111") {
		t.Errorf("observed: %+v, %v", result, err)
	}
	r.Observe = false
	cloud.SetRegistryPolicy(strings.Replace(compact(t, cloud.RegistryPolicy()), replication+",", "", 1))
	cloud.PutList(list+"/team-a", "none")
	if result, err := runRegistry(t, r); err != nil || result.Outcome != reconcile.Deleted || cloud.RegistryPolicy() != "" {
		t.Errorf("none: %+v, %v", result, err)
	}
}

// At the level of the repositories, the registry policy only loses grants.
func TestRunRegistryShrinksAtLevelRepository(t *testing.T) {
	cloud, r := newAtLevel(t, policy.LevelRegistry)
	cloud.PutList(list, "111111111111,222222222222")
	if _, err := runRegistry(t, r); err != nil {
		t.Fatal(err)
	}
	r.Standard.Level = policy.LevelRepository
	cloud.PutList(list, "222222222222,333333333333")
	if result, err := runRegistry(t, r); err != nil || result.Outcome != reconcile.Updated {
		t.Errorf("got %+v, %v", result, err)
	}
	for account, want := range map[string]bool{"111111111111": false, "222222222222": true, "333333333333": false} {
		if got := grants([]string{cloud.RegistryPolicy()}, account); got != want {
			t.Errorf("%s can pull: %t", account, got)
		}
	}
}

func TestRegistryPolicyFailures(t *testing.T) {
	for name, c := range map[string]struct {
		existing string
		fault    map[string]stubaws.Fault
		want     string
		retry    bool
	}{
		"unmanaged principal": {`{"Statement":[` + replication + `]}`, nil, `policy rejected: operation error ECR: PutRegistryPolicy`, false},
		"refused":             {"", map[string]stubaws.Fault{"PutRegistryPolicy": {Code: "ValidationException"}}, "or set the policy level to repository", false},
		"denied":              {"", map[string]stubaws.Fault{"PutRegistryPolicy": {Code: "AccessDeniedException"}}, "put registry policy: ", true},
		"unreadable":          {"", map[string]stubaws.Fault{"GetRegistryPolicy": {Code: "AccessDeniedException"}}, "get registry policy: ", true},
		"throttled":           {"", map[string]stubaws.Fault{"PutRegistryPolicy": {Code: "ThrottlingException"}}, "ThrottlingException", true},
		"no policy document":  {`{"Statement":1}`, nil, "build registry policy: existing policy document: ", false},
		"too large":           {`{"Statement":[{"Sid":"` + strings.Repeat("x", policy.MaxDocumentCharacters-100) + `"}]}`, nil, "the registry policy would have", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cloud, r := newAtLevel(t, policy.LevelRegistry)
				cloud.ClosePrincipal("777777777777")
				cloud.SetRegistryPolicy(c.existing)
				cloud.PutList(list, "111111111111")
				cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault { return c.fault[call.Operation] }
				result, err := runRegistry(t, r)
				if result.Outcome != reconcile.Failed || result.Retry != c.retry || !strings.Contains(result.Err.Error(), c.want) || (err != nil) != c.retry {
					t.Errorf("got %+v, %v", result, err)
				}
				if cloud.RegistryPolicy() != c.existing {
					t.Errorf("the registry policy is %s", cloud.RegistryPolicy())
				}
			})
		})
	}
}

// A list changes between the write and its check, and the read after that is stale.
func TestRunRegistryFollowsTheNewestList(t *testing.T) {
	cloud, r := newAtLevel(t, policy.LevelRegistry)
	cloud.PutList(list, "111111111111")
	puts := 0
	cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
		return stubaws.Fault{Stale: call.Operation == "GetRegistryPolicy" && puts == 1}
	}
	cloud.OnDone = func(_ context.Context, call stubaws.Call, _ error) {
		if call.Operation == "PutRegistryPolicy" {
			if puts++; puts == 1 {
				cloud.PutList(list, "none")
			}
		}
	}
	if _, err := runRegistry(t, r); err != nil {
		t.Fatal(err)
	}
	if grants([]string{cloud.RegistryPolicy()}, "111111111111") {
		t.Errorf("the registry policy is %s", cloud.RegistryPolicy())
	}
}

// levelChange runs as both functions do after the policy level has changed.
func levelChange(t *testing.T, r *reconcile.Reconciler) error {
	t.Helper()
	if _, err := runRegistry(t, r); err != nil {
		return err
	}
	_, err := run(t, r, "api", "team-a/web")
	return err
}

// TestLevelChanges interrupts a change of the level before and after each call. Consumers who stay on the list can always
// pull, and once both functions have run, no one else can.
func TestLevelChanges(t *testing.T) {
	for _, to := range []policy.Level{policy.LevelRegistry, policy.LevelRepository} {
		for _, afterwards := range []bool{false, true} {
			for crash := 1; ; crash++ {
				from := policy.LevelRepository
				if to == policy.LevelRepository {
					from = policy.LevelRegistry
				}
				cloud, r := newAtLevel(t, from)
				cloud.CreateRepository("api", "team-a/web")
				cloud.PutList(list, "111111111111,222222222222")
				cloud.PutList(list+"/team-a", "333333333333")
				if err := levelChange(t, r); err != nil {
					t.Fatal(err)
				}
				cloud.PutList(list, "111111111111")
				r.Standard.Level = to
				var mu sync.Mutex
				calls, crashed, over := 0, false, false
				cloud.OnCall = func(context.Context, stubaws.Call) stubaws.Fault {
					mu.Lock()
					defer mu.Unlock()
					if over {
						return stubaws.Fault{}
					}
					calls++
					if crashed = crashed || calls == crash; crashed {
						return stubaws.Fault{Code: "AccessDeniedException", Afterwards: afterwards && calls == crash}
					}
					return stubaws.Fault{}
				}
				check := func() {
					t.Helper()
					for repository, account := range map[string]string{"api": "111111111111", "team-a/web": "333333333333"} {
						document, _ := cloud.Policy(repository)
						if !grants([]string{document, cloud.RegistryPolicy()}, account) {
							t.Errorf("to %s, crash %d: %s can't pull from %s", to, crash, account, repository)
						}
					}
				}
				err := levelChange(t, r)
				check()
				mu.Lock()
				over = true
				mu.Unlock()
				if err := levelChange(t, r); err != nil {
					t.Fatal(err)
				}
				check()
				var all []string
				for _, repository := range []string{"api", "team-a/web"} {
					document, _ := cloud.Policy(repository)
					all = append(all, document)
				}
				if grants(append(all, cloud.RegistryPolicy()), "222222222222") {
					t.Errorf("to %s, crash %d: a revoked consumer can pull", to, crash)
				}
				if to == policy.LevelRegistry && strings.Join(all, "") != "" {
					t.Errorf("crash %d: the repositories still have %s", crash, all)
				}
				if err == nil && !crashed {
					break
				}
			}
		}
	}
}

// TestConsumerMovesDuringLevelChange moves a consumer from one list to another while the policies of the new level can't
// be written.
func TestConsumerMovesDuringLevelChange(t *testing.T) {
	const consumer = "111111111111"
	for _, to := range []policy.Level{policy.LevelRegistry, policy.LevelRepository} {
		for _, names := range [][2]string{{list, list + "/team-a"}, {list + "/team-a", list}} {
			from, refused := policy.LevelRepository, "PutRegistryPolicy"
			if to == policy.LevelRepository {
				from, refused = policy.LevelRegistry, "SetRepositoryPolicy"
			}
			cloud, r := newAtLevel(t, from)
			cloud.CreateRepository("api", "team-a/web")
			cloud.PutList(names[0], consumer)
			cloud.PutList(names[1], "none")
			if err := levelChange(t, r); err != nil {
				t.Fatal(err)
			}
			r.Standard.Level = to
			canPull := func(repository string) bool {
				document, _ := cloud.Policy(repository)
				return grants([]string{document, cloud.RegistryPolicy()}, consumer)
			}
			cloud.OnDone = func(_ context.Context, call stubaws.Call, _ error) {
				if !canPull("team-a/web") {
					t.Errorf("from %s to level %s: can't pull after %s", names[0], to, call.Operation)
				}
			}
			var over atomic.Bool
			cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
				if call.Operation == refused && !over.Load() {
					return stubaws.Fault{Code: "InvalidParameterException"}
				}
				return stubaws.Fault{}
			}
			cloud.PutList(names[1], consumer)
			cloud.PutList(names[0], "none")
			if err := levelChange(t, r); err != nil {
				t.Fatal(err)
			}
			over.Store(true)
			if err := levelChange(t, r); err != nil {
				t.Fatal(err)
			}
			cloud.OnDone = nil
			cloud.PutList(names[1], "none")
			if err := levelChange(t, r); err != nil {
				t.Fatal(err)
			}
			if canPull("team-a/web") || canPull("api") {
				t.Errorf("from %s to level %s: can pull after the revocation", names[0], to)
			}
		}
	}
}

// A consumer moves to another list between the calls that read the lists, before the new level grants anything.
func TestListsOfOneMoment(t *testing.T) {
	repositories := []string{"team-a/web"}
	for i := range 10 { // more lists than one call reads
		repositories = append(repositories, fmt.Sprintf("team-%d/web", i))
	}
	ofRepositories := func(r *reconcile.Reconciler) error { _, err := run(t, r, repositories...); return err }
	ofRegistry := func(r *reconcile.Reconciler) error { _, err := runRegistry(t, r); return err }
	for _, c := range []struct {
		from, to policy.Level
		apply    func(*reconcile.Reconciler) error
	}{
		{policy.LevelRepository, policy.LevelRegistry, ofRepositories},
		{policy.LevelRegistry, policy.LevelRepository, ofRegistry},
	} {
		cloud, r := newAtLevel(t, c.from)
		cloud.CreateRepository(repositories...)
		cloud.PutList(list, "111111111111")
		cloud.PutList(list+"/team-a", "none")
		if err := c.apply(r); err != nil {
			t.Fatal(err)
		}
		r.Standard.Level = c.to
		var read, moved atomic.Bool
		cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
			if call.Operation == "GetParameters" && moved.CompareAndSwap(false, true) {
				for !read.Load() { // the account list is read after the namespace lists
					time.Sleep(time.Millisecond)
				}
				cloud.PutList(list+"/team-a", "111111111111")
				cloud.PutList(list, "none")
			}
			return stubaws.Fault{}
		}
		cloud.OnDone = func(_ context.Context, call stubaws.Call, _ error) {
			if call.Operation == "GetParametersByPath" {
				read.Store(true)
			}
		}
		if err := c.apply(r); err != nil {
			t.Fatal(err)
		}
		document, _ := cloud.Policy("team-a/web")
		if !grants([]string{document, cloud.RegistryPolicy()}, "111111111111") {
			t.Errorf("to level %s: the consumer can't pull", c.to)
		}
	}
}

// Another tool changes the registry policy while the lists are read.
func TestForeignStatementsSurviveTheRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud, r := newAtLevel(t, policy.LevelRegistry)
		cloud.PutList(list, "111111111111")
		cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
			if call.Operation == "GetParameters" && cloud.RegistryPolicy() == "" {
				time.Sleep(time.Second)
				cloud.SetRegistryPolicy(`{"Statement":[` + replication + `]}`)
			}
			return stubaws.Fault{}
		}
		if _, err := runRegistry(t, r); err != nil {
			t.Fatal(err)
		}
		if stored := compact(t, cloud.RegistryPolicy()); !strings.Contains(stored, replication) {
			t.Errorf("the registry policy is %s", stored)
		}
	})
}

// Without the registry policy, nothing is known to be unnecessary, and the run is retried.
func TestUnreadableRegistryPolicyCoversNothing(t *testing.T) {
	cloud, r := newAtLevel(t, policy.LevelRepository)
	cloud.CreateRepository("api")
	cloud.PutList(list, "111111111111,222222222222")
	if _, err := run(t, r, "api"); err != nil {
		t.Fatal(err)
	}
	r.Standard.Level = policy.LevelRegistry
	if _, err := runRegistry(t, r); err != nil {
		t.Fatal(err)
	}
	cloud.PutList(list, "111111111111")
	cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
		if call.Operation == "GetRegistryPolicy" {
			return stubaws.Fault{Code: "AccessDeniedException"}
		}
		return stubaws.Fault{}
	}
	report, err := run(t, r, "api")
	if err == nil || !strings.Contains(err.Error(), "get registry policy") || report.outcomes() != "api updated" {
		t.Errorf("got %s, %v", report.outcomes(), err)
	}
	if got := accounts(t, cloud, "api"); got != "111111111111" {
		t.Errorf("api grants pull to %q", got)
	}
}

// Somebody deletes the registry policy while grants that it has are removed from a repository.
func TestGrantsReturnWithoutTheRegistryPolicy(t *testing.T) {
	cloud, r := newAtLevel(t, policy.LevelRepository)
	cloud.CreateRepository("api")
	cloud.PutList(list, "111111111111")
	if _, err := run(t, r, "api"); err != nil {
		t.Fatal(err)
	}
	r.Standard.Level = policy.LevelRegistry
	if _, err := runRegistry(t, r); err != nil {
		t.Fatal(err)
	}
	cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
		if call.Operation == "DeleteRepositoryPolicy" {
			cloud.SetRegistryPolicy("")
		}
		return stubaws.Fault{}
	}
	report, err := run(t, r, "api")
	if err != nil || report.outcomes() != "api deleted, api updated" || accounts(t, cloud, "api") != "111111111111" {
		t.Errorf("got %s, %v; api grants pull to %q", report.outcomes(), err, accounts(t, cloud, "api"))
	}
	if report, err := run(t, r, "api"); err != nil || report.outcomes() != "api unchanged" {
		t.Errorf("got %s, %v", report.outcomes(), err)
	}
}
