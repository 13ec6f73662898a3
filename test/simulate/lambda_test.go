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
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

// Timeouts of the functions, as in template.yaml.
const (
	onRepoTimeout    = 120 * time.Second
	onAccountTimeout = 900 * time.Second
)

// environment is an execution environment of onrepo. It handles one invocation at a time, and is used until an
// invocation crashes or times out. Its handler keeps state between invocations.
//
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
type environment struct {
	level   policy.Level
	handler *onrepo.Handler
}

// deploy creates the handlers of the functions as their main functions do.
func (w *world) deploy() {
	w.cloud.OnCall, w.cloud.OnDone = w.park, w.done
	w.cloud.EntryFails = func(int) bool { return w.entriesFail }
	config := w.cloud.Config()
	config.Retryer = func() aws.Retryer { // the SDK's standard retryer, without random delays and without state
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
}

func (w *world) newOnAccount(standard policy.Standard) *deployedOnAccount {
	return &deployedOnAccount{standard.Level, &onaccount.Handler{
		Account: account,
		Rollout: &rollout.Rollout{
			Lists:      &watchedLists{Store: w.store(standard), world: w},
			Registry:   &reconcile.Reconciler{Lists: &registryLists{watchedLists{Store: w.store(standard), world: w}}, Registry: registry.NewOwnPolicy(w.ecr), Standard: standard},
			Principals: &principals.Checker{Policies: registry.NewPolicies(w.ecr), Repository: checkRepository, Standard: standard},
			Names:      func(ctx context.Context) iter.Seq2[[]string, error] { return registry.Names(ctx, w.ecr) },
			Requests: func(kind string, known events.Principals) rollout.Publisher {
				return events.NewPublisher(w.bus, kind, known)
			},
			Standard: standard,
			Scope:    w.scope,
		},
		Created: func(context.Context) (time.Time, error) { return time.Time{}, nil },
		Log:     slog.New(slog.DiscardHandler),
	}}
}

// deployedOnAccount is onaccount with the configuration of a deployment.
type deployedOnAccount struct {
	level policy.Level
	*onaccount.Handler
}

func (w *world) store(standard policy.Standard) *parameterstore.Store {
	return parameterstore.New(w.sabotage.ssm(w.ssm), root, standard)
}

func (w *world) newEnvironment() *environment {
	standard := w.standard
	standard.Level = w.onRepoLevel
	lists := w.sabotage.lists(&watchedLists{Store: w.store(standard), world: w})
	return &environment{w.onRepoLevel, &onrepo.Handler{
		Account: account,
		Reconciler: w.sabotage.reconciler(&reconcile.Reconciler{
			Lists:    lists,
			Policies: w.sabotage.policies(panickingPolicies{registry.NewPolicies(w.ecr)}),
			Registry: registry.NewOwnPolicy(w.ecr),
			Standard: standard,
			Scope:    w.scope,
		}, lists),
		Request: func(ctx context.Context, t events.Repositories) error {
			return events.NewPublisher(w.bus, t.Trigger, t.Principals).Publish(ctx, t.Names)
		},
		Log: slog.New(slog.DiscardHandler),
	}}
}

// watchedLists records when an invocation starts to read the lists, and counts how often it detects that they changed.
type watchedLists struct {
	*parameterstore.Store
	world       *world
	forRegistry bool // whether the lists are also those for the registry policy
}

// registryLists are the lists for the registry policy.
type registryLists struct{ watchedLists }

func (l *registryLists) Read(ctx context.Context, repositories []string) (accountlist.Snapshot, error) {
	l.world.recordRegistryListRead(ctx)
	return l.Store.Read(ctx, repositories)
}

// recordRegistryListRead records that an invocation starts to read the lists for the registry policy.
func (w *world) recordRegistryListRead(ctx context.Context) {
	run := ctx.Value(invocationKey{}).(*invocation)
	w.mu.Lock()
	defer w.mu.Unlock()
	run.registrySince = len(w.moments) - 1
}

func (l *watchedLists) Read(ctx context.Context, repositories []string) (accountlist.Snapshot, error) {
	l.record(ctx)
	return l.Store.Read(ctx, repositories)
}

func (l *watchedLists) ReadAll(ctx context.Context) (accountlist.Snapshot, error) {
	l.record(ctx)
	return l.Store.ReadAll(ctx)
}

func (l *watchedLists) record(ctx context.Context) {
	l.world.recordListRead(ctx)
	if l.forRegistry {
		l.world.recordRegistryListRead(ctx)
	}
}

// recordListRead records that an invocation starts to read the lists.
func (w *world) recordListRead(ctx context.Context) {
	run := ctx.Value(invocationKey{}).(*invocation)
	w.mu.Lock()
	defer w.mu.Unlock()
	run.since, run.readListsAt = len(w.moments)-1, w.calls
	for r, count := range run.rejections {
		count.others = 0
		run.rejections[r] = count
	}
}

func (l *watchedLists) Changed(ctx context.Context, since accountlist.Snapshot) (bool, error) {
	moved, err := l.Store.Changed(ctx, since)
	if moved {
		l.world.mu.Lock()
		l.world.counted["runs that started over because a list had changed"]++
		l.world.mu.Unlock()
	}
	return moved, err
}

// panickingPolicies panics after a call to ECR that returned the error panicking.
type panickingPolicies struct{ reconcile.Policies }

func (p panickingPolicies) Policy(ctx context.Context, repository string) (string, error) {
	text, err := p.Policies.Policy(ctx, repository)
	panicIfRequested(err)
	return text, err
}

func (p panickingPolicies) SetPolicy(ctx context.Context, repository, document string) error {
	err := p.Policies.SetPolicy(ctx, repository, document)
	panicIfRequested(err)
	return err
}

func (p panickingPolicies) DeletePolicy(ctx context.Context, repository string) error {
	err := p.Policies.DeletePolicy(ctx, repository)
	panicIfRequested(err)
	return err
}

func panicIfRequested(err error) {
	if apiError := smithy.APIError(nil); errors.As(err, &apiError) && apiError.ErrorCode() == panicking {
		panic(err)
	}
}

// invocation is one invocation of a function.
type invocation struct {
	number           int
	function         string
	stallsAfter      int  // number of calls after which other invocations overtake it; negative if it never stalls
	calls            int  // number of calls that it has made
	created          bool // whether a CreateRepository event started it
	allExist         bool // whether its request claims that all principals exist
	principalChanges int  // world.principalChanges when it started
	deadline         time.Time
	cancel           context.CancelFunc
	environment      *environment
	onEnd            func(ok bool) // called with the outcome, as Lambda and SQS react to it

	since          int                       // index of the moment at which it started to read the lists
	readListsAt    int                       // number of calls to AWS before it started to read the lists
	requestedRest  bool                      // it ran out of time and requested the remaining repositories again
	read           map[*repository]reading   // policies that it read or wrote last
	wrote          map[*repository]*document // policies that it wrote last, or tried to without knowing the result
	before         map[*repository]*document // the value of wrote when it last read the policy
	rejections     map[*repository]rejections
	failed         map[*repository]bool // repositories that it doesn't retry after a panic or rejections
	checked        bool                 // it checked whether principals exist
	reported       []string             // principals that don't exist, as it reported
	level          policy.Level         // policy level of its configuration
	registrySince  int                  // as since, for the registry policy
	registryRead   *registryVersion     // registry policy that it read or wrote last
	registryWrote  *document            // registry policy that it wrote last, or tried to without knowing the result
	registryBefore *document            // the value of registryWrote when it last read the registry policy
	empties        bool                 // it is apply, and removes the managed statements from the registry policy
	compared       map[string]string    // policies of repositories that apply compared with the registry policy
	disturbed      bool                 // a fault was injected into one of its calls
	panicked       any
	dead           bool
	ended          bool
	ok             bool
}

// reading is the state of a repository's policy as an invocation knows it.
type reading struct {
	document document
	changes  int       // value of version.changes for the document
	since    int       // index of the first moment whose lists the invocation can have used
	at       int       // number of calls to AWS before the policy was in this state
	wrote    *document // policy that the invocation had written before, or tried to without knowing the result
}

// rejections are the numbers of policies of a repository that ECR rejected in a run.
type rejections struct {
	named  int // policies that name principals
	others int // other policies, since the run last started to read the lists
}

type invocationKey struct{}

// stalled reports whether other invocations overtake the invocation.
func (i *invocation) stalled() bool { return i.stallsAfter >= 0 && i.calls >= i.stallsAfter }

func (i *invocation) String() string { return fmt.Sprintf("#%d %s", i.number, i.function) }

// invoke starts an invocation.
func (w *world) invoke(function string, payload []byte, e event, why string, onEnd func(ok bool)) {
	timeout := onAccountTimeout
	if function == "onrepo" {
		timeout = onRepoTimeout
	}
	w.invocations++
	run := &invocation{
		number:   w.invocations,
		function: function,
		// After two calls, onrepo knows the lists and a policy.
		stallsAfter:      pick(w, -1, -1, -1, -1, -1, 0, 1, 2, 2, 3),
		created:          e.name == "CreateRepository",
		allExist:         e.allExist,
		principalChanges: w.principalChanges,
		deadline:         time.Now().Add(timeout),
		onEnd:            onEnd,
		read:             map[*repository]reading{},
		wrote:            map[*repository]*document{},
		before:           map[*repository]*document{},
		rejections:       map[*repository]rejections{},
		failed:           map[*repository]bool{},
	}
	w.running = append(w.running, run)
	w.counted["invocations"]++
	w.note("%s  starts: %s", run, why)
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), invocationKey{}, run), timeout)
	run.cancel = cancel
	var handle func(context.Context, []byte) bool
	switch function {
	case "onrepo":
		run.environment = w.takeEnvironment()
		run.level, handle = run.environment.level, run.environment.handle
	case "apply":
		standard := w.standard
		run.level, handle = standard.Level, func(ctx context.Context, _ []byte) bool { return w.apply(ctx, standard) == nil }
	default:
		deployed := w.onAccount
		run.level, handle = deployed.level, deployed.handle
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

// takeEnvironment returns an idle execution environment, or a new one.
func (w *world) takeEnvironment() *environment {
	last := len(w.idle) - 1
	if last < 0 {
		return w.newEnvironment()
	}
	e := w.idle[last]
	w.idle = w.idle[:last]
	return e
}

func (d *deployedOnAccount) handle(ctx context.Context, payload []byte) (ok bool) {
	response, err := d.Handle(ctx, json.RawMessage(payload))
	ctx.Value(invocationKey{}).(*invocation).reported = response.RejectedPrincipals
	return err == nil
}

func (e *environment) handle(ctx context.Context, payload []byte) (ok bool) {
	response, err := e.handler.Handle(ctx, json.RawMessage(payload))
	return err == nil && len(response.BatchItemFailures) == 0
}

// collect checks the invocations that have ended, and passes their outcomes on.
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
			continue // crash has already reported the outcome
		}
		if run.panicked != nil {
			w.breaks(10, "%s panicked: %v", run, run.panicked)
		}
		ok := run.ok && time.Now().Before(run.deadline)
		w.note("%s  ends, ok: %t", run, ok)
		if run.environment != nil && run.level == w.onRepoLevel && time.Now().Before(run.deadline) {
			w.idle = append(w.idle, run.environment)
		}
		if ok {
			w.checkEnded(run)
			w.checkMissing(run)
		}
		run.onEnd(ok)
	}
}

// crash kills an invocation. For Lambda, the invocation failed.
func (w *world) crash(run *invocation) {
	if run.dead {
		return
	}
	w.counted["fault: invocation crashed"]++
	w.note("%s  crashes", run)
	w.kill(run)
	run.onEnd(false)
}

// kill ends an invocation without its cooperation. Some of its parked calls are still executed.
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

// invokeLater invokes a function asynchronously. Lambda retries a failed invocation after one minute, and after two
// more minutes.
//
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
func (w *world) invokeLater(delay time.Duration, function string, e event, attempt int) {
	const attempts = 3
	w.later(delay, func() {
		w.invoke(function, e.envelope(), e, e.label, func(ok bool) {
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

// deadLetter records that an event is permanently lost, because all attempts to handle it failed.
func (w *world) deadLetter(e event) {
	w.note("dead letter: %s", e.label)
	w.counted["dead letters"]++
	w.lose(e)
}
