package parameterstore_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist/parameterstore"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

const root = "/ecr-pull-policy/accounts"

func newStore() (*stubaws.AWS, *parameterstore.Store) {
	cloud := stubaws.New("123456789012", "eu-central-1")
	standard := policy.Standard{
		Registry: policy.Registry{Partition: "aws", Region: "eu-central-1", AccountID: "123456789012"},
		Style:    policy.GrantPrincipal,
		Lambda:   true,
	}
	return cloud, parameterstore.New(ssm.NewFromConfig(cloud.Config()), root, standard)
}

func read(t *testing.T, store *parameterstore.Store, repositories ...string) accountlist.Snapshot {
	t.Helper()
	snapshot, err := store.Read(t.Context(), repositories)
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

func accounts(lists []policy.Listed) string {
	names := make([]string, len(lists))
	for i, listed := range lists {
		consumers := listed.Consumers
		if consumers == nil {
			names[i] = "nil"
			continue
		}
		names[i] = strings.Join(consumers.Accounts, "+")
	}
	return strings.Join(names, " ")
}

// The snapshot has both the version in use and the one that is too large.
func TestAnOversizedList(t *testing.T) {
	cloud, store := newStore()
	cloud.PutList(root, "000000000001")
	cloud.PutList(root, many(200))
	listed := read(t, store, "api").Listed("api")
	if got := accounts(listed); got != "000000000001 nil" || listed[0].Oversized == nil || len(listed[0].Oversized.Accounts) != 200 {
		t.Errorf("consumers %q, oversized %+v", got, listed[0].Oversized)
	}
}

func TestReadTheListsOnAPath(t *testing.T) {
	cloud, store := newStore()
	cloud.PutList(root, "111111111111")
	cloud.PutList(root+"/team-a", "222222222222,333333333333")
	cloud.PutList(root+"/team-a/api", "none")
	cloud.PutList(root+"/team-b", "444444444444")
	for repository, want := range map[string]struct{ consumers, version string }{
		"team-a":         {"111111111111 222222222222+333333333333", "1 team-a:1"},
		"team-a/api":     {"111111111111 222222222222+333333333333 ", "1 team-a:1 team-a/api:1"},
		"team-a/web/x":   {"111111111111 222222222222+333333333333 nil nil", "1 team-a:1"},
		"team-b/api":     {"111111111111 444444444444 nil", "1 team-b:1"},
		"team-abc/other": {"111111111111 nil nil", "1"},
	} {
		snapshot := read(t, store, repository)
		if got := accounts(snapshot.Listed(repository)); got != want.consumers {
			t.Errorf("%s: consumers %q, want %q", repository, got, want.consumers)
		}
		if got := snapshot.Version(repository); got != want.version {
			t.Errorf("%s: version %q, want %q", repository, got, want.version)
		}
	}
	if calls := cloud.Calls(); calls["GetParameters"] != 5 || len(calls) != 1 {
		t.Errorf("calls %v, want one GetParameters a repository", calls)
	}
}

func TestChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud, store := newStore()
		start := time.Now()
		cloud.PutList(root, "111111111111")
		time.Sleep(time.Minute)
		cloud.PutList(root+"/team-a", "222222222222")
		time.Sleep(time.Minute)
		cloud.PutList(root+"/team-b", "*") // cannot be used
		for repository, want := range map[string]time.Duration{"api": 0, "team-a/api": time.Minute} {
			if got := read(t, store, repository).Modified(repository).Sub(start).Round(time.Second); got != want {
				t.Errorf("the lists of %s changed %s after the start, want %s", repository, got, want)
			}
		}
		if changed := read(t, store, "team-b").Modified("team-b"); !changed.IsZero() {
			t.Errorf("the lists of team-b changed at %s, want it unknown", changed)
		}
	})
}

func TestReadForManyRepositoriesCostsNoCallPerRepository(t *testing.T) {
	cloud, store := newStore()
	cloud.PutList(root, "111111111111")
	for i := range 12 { // more than a page
		cloud.PutList(fmt.Sprintf("%s/team-%02d", root, i), "222222222222")
	}
	var repositories []string
	for i := range 100 {
		repositories = append(repositories, fmt.Sprintf("team-%02d/api", i))
	}
	snapshot := read(t, store, repositories...)
	if got := accounts(snapshot.Listed("team-11/api")); got != "111111111111 222222222222 nil" {
		t.Errorf("consumers %q", got)
	}
	if got := accounts(snapshot.Listed("team-12/api")); got != "111111111111 nil nil" {
		t.Errorf("consumers %q", got)
	}
	if calls := cloud.Calls(); calls["GetParameters"] != 1 || calls["GetParametersByPath"] != 2 {
		t.Errorf("calls %v", calls)
	}
}

func TestTheListsThatOneCallCanRead(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"} // nine namespace lists, and the account list
	cloud, store := newStore()
	read(t, store, names...)
	if calls := cloud.Calls(); calls["GetParameters"] != 1 || len(calls) != 1 {
		t.Errorf("calls for 10 lists: %v", calls)
	}
	cloud, store = newStore()
	read(t, store, append(names, "j")...)
	if calls := cloud.Calls(); calls["GetParametersByPath"] != 1 {
		t.Errorf("calls for 11 lists: %v", calls)
	}
}

func TestTheListAndWhatIsBelowItAreReadSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud, store := newStore()
		cloud.Latency = 20 * time.Millisecond
		cloud.PutList(root, "111111111111")
		start := time.Now()
		if _, err := store.ReadAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != cloud.Latency {
			t.Errorf("two calls of %s took %s", cloud.Latency, took)
		}
	})
}

func TestPathsDeeperThanSSMAllows(t *testing.T) {
	cloud, store := newStore()
	cloud.PutList(root, "111111111111")
	repository := strings.Repeat("a/", 30) + "a"
	snapshot := read(t, store, repository)
	if n := len(snapshot.Listed(repository)); n != 14 { // the list and thirteen namespaces make 15 levels
		t.Errorf("%d lists on the path, want 14", n)
	}
}

func TestUnusableLists(t *testing.T) {
	valid := "111111111111"
	for name, c := range map[string]struct {
		write     func(*stubaws.AWS)
		problem   string
		inForce   int64
		consumers string
	}{
		"missing": {func(*stubaws.AWS) {}, "does not exist", 0, "nil nil"},
		"deleted": {func(a *stubaws.AWS) { a.PutList(root, valid); a.DeleteParameter(root) }, "does not exist", 0, "nil nil"},
		"empty":   {func(a *stubaws.AWS) { a.PutList(root, " ") }, "none", 0, "nil nil"},
		"never valid": {func(a *stubaws.AWS) { a.PutList(root, "*"); a.PutList(root, "123") },
			`"123"`, 0, "nil nil"},
		"malformed after a valid one": {func(a *stubaws.AWS) { a.PutList(root, "222222222222"); a.PutList(root, valid); a.PutList(root, "*") },
			`"*"`, 2, valid + " nil"},
		"too large after a valid one": {func(a *stubaws.AWS) { a.PutList(root, valid); a.PutList(root, many(400)) },
			"10240", 1, valid + " nil"},
		"secure": {func(a *stubaws.AWS) { a.PutList(root, valid); a.PutParameter(root, "SecureString", valid) },
			"SecureString", 0, "nil nil"},
		"valid far back in the history": {func(a *stubaws.AWS) {
			a.PutList(root, valid)
			for range 70 {
				a.PutList(root, "broken")
			}
		}, `"broken"`, 1, valid + " nil"},
	} {
		t.Run(name, func(t *testing.T) {
			cloud, store := newStore()
			c.write(cloud)
			snapshot := read(t, store, "api")
			unusable := snapshot.Unusable()
			if len(unusable) != 1 || !strings.Contains(unusable[0].Problem.Error(), c.problem) {
				t.Fatalf("unusable lists %+v, want one with a problem that contains %s", unusable, c.problem)
			}
			if unusable[0].InUse != c.inForce {
				t.Errorf("version %d is in force, want %d", unusable[0].InUse, c.inForce)
			}
			if got := accounts(snapshot.Listed("api")); got != c.consumers {
				t.Errorf("consumers %q, want %q", got, c.consumers)
			}
			if snapshot.IsEmpty() != (c.inForce == 0) {
				t.Errorf("snapshot is empty: %t", snapshot.IsEmpty())
			}
		})
	}
}

func many(n int) string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("%012d", i+1)
	}
	return strings.Join(ids, ",")
}

// A list can change between the read of the lists and the read of its history.
func TestChangeBetweenReads(t *testing.T) {
	for name, edit := range map[string]func(*stubaws.AWS){
		"written":               func(a *stubaws.AWS) { a.PutList(root, "333333333333") },
		"deleted and made anew": func(a *stubaws.AWS) { a.DeleteParameter(root); a.PutList(root, "333333333333") },
	} {
		cloud, store := newStore()
		cloud.PutList(root, "111111111111")
		cloud.PutList(root, "broken")
		edited := false
		cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
			if call.Operation == "GetParameterHistory" && !edited {
				edited = true
				edit(cloud)
			}
			return stubaws.Fault{}
		}
		want := "111111111111 nil" // what was in force when the lists were read
		if name != "written" {
			want = "333333333333 nil"
		}
		if got := accounts(read(t, store, "api").Listed("api")); got != want {
			t.Errorf("%s: consumers %q, want %q", name, got, want)
		}
	}
	cloud, store := newStore()
	cloud.PutList(root, "broken")
	edits := 0
	cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
		if call.Operation == "GetParameterHistory" {
			edits++
			cloud.DeleteParameter(root)
			cloud.PutList(root, fmt.Sprint("broken ", edits))
		}
		return stubaws.Fault{}
	}
	if _, err := store.Read(t.Context(), []string{"api"}); err == nil || !strings.Contains(err.Error(), "a list changed while the lists were read, in each of 5 attempts") {
		t.Errorf("a list that keeps changing: %v", err)
	}
}

func TestInvalidListDoesNotAffectOthers(t *testing.T) {
	cloud, store := newStore()
	cloud.PutList(root, "111111111111")
	cloud.PutList(root, "*")
	cloud.PutList(root+"/team-a", "222222222222")
	cloud.PutList(root+"/team-a", "333333333333")
	snapshot := read(t, store, "team-a/api")
	if got := accounts(snapshot.Listed("team-a/api")); got != "111111111111 333333333333 nil" {
		t.Errorf("consumers %q", got)
	}
	if got := snapshot.Version("team-a/api"); got != "1 team-a:2" {
		t.Errorf("version %q", got)
	}
}

func TestMoved(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*stubaws.AWS)
		want bool
	}{
		"nothing happened":           {func(*stubaws.AWS) {}, false},
		"another version":            {func(a *stubaws.AWS) { a.PutList(root, "222222222222") }, true},
		"same value, newer version":  {func(a *stubaws.AWS) { a.PutList(root, "111111111111") }, true},
		"deleted":                    {func(a *stubaws.AWS) { a.DeleteParameter(root) }, true},
		"deleted and made anew":      {func(a *stubaws.AWS) { a.DeleteParameter(root); a.PutList(root, "222222222222") }, true},
		"a namespace came":           {func(a *stubaws.AWS) { a.PutList(root+"/team-a", "222222222222") }, true},
		"a namespace off the path":   {func(a *stubaws.AWS) { a.PutList(root+"/team-b", "222222222222") }, false},
		"a parameter of like a name": {func(a *stubaws.AWS) { a.PutList(root+"-old", "222222222222") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			cloud, store := newStore()
			cloud.PutList(root, "111111111111")
			snapshot := read(t, store, "team-a/api")
			c.edit(cloud)
			changed, err := store.Changed(t.Context(), snapshot)
			if err != nil || changed != c.want {
				t.Errorf("changed %t, %v, want %t", changed, err, c.want)
			}
		})
	}
}

// The newest version has the same text, but another version is in use.
func TestMovedBehindABrokenVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud, store := newStore()
		rewrite := func(value string) {
			cloud.DeleteParameter(root)
			cloud.PutList(root, value)
			cloud.PutList(root, "broken")
		}
		rewrite("111111111111")
		snapshot := read(t, store, "api")
		time.Sleep(time.Second)
		rewrite("222222222222")
		if changed, err := store.Changed(t.Context(), snapshot); err != nil || !changed {
			t.Errorf("changed %t, %v", changed, err)
		}
	})
}

func TestList(t *testing.T) {
	cloud, store := newStore()
	cloud.PutList(root+"/team-a", "222222222222")
	snapshot, err := store.ReadAll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	list := snapshot.List(root + "/team-a")
	if list.Problem != nil {
		t.Fatalf("got %+v", list)
	}
	for repository, want := range map[string]bool{"team-a": true, "team-a/api": true, "team-ab": false, "x/team-a": false} {
		if snapshot.Covers(list, repository) != want {
			t.Errorf("covers %s: %t, want %t", repository, !want, want)
		}
	}
	if list = snapshot.List(root); !accountlist.IsMissing(list.Problem) || !snapshot.Covers(list, "anything") {
		t.Errorf("the missing account list: got %+v", list)
	}
	if list = snapshot.List(root + "/team-b"); !accountlist.IsMissing(list.Problem) || snapshot.Covers(list, "anything") || !snapshot.Covers(list, "team-b/api") {
		t.Errorf("a missing list of a namespace: got %+v", list)
	}
}

func TestHas(t *testing.T) {
	_, store := newStore()
	for name, want := range map[string]bool{root: true, root + "/team-a": true, root + "-2": false, "/other": false} {
		if store.Has(name) != want {
			t.Errorf("%s is a list: %t, want %t", name, !want, want)
		}
	}
}

func TestFailedCallsAreErrors(t *testing.T) {
	for _, operation := range []string{"GetParameters", "GetParametersByPath", "GetParameterHistory"} {
		cloud, store := newStore()
		cloud.PutList(root, "*")
		cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
			if call.Operation == operation {
				return stubaws.Fault{Code: "AccessDeniedException"}
			}
			return stubaws.Fault{}
		}
		if _, err := store.ReadAll(t.Context()); err == nil || !strings.Contains(err.Error(), root) {
			t.Errorf("%s denied: got %v, want an error that names the list", operation, err)
		}
	}
}

// Who may write the lists of one namespace must not be able to stop the repositories of another.
func TestListsOfOtherNamespacesDoNotMatter(t *testing.T) {
	setUp := func(others int) (*stubaws.AWS, *parameterstore.Store, []string) {
		cloud, store := newStore()
		cloud.PutList(root, "111111111111")
		for i := range others {
			cloud.PutList(fmt.Sprintf("%s/team-a/x%05d", root, i), "bad entry")
		}
		var repositories []string
		for i := range 20 { // more than GetParameters takes names
			repositories = append(repositories, fmt.Sprintf("team-b/r%02d", i))
		}
		return cloud, store, repositories
	}
	t.Run("an invalid one costs no call", func(t *testing.T) {
		cloud, store, repositories := setUp(3000)
		snapshot := read(t, store, repositories...)
		if n := cloud.Calls()["GetParameterHistory"]; n != 0 {
			t.Errorf("%d histories of lists that apply to none of the repositories", n)
		}
		if n := len(snapshot.Unusable()); n != 0 {
			t.Errorf("%d lines are logged about them in every run", n)
		}
	})
	t.Run("3,000 invalid ones leave time for the repositories", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			cloud, store, repositories := setUp(3000)
			cloud.Latency = 20 * time.Millisecond
			start := time.Now()
			_ = read(t, store, repositories...)
			if took := time.Since(start); took > 30*time.Second {
				t.Errorf("the read took %s of the 110 s that a run has", took)
			}
		})
	})
	t.Run("a history that can't be read is no error", func(t *testing.T) {
		cloud, store, repositories := setUp(1)
		cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
			if call.Operation == "GetParameterHistory" {
				return stubaws.Fault{Code: "AccessDeniedException"}
			}
			return stubaws.Fault{}
		}
		if _, err := store.Read(t.Context(), repositories); err != nil {
			t.Error(err)
		}
	})
	t.Run("an edit starts no other run over", func(t *testing.T) {
		cloud, store, repositories := setUp(0)
		snapshot := read(t, store, repositories...)
		cloud.PutList(root+"/team-a", "222222222222")
		if moved, err := store.Changed(t.Context(), snapshot); err != nil || moved {
			t.Errorf("moved %v, %v", moved, err)
		}
	})
}
