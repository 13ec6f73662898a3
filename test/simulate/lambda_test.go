package simulate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist/parameterstore"
	events "github.com/ecr-pull-policy/ecr-pull-policy/internal/event"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/onaccount"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/onrepo"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/principals"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/rollout"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/scope"
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
	if w.scope, err = scope.New([]string{"**"}, []string{"scratch", checkRepository}); err != nil {
		panic(err)
	}
	w.onAccount = &onaccount.Handler{
		Account: account,
		Rollout: &rollout.Rollout{
			Lists:      &watchedLists{Store: w.store(), world: w},
			Principals: &principals.Checker{Policies: registry.NewPolicies(w.ecr), Repository: checkRepository, Standard: w.standard},
			Names:      func(ctx context.Context) iter.Seq2[[]string, error] { return registry.Names(ctx, w.ecr) },
			Requests: func(kind string, known events.Principals) rollout.Publisher {
				return events.NewPublisher(w.bus, kind, known)
			},
			Standard: w.standard,
			Scope:    w.scope,
		},
		Created: func(context.Context) (time.Time, error) { return time.Time{}, nil },
		Log:     slog.New(slog.DiscardHandler),
	}
}

func (w *world) store() *parameterstore.Store {
	return parameterstore.New(w.sabotage.ssm(w.ssm), root, w.standard)
}

func (w *world) newEnvironment() *environment {
	return &environment{&onrepo.Handler{
		Account: account,
		Reconciler: w.sabotage.reconciler(&reconcile.Reconciler{
			Lists:    w.sabotage.lists(&watchedLists{Store: w.store(), world: w}),
			Policies: w.sabotage.policies(panickingPolicies{registry.NewPolicies(w.ecr)}),
			Standard: w.standard,
			Scope:    w.scope,
		}),
		Request: func(ctx context.Context, t events.Repositories) error {
			return events.NewPublisher(w.bus, t.Trigger, t.Principals).Publish(ctx, t.Names)
		},
		Log: slog.New(slog.DiscardHandler),
	}}
}

// watchedLists notes when an invocation began to read the lists, and whether they changed meanwhile.
type watchedLists struct {
	*parameterstore.Store
	world *world
}

func (l *watchedLists) Read(ctx context.Context, repositories []string) (accountlist.Snapshot, error) {
	l.world.begins(ctx)
	return l.Store.Read(ctx, repositories)
}

func (l *watchedLists) ReadAll(ctx context.Context) (accountlist.Snapshot, error) {
	l.world.begins(ctx)
	return l.Store.ReadAll(ctx)
}

func (w *world) begins(ctx context.Context) {
	run := ctx.Value(invocationKey{}).(*invocation)
	w.mu.Lock()
	defer w.mu.Unlock()
	run.since, run.readLists = len(w.moments)-1, w.calls
	for r, count := range run.refusals {
		count.others = 0
		run.refusals[r] = count
	}
}

func (l *watchedLists) Changed(ctx context.Context, since accountlist.Snapshot) (bool, error) {
	moved, err := l.Store.Changed(ctx, since)
	if moved {
		l.world.mu.Lock()
		l.world.counted["started over, as a list had changed"]++
		l.world.mu.Unlock()
	}
	return moved, err
}

// panickingPolicies panic when the scheduler wants it.
type panickingPolicies struct{ reconcile.Policies }

func (p panickingPolicies) Policy(ctx context.Context, repository string) (string, error) {
	text, err := p.Policies.Policy(ctx, repository)
	panicIfTold(err)
	return text, err
}

func (p panickingPolicies) SetPolicy(ctx context.Context, repository, document string) error {
	err := p.Policies.SetPolicy(ctx, repository, document)
	panicIfTold(err)
	return err
}

func (p panickingPolicies) DeletePolicy(ctx context.Context, repository string) error {
	err := p.Policies.DeletePolicy(ctx, repository)
	panicIfTold(err)
	return err
}

func panicIfTold(err error) {
	if answer := smithy.APIError(nil); errors.As(err, &answer) && answer.ErrorCode() == panicking {
		panic(err)
	}
}

// invocation is one invocation of a function.
type invocation struct {
	number      int
	function    string
	stallsAfter int  // so many calls; then all others overtake it. Negative: never
	calls       int  // that it has made
	created     bool // it is for a repository that was created
	allExist    bool // it is for a request that says that all principals exist
	closings    int  // how many principals had ceased to exist, or appeared, when it began
	deadline    time.Time
	cancel      context.CancelFunc
	environment *environment
	then        func(ok bool) // what Lambda does with the outcome

	since      int                       // the moment in which it began to read the lists
	readLists  int                       // how many calls AWS had got by then
	handedBack bool                      // short of time, it requested repositories again
	read       map[*repository]reading   // the policies that it knows
	wrote      map[*repository]*document // the policies that it last wrote, or may have
	before     map[*repository]*document // the same, when it last read the policy
	refusals   map[*repository]refusals
	failed     map[*repository]bool // it panicked, or ECR rejects whatever it sends: retrying doesn't help
	checked    bool                 // whether principals exist
	missing    []string             // principals that it reports
	disturbed  bool                 // some call went wrong
	panicked   any
	dead       bool
	ended      bool
	ok         bool
}

// reading is what an invocation knows of a repository.
type reading struct {
	document document
	changes  int       // by others that it knows of
	since    int       // the moment since which the lists may have wanted the policy so
	at       int       // how many calls AWS had got when the policy was so
	wrote    *document // what it had written by then, or may have; nil if nothing
}

// refusals count the policies of one repository that ECR rejected.
type refusals struct {
	named  int // of those that name principals, in the whole run
	others int // since it last read the lists
}

type invocationKey struct{}

func (i *invocation) stalls() bool { return i.stallsAfter >= 0 && i.calls >= i.stallsAfter }

func (i *invocation) String() string { return fmt.Sprintf("#%d %s", i.number, i.function) }

// invoke starts an invocation.
func (w *world) invoke(function string, payload []byte, e event, why string, then func(ok bool)) {
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
		created:     e.name == "CreateRepository",
		allExist:    e.allExist,
		closings:    w.closings,
		deadline:    time.Now().Add(timeout),
		then:        then,
		read:        map[*repository]reading{},
		wrote:       map[*repository]*document{},
		before:      map[*repository]*document{},
		refusals:    map[*repository]refusals{},
		failed:      map[*repository]bool{},
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
		ok := false
		defer func() {
			cause := recover()
			w.mu.Lock()
			defer w.mu.Unlock()
			run.ended, run.ok, run.panicked = true, ok, cause
		}()
		ok = handle(ctx, payload)
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
	response, err := w.onAccount.Handle(ctx, json.RawMessage(payload))
	ctx.Value(invocationKey{}).(*invocation).missing = response.RejectedPrincipals
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
		if run.panicked != nil {
			w.breaks(10, "%s died: %v", run, run.panicked)
		}
		ok := run.ok && time.Now().Before(run.deadline)
		w.note("%s  ends, ok: %t", run, ok)
		if run.environment != nil && time.Now().Before(run.deadline) {
			w.idle = append(w.idle, run.environment)
		}
		if ok {
			w.checkEnded(run)
			w.checkMissing(run)
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
		w.invoke(function, e.envelope(), e, e.what, func(ok bool) {
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
	w.lose(e)
}
