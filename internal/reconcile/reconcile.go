// Package reconcile brings repositories to the standard policy of the account lists.
//
// ECR has no compare-and-set, and lists may change at any moment. What makes every repository end with the policy
// of the newest list all the same, without a lock: after a run has written, it looks whether a list has moved
// meanwhile, and starts over if so. A slow run that wrote what an old list said thus mends it itself, and a run
// that dies in between is retried by Lambda or SQS.
package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/scope"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/trigger"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// Lists are the account lists.
type Lists interface {
	// Read reads the lists that apply to the repositories.
	Read(ctx context.Context, repositories []string) (accountlist.Snapshot, error)
	// Moved tells whether the lists have changed since.
	Moved(ctx context.Context, since accountlist.Snapshot) (bool, error)
}

// Policies are the repository policies.
type Policies interface {
	// Policy returns the policy of a repository; "" if it has none.
	Policy(ctx context.Context, repository string) (string, error)
	SetPolicy(ctx context.Context, repository, document string) error
	DeletePolicy(ctx context.Context, repository string) error
}

var (
	// ErrNoRepository is the error of Policies for a repository that doesn't exist, or not yet.
	ErrNoRepository = errors.New("no such repository")
	// ErrRefused is the error of Policies for a document that ECR refuses.
	ErrRefused = errors.New("policy refused")
)

const (
	// How many repositories of a batch are looked at side by side. How fast, AWS decides: see internal/pace.
	concurrency = 16

	// A list that moves more often than this during one run is still being edited: the run fails and is retried.
	maxPasses = 5

	// How often a policy is written in one look at a repository: as the lists say, without the principals known not
	// to exist, without those found not to; and once more for one that ceases to exist meanwhile.
	maxTries = 4

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
	Observe  bool // write nothing, say what would be written

	rejected rejections
}

// Reporter is told what a run finds.
type Reporter interface {
	// Repository is called for every repository, and again if a list moved and it was looked at again.
	Repository(context.Context, Result)
	// Unusable is called for every list whose newest version cannot be used.
	Unusable(context.Context, accountlist.List)
}

// Run brings the repositories that a trigger names to the standard policy. The error says what retrying could
// mend; what it couldn't is only reported. It is an *Unfinished, and no other error is in it, if nothing but time was
// missing.
func (r *Reconciler) Run(ctx context.Context, t trigger.Repositories, report Reporter) error {
	var inScope []string
	for _, repository := range slices.Compact(slices.Sorted(slices.Values(t.Names))) {
		if r.Scope.Contains(repository) {
			inScope = append(inScope, repository)
			continue
		}
		report.Repository(ctx, Result{Repository: repository}.skipped("out of scope: see Include and Exclude of the stack"))
	}
	if len(inScope) == 0 {
		return nil
	}
	work, cancel := beforeDeadline(ctx)
	defer cancel()
	for range maxPasses {
		lists, err := r.Lists.Read(ctx, inScope)
		if err != nil {
			for _, repository := range inScope {
				report.Repository(ctx, Result{Repository: repository}.failed(err))
			}
			return err
		}
		for _, list := range lists.Unusable() {
			report.Unusable(ctx, list)
		}
		wrote, err := r.pass(work, lists, inScope, t.Created, report)
		if !wrote {
			return err
		}
		moved, moveErr := r.Lists.Moved(ctx, lists)
		switch {
		case moveErr != nil:
			return errors.Join(err, moveErr)
		case !moved:
			return err
		case work.Err() != nil:
			return &Unfinished{Repositories: inScope, Of: len(inScope)} // what was written is of an old list
		}
	}
	return fmt.Errorf("the account lists moved %d times during one run", maxPasses)
}

// beforeDeadline returns a context that ends early enough before the deadline to look whether the lists have moved,
// and to say what is left.
func beforeDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-reserve))
}

// pass looks at every repository once. It goes on after a failure, and tells whether anything was written, or may
// have been.
func (r *Reconciler) pass(ctx context.Context, lists accountlist.Snapshot, repositories []string, created bool, report Reporter) (wrote bool, err error) {
	results := make([]Result, len(repositories))
	var group errgroup.Group
	group.SetLimit(concurrency)
	for i, repository := range repositories {
		group.Go(func() error {
			if created {
				results[i] = r.created(ctx, lists, repository)
			} else {
				results[i] = r.repository(ctx, lists, repository)
			}
			results[i].left = results[i].Outcome == Failed && ctx.Err() != nil
			return nil
		})
	}
	_ = group.Wait() // no error: a failure is in its result
	var errs []error
	unfinished := &Unfinished{Of: len(repositories)}
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

// repository reads the policy of one repository, merges, and writes if the meaning differs. If ECR refuses what is
// written, it finds the principals that don't exist and writes the policy without them.
func (r *Reconciler) repository(ctx context.Context, lists accountlist.Snapshot, repository string) Result {
	result := Result{Repository: repository, ListVersion: lists.Version(repository), ListChanged: lists.Changed(repository)}
	if result.ListVersion == "" {
		return result.skipped("no account list can be used: nothing is changed until there is one")
	}
	if ctx.Err() != nil {
		return result.failed(context.Cause(ctx))
	}
	original, err := r.Policies.Policy(ctx, repository)
	if err != nil {
		return result.failed(err)
	}
	listed := lists.Consumers(repository, func(depth int) policy.Consumers { return r.Standard.Grants(original, depth) })
	existing, named := original, r.Standard.Named(original)
	for range maxTries {
		known := r.rejected.now()
		// Whom the document names existed when it was written, and may exist again: ECR is asked before it is forgotten.
		consumers, rejected := r.without(subtract(known, named), listed)
		result.Rejected = rejected
		change, err := r.Standard.Merge(existing, consumers)
		if err != nil {
			return result.refused(fmt.Errorf("make policy of %s: %w", repository, err))
		}
		if change.Changed && !r.Observe {
			result.wrote = true // even after an error: a time-out may come after the write
			err = r.write(ctx, repository, change.Document)
		}
		if err == nil {
			if existing != original {
				change = r.sinceOriginal(original, consumers)
			}
			return result.became(change, r.Observe)
		}
		if !errors.Is(err, ErrRefused) {
			return result.failed(err)
		}
		if overlaps(known, named) {
			named = nil
			continue
		}
		named = nil
		err = r.findRejected(ctx, repository, original, consumers, known)
		var foreign *errForeign
		var tooLarge *policy.SizeError
		if errors.As(err, &foreign) || errors.As(err, &tooLarge) {
			return result.refused(err)
		}
		if err == nil {
			existing, err = r.Policies.Policy(ctx, repository)
		}
		if err != nil {
			return result.failed(err)
		}
	}
	return result.failed(fmt.Errorf("set policy of %s: %w, whichever principals are left out", repository, ErrRefused))
}

func (r *Reconciler) write(ctx context.Context, repository, document string) error {
	if document == "" {
		return r.Policies.DeletePolicy(ctx, repository)
	}
	return r.Policies.SetPolicy(ctx, repository, document)
}

// sinceOriginal tells what changed since a repository was first read: a search for rejected principals writes
// policies in between, which nobody wants to hear of.
func (r *Reconciler) sinceOriginal(original string, consumers []*policy.Consumers) policy.Change {
	change, err := r.Standard.Merge(original, consumers)
	if err != nil { // the same consumers were merged into what is there now, and fitted
		return policy.Change{Changed: true, Document: original}
	}
	return change
}
