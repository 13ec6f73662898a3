// Package reconcile brings repositories to the standard policy of the account lists.
//
// ECR has no compare-and-set, and lists can change at any moment. What makes every repository end with the policy of the
// newest list all the same, without a lock: after a run has written, it checks whether a list has changed meanwhile, and
// starts over if so. A slow run that wrote what an old list said thus corrects it itself, and a run that dies in between
// is retried by Lambda or SQS.
package reconcile

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/event"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/scope"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// Lists are the account lists.
type Lists interface {
	// Read reads the lists that apply to the repositories.
	Read(ctx context.Context, repositories []string) (accountlist.Snapshot, error)
	// Moved reports whether the lists have changed since.
	Changed(ctx context.Context, since accountlist.Snapshot) (bool, error)
}

// Policies are the repository policies. They fail with registry.ErrNotFound and registry.ErrRejected.
type Policies interface {
	// Policy returns the policy of a repository; "" if it has none.
	Policy(ctx context.Context, repository string) (string, error)
	SetPolicy(ctx context.Context, repository, document string) error
	DeletePolicy(ctx context.Context, repository string) error
}

const (
	// How many repositories of a run are reconciled concurrently. How fast, AWS decides: see internal/awsclient.
	concurrency = 16

	// A list that changes more often than this during one run is still being edited: the run fails and is retried.
	maxPasses = 5

	// What is kept of an invocation's time for the end of a run.
	reserve = 10 * time.Second
)

// Unfinished is the error of a run that had no time for some of its repositories.
type Unfinished struct {
	Repositories []string // that are left
	Of           int      // how many there were
}

func (u *Unfinished) Error() string {
	return fmt.Sprintf("out of time: %d of %d repositories are left", len(u.Repositories), u.Of)
}

// Reconciler brings repositories to the standard policy.
type Reconciler struct {
	Lists    Lists
	Policies Policies
	Standard policy.Standard
	Scope    scope.Scope
	Observe  bool // write nothing, report what would be written
}

// Reporter is told what a run finds.
type Reporter interface {
	// Repository is called for every repository, and again if a list changed and the repository was reconciled again.
	Repository(context.Context, Result)
	// Unusable is called for every list whose newest version can't be used.
	Unusable(context.Context, accountlist.List)
}

// Run brings the repositories that a trigger names to the standard policy. The error says what retrying can fix; what it
// can't is only reported. It is an *Unfinished, and no other error is in it, if nothing but time was missing.
func (r *Reconciler) Run(ctx context.Context, t event.Repositories, report Reporter) error {
	var inScope []*repository
	for _, name := range slices.Compact(slices.Sorted(slices.Values(t.Names))) {
		if r.Scope.Contains(name) {
			inScope = append(inScope, &repository{name: name, trigger: t})
			continue
		}
		report.Repository(ctx, Result{Repository: name}.skipped("out of scope: see Include and Exclude of the stack"))
	}
	if len(inScope) == 0 {
		return nil
	}
	work, cancel := beforeDeadline(ctx)
	defer cancel()
	for range maxPasses {
		lists, wrote, err := r.pass(work, inScope, report)
		if !wrote {
			return err
		}
		moved, moveErr := r.Lists.Changed(ctx, lists)
		switch {
		case moveErr != nil:
			return errors.Join(err, moveErr)
		case !moved:
			return err
		case work.Err() != nil:
			return &Unfinished{Repositories: names(inScope), Of: len(inScope)} // what was written is of an old list
		}
	}
	return fmt.Errorf("the account lists changed %d times during one run", maxPasses)
}

// beforeDeadline returns a context that ends early enough before the deadline to check whether the lists have changed,
// and to report what is left.
func beforeDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-reserve))
}

// pass reconciles every repository once by the lists as they are now, which it reads while it reads the policies. It goes
// on after a failure, and reports whether anything was written, or may have been.
func (r *Reconciler) pass(ctx context.Context, repositories []*repository, report Reporter) (lists accountlist.Snapshot, wrote bool, err error) {
	read := r.read(ctx, repositories)
	results := make([]Result, len(repositories))
	var group errgroup.Group
	group.SetLimit(concurrency)
	for i, one := range repositories {
		group.Go(func() error {
			results[i] = r.reconcile(ctx, read, one)
			results[i].left = results[i].Outcome == Failed && ctx.Err() != nil
			return nil
		})
	}
	_ = group.Wait() // no error: a failure is in its result
	lists, err = read()
	if err != nil {
		for _, result := range results {
			report.Repository(ctx, result)
		}
		return lists, false, err
	}
	for _, list := range lists.Unusable() {
		report.Unusable(ctx, list)
	}
	wrote, err = conclude(ctx, results, report)
	return lists, wrote, err
}

// read begins to read the lists for the repositories, and returns a function that waits for them.
func (r *Reconciler) read(ctx context.Context, repositories []*repository) func() (accountlist.Snapshot, error) {
	var lists accountlist.Snapshot
	var err error
	done := make(chan struct{}) // not a sync.Once: a goroutine that waits for a mutex stops the clock of testing/synctest
	go func() {
		defer close(done)
		lists, err = r.Lists.Read(ctx, names(repositories))
	}()
	return func() (accountlist.Snapshot, error) {
		<-done
		return lists, err
	}
}

// conclude reports the results of a pass, and returns what of them retrying can fix.
func conclude(ctx context.Context, results []Result, report Reporter) (wrote bool, err error) {
	var errs []error
	unfinished := &Unfinished{Of: len(results)}
	for _, result := range results {
		wrote = wrote || result.wrote
		if result.left {
			unfinished.Repositories = append(unfinished.Repositories, result.Repository)
			continue
		}
		report.Repository(ctx, result)
		if result.Retry {
			errs = append(errs, result.Err)
		}
	}
	switch {
	case len(unfinished.Repositories) == 0:
		return wrote, errors.Join(errs...)
	case len(errs) == 0:
		return wrote, unfinished
	default:
		return wrote, errors.Join(append(errs, unfinished)...)
	}
}

// reconcile brings one repository to the standard policy. Whatever goes wrong with it, a panic too, is its own failure.
func (r *Reconciler) reconcile(ctx context.Context, lists func() (accountlist.Snapshot, error), one *repository) (result Result) {
	before := one.written
	defer func() {
		if cause := recover(); cause != nil {
			result = Result{Repository: one.name, Stack: string(debug.Stack())}.refused(fmt.Errorf("reconcile %s: panic: %v", one.name, cause))
		}
		result.wrote = one.written != before
	}()
	return r.onceKnown(ctx, one, func() Result { return r.attempt(ctx, lists, one) })
}
