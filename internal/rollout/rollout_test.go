package rollout_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist/parameterstore"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/event"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/principals"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/rollout"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/scope"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

const list = "/ecr-pull-policy/accounts"

type recorder struct {
	problems []string
	checks   int
	missing  []string
	err      error
	registry []reconcile.Result
}

func (r *recorder) Registry(_ context.Context, result reconcile.Result) {
	r.registry = append(r.registry, result)
}

func (r *recorder) Missing(_ context.Context, arns []string, err error) {
	r.checks++
	r.missing, r.err = arns, err
}

func (r *recorder) Lists(_ context.Context, lists []accountlist.List) {
	for _, list := range lists {
		if list.Problem != nil {
			r.problems = append(r.problems, list.Name)
		}
	}
}

func newRollout(t *testing.T) (*stubaws.AWS, *rollout.Rollout) {
	t.Helper()
	cloud := stubaws.New("123456789012", "eu-central-1")
	repositories, err := scope.New([]string{"**"}, []string{"**/scratch-*"})
	if err != nil {
		t.Fatal(err)
	}
	standard := policy.Standard{
		Registry: policy.Registry{Partition: "aws", Region: "eu-central-1", AccountID: "123456789012"},
		Style:    policy.GrantPrincipal,
	}
	client := ecr.NewFromConfig(cloud.Config())
	lists := parameterstore.New(ssm.NewFromConfig(cloud.Config()), list, standard)
	return cloud, &rollout.Rollout{
		Lists: lists,
		Registry: &reconcile.Reconciler{
			Lists:    lists,
			Registry: registry.NewOwnPolicy(client),
			Standard: standard,
		},
		Names: func(ctx context.Context) iter.Seq2[[]string, error] { return registry.Names(ctx, client) },
		Requests: func(kind string, known event.Principals) rollout.Publisher {
			return event.NewPublisher(eventbridge.NewFromConfig(cloud.Config()), kind, known)
		},
		Standard: standard,
		Scope:    repositories,
	}
}

// requested returns the repositories that were requested because of a trigger, in order.
func requested(t *testing.T, cloud *stubaws.AWS, kind string) []string {
	t.Helper()
	var names []string
	for _, published := range cloud.Published() {
		request, err := event.ForRepositories(cloud.Envelope(published), cloud.Account)
		if err != nil {
			t.Fatal(err)
		}
		if request.Trigger != kind {
			t.Errorf("the trigger of a request is %q, want %q", request.Trigger, kind)
		}
		names = append(names, request.Names...)
	}
	slices.Sort(names)
	return names
}

func TestListChanged(t *testing.T) {
	everything := []string{"api", "team-a", "team-a/api", "team-ab", "team-b/api"}
	for name, c := range map[string]struct {
		write   func(*stubaws.AWS)
		changed string
		want    []string
		problem string
	}{
		"the account list":  {func(a *stubaws.AWS) { a.PutList(list, "111111111111") }, list, everything, ""},
		"a namespace":       {func(a *stubaws.AWS) { a.PutList(list, "none"); a.PutList(list+"/team-a", "111111111111") }, list + "/team-a", []string{"team-a", "team-a/api"}, ""},
		"none":              {func(a *stubaws.AWS) { a.PutList(list, "none") }, list, everything, ""},
		"deleted":           {func(*stubaws.AWS) {}, list, nil, list},
		"namespace deleted": {func(a *stubaws.AWS) { a.PutList(list, "111111111111") }, list + "/team-a", nil, list + "/team-a"},
		"invalid":           {func(a *stubaws.AWS) { a.PutList(list, "*") }, list, nil, list},
		// The alarm returns to OK only when no list is unusable.
		"another is invalid": {func(a *stubaws.AWS) { a.PutList(list+"/team-b", "*"); a.PutList(list, "111111111111") }, list, everything, list + "/team-b"},
		// When the event of version 1 arrives, version 2 may already exist.
		"invalid after a valid one": {func(a *stubaws.AWS) { a.PutList(list, "111111111111"); a.PutList(list, "*") }, list, everything, list},
	} {
		t.Run(name, func(t *testing.T) {
			cloud, r := newRollout(t)
			cloud.CreateRepository(everything...)
			cloud.CreateRepository("team-a/scratch-1")
			c.write(cloud)
			report := &recorder{}
			n, err := r.ListChanged(t.Context(), event.ListChanged{Name: c.changed}, report)
			if err != nil || n != len(c.want) {
				t.Errorf("%d requested, %v, want %d", n, err, len(c.want))
			}
			if got := requested(t, cloud, event.TriggerListChanged); !slices.Equal(got, c.want) {
				t.Errorf("requested %q, want %q", got, c.want)
			}
			if got := strings.Join(report.problems, " "); got != c.problem {
				t.Errorf("problems %q, want %q", got, c.problem)
			}
			if c.want == nil && cloud.Calls()["DescribeRepositories"] != 0 {
				t.Error("listed the repositories for nothing")
			}
		})
	}
}

func TestAnotherParameter(t *testing.T) {
	cloud, r := newRollout(t)
	_, err := r.ListChanged(t.Context(), event.ListChanged{Name: "/other"}, &recorder{})
	if ignored := (*event.Ignored)(nil); !errors.As(err, &ignored) || len(cloud.Calls()) != 0 {
		t.Errorf("got %v, calls %v", err, cloud.Calls())
	}
}

func TestScheduled(t *testing.T) {
	cloud, r := newRollout(t)
	cloud.CreateRepository("team-a/api", "team-b/api")
	cloud.PutList(list+"/team-a", "222222222222")
	report := &recorder{}
	n, err := r.Scheduled(t.Context(), report)
	if err != nil || n != 2 || !slices.Equal(report.problems, []string{list}) {
		t.Errorf("%d requested, problems %q, %v", n, report.problems, err)
	}
	cloud.DeleteParameter(list + "/team-a")
	cloud.Published()
	n, err = r.Scheduled(t.Context(), &recorder{})
	if got := requested(t, cloud, event.TriggerScheduled); err != nil || n != 2 || len(got) != 2 {
		t.Errorf("without any list: %d requested, %q, %v, want the repositories, whose managed statements can need trimming", n, got, err)
	}
}

func TestPages(t *testing.T) {
	cloud, r := newRollout(t)
	var want []string
	for i := range 2345 {
		want = append(want, fmt.Sprintf("r%04d", i))
	}
	cloud.CreateRepository(want...)
	cloud.PutList(list, "111111111111")
	n, err := r.Scheduled(t.Context(), &recorder{})
	if err != nil || n != len(want) {
		t.Fatalf("%d requested, %v", n, err)
	}
	if got := requested(t, cloud, event.TriggerScheduled); !slices.Equal(got, want) {
		t.Errorf("%d names requested, not each of the %d exactly once", len(got), len(want))
	}
	if calls := cloud.Calls(); calls["DescribeRepositories"] != 3 || calls["PutEvents"] != 3 {
		t.Errorf("calls %v", calls)
	}
}

func TestFailures(t *testing.T) {
	for operation, want := range map[string]string{
		"GetParameters":        "read list",
		"DescribeRepositories": "list repositories",
		"PutEvents":            "publish requests",
	} {
		cloud, r := newRollout(t)
		cloud.CreateRepository("api")
		cloud.PutList(list, "111111111111")
		cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
			if call.Operation == operation {
				return stubaws.Fault{Code: "AccessDeniedException"}
			}
			return stubaws.Fault{}
		}
		_, scheduledErr := r.Scheduled(t.Context(), &recorder{})
		_, changedErr := r.ListChanged(t.Context(), event.ListChanged{Name: list}, &recorder{})
		for _, err := range []error{scheduledErr, changedErr} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s denied: got %v, want an error that contains %q", operation, err, want)
			}
		}
	}
}

// The requests of a rollout contain whether all principals exist. Those that don't are reported after all requests.
func TestPrincipals(t *testing.T) {
	for name, c := range map[string]struct {
		closed  []string
		fault   stubaws.Fault
		style   policy.GrantStyle
		want    event.Principals
		missing []string
		calls   int
	}{
		"all exist":         {want: event.PrincipalsExist, calls: 1},
		"some don't":        {closed: []string{"222222222222"}, missing: []string{"arn:aws:iam::222222222222:root"}, calls: 4},
		"check fails":       {fault: stubaws.Fault{Code: "AccessDeniedException"}, calls: 1},
		"none is named":     {closed: []string{"222222222222"}, style: policy.GrantCondition, want: event.PrincipalsExist},
		"one of namespaces": {closed: []string{"333333333333"}, missing: []string{"arn:aws:iam::333333333333:root"}, calls: 4},
	} {
		t.Run(name, func(t *testing.T) {
			cloud, r := newRollout(t)
			if c.style != "" {
				r.Standard.Style = c.style
			}
			r.Principals = &principals.Checker{Policies: registry.NewPolicies(ecr.NewFromConfig(cloud.Config())), Repository: "check", Standard: r.Standard}
			cloud.CreateRepository("api", "check")
			var err error
			if r.Scope, err = scope.New([]string{"**"}, []string{"check"}); err != nil {
				t.Fatal(err)
			}
			cloud.PutList(list, "111111111111,222222222222")
			cloud.PutList(list+"/team", "333333333333")
			for _, id := range c.closed {
				cloud.ClosePrincipal(id)
			}
			published := 0
			cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
				switch call.Operation {
				case "SetRepositoryPolicy":
					if published == 0 && cloud.Calls()["SetRepositoryPolicy"] > 1 {
						t.Error("a repository waits until all principals are known")
					}
					return c.fault
				case "PutEvents":
					published++
				}
				return stubaws.Fault{}
			}
			report := &recorder{}
			if n, err := r.Scheduled(t.Context(), report); n != 1 || err != nil {
				t.Errorf("%d requested, %v", n, err)
			}
			for _, published := range cloud.Published() {
				request, err := event.ForRepositories(cloud.Envelope(published), cloud.Account)
				if err != nil || request.Principals != c.want {
					t.Errorf("principals of the request: %q, want %q, %v", request.Principals, c.want, err)
				}
			}
			if report.checks != 1 || !slices.Equal(report.missing, c.missing) || (report.err != nil) != (c.fault.Code != "") {
				t.Errorf("checked %d times, missing %q, %v", report.checks, report.missing, report.err)
			}
			if got := cloud.Calls()["SetRepositoryPolicy"]; got != c.calls {
				t.Errorf("%d calls, want %d", got, c.calls)
			}
		})
	}
}

// The search ends before the invocation, so that the principals found so far are reported.
func TestPrincipalsWithoutTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud, r := newRollout(t)
		r.Principals = &principals.Checker{Policies: registry.NewPolicies(ecr.NewFromConfig(cloud.Config())), Repository: "check", Standard: r.Standard}
		cloud.CreateRepository("api", "check")
		cloud.PutList(list, "111111111111,222222222222,333333333333,444444444444")
		cloud.ClosePrincipal("111111111111")
		cloud.ClosePrincipal("444444444444")
		cloud.OnCall = func(ctx context.Context, call stubaws.Call) stubaws.Fault {
			if call.Operation == "SetRepositoryPolicy" {
				select {
				case <-ctx.Done():
				case <-time.After(10 * time.Second):
				}
			}
			return stubaws.Fault{}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		report := &recorder{}
		n, err := r.Scheduled(ctx, report)
		if n != 2 || err != nil || ctx.Err() != nil || report.err == nil || !slices.Equal(report.missing, []string{"arn:aws:iam::111111111111:root"}) {
			t.Errorf("%d requested, %v, %v, missing %q, %v", n, err, ctx.Err(), report.missing, report.err)
		}
	})
}

// slow is a check that takes all the time there is: AWS throttles it, say, and there are hundreds of lists.
type slow struct{}

func (slow) Check(ctx context.Context, _ []string) ([]principals.Group, error) {
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

func (slow) Missing(context.Context, principals.Group) ([]string, error) { return nil, nil }

// No repository waits for what is known of the principals.
func TestASlowCheckOfThePrincipalsLeavesTimeToRequestTheRepositories(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud, r := newRollout(t)
		cloud.PutList(list, "111111111111")
		cloud.CreateRepository("api")
		r.Principals = slow{}
		ctx, cancel := context.WithTimeout(t.Context(), 900*time.Second) // the function's
		defer cancel()
		n, err := r.Scheduled(ctx, &recorder{})
		if n != 1 || len(cloud.Published()) != 1 {
			t.Errorf("requested %d repositories, %v", n, err)
		}
	})
}

// atRegistry sets the policy level registry and a registry policy that has the only managed statements, or not.
func atRegistry(t *testing.T, cloud *stubaws.AWS, r *rollout.Rollout, only bool) {
	t.Helper()
	reconciler := r.Registry.(*reconcile.Reconciler)
	reconciler.Standard.Level = policy.LevelRegistry
	if err := reconciler.RunRegistry(t.Context(), &registryRecorder{}); err != nil {
		t.Fatal(err)
	}
	if only {
		cloud.SetRegistryPolicy(strings.ReplaceAll(cloud.RegistryPolicy(), policy.SidPrefix, policy.SidPrefix+"Only"))
	}
}

type registryRecorder struct{ reconcile.Reporter }

func (*registryRecorder) Repository(context.Context, reconcile.Result) {}

// If only the registry policy has managed statements, a list change requests no repositories, but the schedule does. If
// the registry policy can't be written, there are requests.
func TestRegistryPolicyOfARollout(t *testing.T) {
	for name, c := range map[string]struct {
		only, lambda bool
		scheduled    bool
		fault        string
		want         int
		retry        bool
	}{
		"marked":                       {only: true, want: 0},
		"marked, scheduled":            {only: true, scheduled: true, want: 2},
		"not marked":                   {want: 2},
		"marked, with Lambda":          {only: true, lambda: true, want: 2},
		"marked, rejected":             {only: true, fault: "InvalidParameterException", want: 2},
		"marked, denied":               {only: true, fault: "AccessDeniedException", want: 2, retry: true},
		"marked, rejected, scheduled":  {only: true, scheduled: true, fault: "InvalidParameterException", want: 2},
		"not marked, denied, schedule": {scheduled: true, fault: "AccessDeniedException", want: 2, retry: true},
	} {
		t.Run(name, func(t *testing.T) {
			cloud, r := newRollout(t)
			cloud.CreateRepository("api", "web")
			cloud.PutList(list, "111111111111")
			atRegistry(t, cloud, r, c.only)
			r.Registry.(*reconcile.Reconciler).Standard.Lambda = c.lambda
			cloud.PutList(list, "222222222222")
			var mu sync.Mutex
			var order []string
			cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
				mu.Lock()
				defer mu.Unlock()
				order = append(order, call.Operation)
				if call.Operation == "PutRegistryPolicy" {
					return stubaws.Fault{Code: c.fault}
				}
				return stubaws.Fault{}
			}
			report := &recorder{}
			var n int
			var err error
			if c.scheduled {
				n, err = r.Scheduled(t.Context(), report)
			} else {
				n, err = r.ListChanged(t.Context(), event.ListChanged{Name: list}, report)
			}
			if n != c.want || (err != nil) != c.retry || len(report.registry) != 1 {
				t.Errorf("%d requested, %v, registry policy %+v", n, err, report.registry)
			}
			if put, events := slices.Index(order, "PutRegistryPolicy"), slices.Index(order, "PutEvents"); put < 0 || events >= 0 && events < put {
				t.Errorf("calls in the order %q", order)
			}
			if got := strings.Contains(cloud.RegistryPolicy(), "222222222222"); got != (c.fault == "") {
				t.Errorf("the registry policy is %s", cloud.RegistryPolicy())
			}
		})
	}
}

func TestRegistryPolicyChanged(t *testing.T) {
	cloud, r := newRollout(t)
	cloud.CreateRepository("api")
	cloud.PutList(list, "111111111111")
	atRegistry(t, cloud, r, false)
	cloud.SetRegistryPolicy("")
	if err := r.RegistryPolicyChanged(t.Context(), &recorder{}); err != nil || !strings.Contains(cloud.RegistryPolicy(), "111111111111") {
		t.Errorf("the registry policy is %q, %v", cloud.RegistryPolicy(), err)
	}
	if n := len(cloud.Published()); n != 0 {
		t.Errorf("%d requests", n)
	}
}
