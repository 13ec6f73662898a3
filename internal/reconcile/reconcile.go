// Package reconcile applies the account lists to the policies of repositories, and to that of the registry.
//
// ECR has no compare-and-set, and lists can change at any moment. Every policy still becomes that of the newest
// lists, without locks: after a run writes, it checks whether a list has changed in the meantime, and starts over if
// so. A slow run that wrote an outdated list corrects its own write, and Lambda or SQS retries a run that ends before
// the check.
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
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/phrase"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/scope"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// Lists are the account lists.
type Lists interface {
	// Read reads the lists that apply to the repositories, or all lists if there are no repositories.
	Read(ctx context.Context, repositories []string) (accountlist.Snapshot, error)
	// Changed reports whether the lists have changed since a snapshot.
	Changed(ctx context.Context, since accountlist.Snapshot) (bool, error)
}

// Policies are the repository policies. They fail with registry.ErrNotFound and registry.ErrRejected.
type Policies interface {
	// Policy returns the policy of a repository, or "" if it has none.
	Policy(ctx context.Context, repository string) (string, error)
	SetPolicy(ctx context.Context, repository, document string) error
	DeletePolicy(ctx context.Context, repository string) error
}

// RegistryPolicy is the policy of the registry. It fails with registry.ErrRejected.
type RegistryPolicy interface {
	// Policy returns the policy, or "" if there is none.
	Policy(ctx context.Context) (string, error)
	SetPolicy(ctx context.Context, document string) error
	DeletePolicy(ctx context.Context) error
}

const (
	// How many repositories of a run are reconciled concurrently. Package awsclient limits the rate of calls.
	concurrency = 16

	// A list that changes more often than this during one run is still being edited: the run fails and is retried.
	maxPasses = 5

	// How much of an invocation's time is reserved for the end of a run.
	reserve = 10 * time.Second
)

var errUnstable = fmt.Errorf("the account lists changed %d times during the run; try again when the lists are stable", maxPasses)

// Unfinished is the error of a run whose time ran out.
type Unfinished struct {
	Repositories []string // the repositories that aren't finished
	Of           int      // the number of all repositories of the run
}

func (u *Unfinished) Error() string {
	return fmt.Sprintf("out of time: %d of %s not finished", len(u.Repositories), phrase.Repositories(u.Of))
}

// Reconciler applies the account lists to the policies of repositories, and to that of the registry.
type Reconciler struct {
	Lists    Lists
	Policies Policies
	Registry RegistryPolicy // only for RunRegistry, and at the policy level registry
	Standard policy.Standard
	Scope    scope.Scope
	Observe  bool // report changes, and write nothing

	// RemoveDeletedPrincipals removes the unique IDs of deleted roles and users from unmanaged statements. The functions
	// never set it: they change only managed statements.
	RemoveDeletedPrincipals bool

	// Program is how an operator starts the command line, for errors that name a command. It is ecr-pull-policy if empty.
	Program string
}

// Reporter receives what a run finds.
type Reporter interface {
	// Repository is called for every repository, and again if the repository was reconciled again, for example because a
	// list changed. For the registry policy, the result names no repository.
	Repository(context.Context, Result)
	// Unusable is called for every list whose newest version can't be used.
	Unusable(context.Context, accountlist.List)
}

// Run reconciles the repositories that a trigger names. It returns the errors that a retry can fix, and only reports
// those that a retry can't fix. The error is an *Unfinished if the time ran out and there was no other error.
func (r *Reconciler) Run(ctx context.Context, t event.Repositories, report Reporter) error {
	var inScope []*target
	for _, name := range slices.Compact(slices.Sorted(slices.Values(t.Names))) {
		if r.Scope.Contains(name) {
			inScope = append(inScope, &target{name: name, trigger: t, style: r.style(t)})
			continue
		}
		report.Repository(ctx, Result{Repository: name}.skipped("out of scope: see the parameters Include and Exclude of the stack"))
	}
	if len(inScope) == 0 {
		return nil
	}
	return r.run(ctx, inScope, report)
}

// RunRegistry reconciles the registry policy. At the policy level repository, it only removes grants. Errors are those of
// Run.
func (r *Reconciler) RunRegistry(ctx context.Context, report Reporter) error {
	return r.run(ctx, []*target{{level: policy.LevelRegistry}}, report)
}

// run reconciles the targets until neither a list nor, as far as it matters, the registry policy has changed since they
// were read.
func (r *Reconciler) run(ctx context.Context, targets []*target, report Reporter) error {
	work, cancel := beforeDeadline(ctx)
	defer cancel()
	for range maxPasses {
		lists, wrote, err := r.pass(work, targets, report)
		if !wrote {
			return err
		}
		changed, checkErr := r.Lists.Changed(ctx, lists)
		uncovered, registryErr := r.uncovered(ctx, targets)
		switch {
		case checkErr != nil || registryErr != nil:
			return errors.Join(err, checkErr, registryErr)
		case !changed && !uncovered:
			return err
		case work.Err() != nil:
			return &Unfinished{Repositories: names(targets), Of: len(targets)} // an outdated policy was written
		}
	}
	return errUnstable
}

// style returns the grant style that a run begins with.
func (r *Reconciler) style(t event.Repositories) policy.GrantStyle {
	if t.Principals == event.PrincipalsExist {
		return r.Standard.Style
	}
	return ""
}

// beforeDeadline returns a context that ends early enough before the deadline to check whether the lists have changed,
// and to report the repositories that aren't finished.
func beforeDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-reserve))
}

// pass reconciles every target once with the current lists, which it reads while it reads the policies. It continues
// after a failure, and reports whether a policy was written, or may have been.
func (r *Reconciler) pass(ctx context.Context, targets []*target, report Reporter) (lists accountlist.Snapshot, wrote bool, err error) {
	read := r.read(ctx, targets)
	results := make([]Result, len(targets))
	var group errgroup.Group
	group.SetLimit(concurrency)
	for i, one := range targets {
		group.Go(func() error {
			results[i] = r.reconcile(ctx, read, one)
			results[i].unfinished = results[i].Outcome == Failed && ctx.Err() != nil
			return nil
		})
	}
	_ = group.Wait() // always nil: errors are in the results
	current, err := read()
	lists = current.lists
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
	if current.registryErr != nil {
		err = errors.Join(err, current.registryErr)
	}
	return lists, wrote, err
}

// current is what all targets of a pass depend on.
type current struct {
	lists accountlist.Snapshot

	// registry is the registry policy, which can make grants in the policies of repositories unnecessary; nil at the policy
	// level repository, or if it can't be read. The grants then stay.
	registry    *policy.Document
	registryErr error
}

// read starts to read the lists for the targets, and the registry policy, and returns a function that waits for them.
func (r *Reconciler) read(ctx context.Context, targets []*target) func() (current, error) {
	var read current
	var err error
	done := make(chan struct{}) // not a sync.Once: a goroutine that waits for a mutex stops the clock of testing/synctest
	go func() {
		defer close(done)
		var group errgroup.Group
		group.Go(func() (err error) {
			read.lists, err = r.lists(ctx, names(targets))
			return err
		})
		if r.Standard.Level == policy.LevelRegistry && r.Registry != nil && len(names(targets)) > 0 {
			group.Go(func() error {
				read.registry, read.registryErr = r.registryPolicy(ctx)
				return nil
			})
		}
		err = group.Wait()
	}()
	return func() (current, error) {
		<-done
		return read, err
	}
}

// lists reads the lists that apply to the repositories, or all lists. At the policy level registry, and for the registry
// policy, it reads them until they are the lists of one moment. Several calls read them, and a consumer that moves from
// one list to another in between would be on none of them. A grant that the other level loses then doesn't return.
func (r *Reconciler) lists(ctx context.Context, repositories []string) (accountlist.Snapshot, error) {
	for range maxPasses {
		lists, err := r.Lists.Read(ctx, repositories)
		if err != nil || r.Standard.Level != policy.LevelRegistry && len(repositories) > 0 {
			return lists, err
		}
		if changed, err := r.Lists.Changed(ctx, lists); err != nil || !changed {
			return lists, err
		}
	}
	return accountlist.Snapshot{}, errUnstable
}

// registryPolicy reads the registry policy.
func (r *Reconciler) registryPolicy(ctx context.Context) (*policy.Document, error) {
	text, err := r.Registry.Policy(ctx)
	if err != nil {
		return nil, err
	}
	document, err := policy.ParseRegistryDocument(text, r.Standard.Registry)
	if err != nil {
		return nil, fmt.Errorf("registry %w", err)
	}
	return &document, nil
}

// conclude reports the results of a pass, and returns the errors that a retry can fix.
func conclude(ctx context.Context, results []Result, report Reporter) (wrote bool, err error) {
	var errs []error
	unfinished := &Unfinished{Of: len(results)}
	for _, result := range results {
		wrote = wrote || result.wrote
		if result.unfinished {
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

// reconcile reconciles one target. Any error, and a panic too, is the failure of that target alone.
func (r *Reconciler) reconcile(ctx context.Context, read func() (current, error), one *target) (result Result) {
	before := one.written
	defer func() {
		if cause := recover(); cause != nil {
			result = Result{Repository: one.name, Stack: string(debug.Stack())}.failedPermanently(fmt.Errorf("reconcile %s: panic: %v", one, cause))
		}
		result.wrote = one.written != before
	}()
	return r.retryUnknown(ctx, one, func() Result { return r.attempt(ctx, read, one) })
}
