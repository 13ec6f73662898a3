package simulate

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/onaccount"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/onrepo"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/request"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/rollout"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/scope"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/trigger"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

// The time that template.yaml gives the functions.
const (
	onRepoTimeout    = 120 * time.Second
	onAccountTimeout = 900 * time.Second
)

// environment is an execution environment of onrepo: it handles one invocation at a time, and lives until it dies of
// one. What a function remembers, it remembers there.
//
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
type environment struct{ handler *onrepo.Handler }

// deploy makes the functions as their main functions do.
func (w *world) deploy() {
	w.cloud.OnCall, w.cloud.OnDone = w.park, w.done
	w.cloud.EntryFails = func(int) bool { return w.mayFail }
	config := w.cloud.Config()
	config.Retryer = func() aws.Retryer { // the SDK's own, less its chance and its memory
		return retry.NewStandard(func(o *retry.StandardOptions) {
			o.RateLimiter = ratelimit.None
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return time.Second, nil })
		})
	}
	w.ssm, w.ecr, w.bus = ssm.NewFromConfig(config), ecr.NewFromConfig(config), eventbridge.NewFromConfig(config)
	var err error
	if w.scope, err = scope.New([]string{"**"}, []string{"scratch"}); err != nil {
		panic(err)
	}
	w.onAccount = &onaccount.Handler{
		Account: account,
		Rollout: &rollout.Rollout{
			Lists: w.store(),
			Names: func(ctx context.Context) iter.Seq2[[]string, error] { return registry.Names(ctx, w.ecr) },
			Requests: func(kind string, known trigger.Principals) rollout.Publisher {
				return request.NewPublisher(w.bus, kind, known)
			},
			Scope: w.scope,
		},
		Created: func(context.Context) (time.Time, error) { return time.Time{}, nil },
		Log:     slog.New(slog.DiscardHandler),
	}
}

func (w *world) store() *accountlist.Store {
	return accountlist.NewStore(w.sabotage.ssm(w.ssm), root, w.standard)
}

func (w *world) newEnvironment() *environment {
	return &environment{&onrepo.Handler{
		Account: account,
		Reconciler: &reconcile.Reconciler{
			Lists:    &watchedLists{Lists: w.sabotage.lists(w.store()), world: w},
			Policies: w.sabotage.policies(registry.NewPolicies(w.ecr)),
			Standard: w.standard,
			Scope:    w.scope,
		},
		Request: func(ctx context.Context, t trigger.Repositories) error {
			return request.NewPublisher(w.bus, t.Kind, t.Principals).Publish(ctx, t.Names)
		},
		Log: slog.New(slog.DiscardHandler),
	}}
}

// watchedLists notes when an invocation began to read the lists, and whether they moved meanwhile.
type watchedLists struct {
	reconcile.Lists
	world *world
}

func (l *watchedLists) Read(ctx context.Context, repositories []string) (accountlist.Snapshot, error) {
	run := ctx.Value(invocationKey{}).(*invocation)
	l.world.mu.Lock()
	run.since = len(l.world.moments) - 1
	l.world.mu.Unlock()
	return l.Lists.Read(ctx, repositories)
}

func (l *watchedLists) Moved(ctx context.Context, since accountlist.Snapshot) (bool, error) {
	moved, err := l.Lists.Moved(ctx, since)
	if moved {
		l.world.mu.Lock()
		l.world.counted["started over, as a list had moved"]++
		l.world.mu.Unlock()
	}
	return moved, err
}

// invocation is one invocation of a function.
type invocation struct {
	number      int
	function    string
	stallsAfter int  // so many calls; then all others overtake it. Negative: never
	calls       int  // that it has made
	created     bool // it is for a repository that was created
	deadline    time.Time
	cancel      context.CancelFunc
	environment *environment
	then        func(ok bool) // what Lambda does with the outcome

	since      int                     // the moment in which it began to read the lists
	handedBack bool                    // short of time, it requested repositories again
	read       map[*repository]reading // the policies that it knows
	refused    map[*repository]bool    // ECR refused a policy: it may ask by writing whom ECR doesn't know
	dead       bool
	ended      bool
	ok         bool
}

// reading is what an invocation knows of a repository: its policy, after how many changes by others, and since which
// moment the lists may have wanted it so.
type reading struct {
	document document
	changes  int
	since    int
}

type invocationKey struct{}

func (i *invocation) stalls() bool { return i.stallsAfter >= 0 && i.calls >= i.stallsAfter }

func (i *invocation) String() string { return fmt.Sprintf("#%d %s", i.number, i.function) }

// invoke starts an invocation.
func (w *world) invoke(function string, payload []byte, why string, then func(ok bool)) {
	timeout := onAccountTimeout
	if function == "onrepo" {
		timeout = onRepoTimeout
	}
	w.invocations++
	run := &invocation{
		number:   w.invocations,
		function: function,
		// After two calls it knows the lists and a policy.
		stallsAfter: pick(w, -1, -1, -1, -1, -1, 0, 1, 2, 2, 3),
		created:     strings.HasPrefix(why, "CreateRepository"),
		deadline:    time.Now().Add(timeout),
		then:        then,
		read:        map[*repository]reading{},
		refused:     map[*repository]bool{},
	}
	w.running = append(w.running, run)
	w.counted["invocations"]++
	w.note("%s  starts: %s", run, why)
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), invocationKey{}, run), timeout)
	run.cancel = cancel
	handle := w.handleOnAccount
	if function == "onrepo" {
		run.environment = w.anEnvironment()
		handle = run.environment.handle
	}
	go func() {
		ok := handle(ctx, payload)
		w.mu.Lock()
		defer w.mu.Unlock()
		run.ended, run.ok = true, ok
	}()
}

func (w *world) anEnvironment() *environment {
	last := len(w.idle) - 1
	if last < 0 {
		return w.newEnvironment()
	}
	e := w.idle[last]
	w.idle = w.idle[:last]
	return e
}

func (w *world) handleOnAccount(ctx context.Context, payload []byte) (ok bool) {
	_, err := w.onAccount.Handle(ctx, json.RawMessage(payload))
	return err == nil
}

func (e *environment) handle(ctx context.Context, payload []byte) (ok bool) {
	response, err := e.handler.Handle(ctx, json.RawMessage(payload))
	return err == nil && len(response.BatchItemFailures) == 0
}

// collect takes note of the invocations that have ended.
func (w *world) collect() {
	var ended []*invocation
	w.running = slices.DeleteFunc(w.running, func(run *invocation) bool {
		if run.ended {
			ended = append(ended, run)
		}
		return run.ended
	})
	for _, run := range ended {
		run.cancel()
		if run.dead {
			continue // Lambda knows already
		}
		ok := run.ok && time.Now().Before(run.deadline)
		w.note("%s  ends, ok: %t", run, ok)
		if run.environment != nil && time.Now().Before(run.deadline) {
			w.idle = append(w.idle, run.environment)
		}
		if ok {
			w.checkEnded(run)
		}
		run.then(ok)
	}
}

// crash ends an invocation in the midst of things, and Lambda takes it for failed.
func (w *world) crash(run *invocation) {
	if run.dead {
		return
	}
	w.counted["fault: an invocation crashes"]++
	w.note("%s  crashes", run)
	w.kill(run)
	run.then(false)
}

// kill ends an invocation. Of its calls under way, some are carried out all the same.
func (w *world) kill(run *invocation) {
	if run.dead {
		return
	}
	run.dead = true
	calls := slices.DeleteFunc(slices.Clone(w.parked), func(c *call) bool { return c.run != run })
	slices.SortFunc(calls, (*call).compare)
	for _, c := range calls {
		w.releaseWith(c, stubaws.Fault{Lost: true, Afterwards: w.broken == "" && w.percent(50)})
	}
	run.cancel()
	w.settle()
}

// invokeLater invokes a function asynchronously: after a failure again in one minute, and in two more.
//
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
func (w *world) invokeLater(delay time.Duration, function string, e event, attempt int) {
	const attempts = 3
	w.later(delay, func() {
		w.invoke(function, e.envelope(), e.what, func(ok bool) {
			switch {
			case ok:
			case attempt < attempts:
				w.invokeLater(time.Duration(attempt)*time.Minute, function, e, attempt+1)
			default:
				w.deadLetter(e)
			}
		})
	})
}

func (w *world) deadLetter(e event) {
	w.note("dead letter: %s", e.what)
	w.counted["dead letters"]++
	w.lossy = w.lossy || !e.forged
}
