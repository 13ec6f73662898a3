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
	// How many repositories of a batch are looked at side by side.
	concurrency = 4

	// A list that moves more often than this during one run is still being edited: the run fails and is retried.
	maxPasses = 5
)

// Reconciler brings repositories to the standard policy.
type Reconciler struct {
	Lists    Lists
	Policies Policies
	Standard policy.Standard
	Scope    scope.Scope
	Observe  bool // write nothing, say what would be written
}

// Reporter is told what a run finds.
type Reporter interface {
	// Repository is called for every repository, and again if a list moved and it was looked at again.
	Repository(context.Context, Result)
	// Unusable is called for every list whose newest version cannot be used.
	Unusable(context.Context, accountlist.List)
}

// Run brings the repositories that a trigger names to the standard policy. The error says what retrying could
// mend; what it couldn't is only reported.
func (r *Reconciler) Run(ctx context.Context, t trigger.Repositories, report Reporter) error {
	var inScope []string
	for _, repository := range t.Names {
		if r.Scope.Contains(repository) {
			inScope = append(inScope, repository)
			continue
		}
		report.Repository(ctx, Result{Repository: repository}.skipped("out of scope: see Include and Exclude of the stack"))
	}
	if len(inScope) == 0 {
		return nil
	}
	for range maxPasses {
		lists, err := r.Lists.Read(ctx, inScope)
		if err != nil {
			return err
		}
		for _, list := range lists.Unusable() {
			report.Unusable(ctx, list)
		}
		wrote, err := r.pass(ctx, lists, inScope, t.Created, report)
		if !wrote {
			return err
		}
		moved, moveErr := r.Lists.Moved(ctx, lists)
		if !moved || moveErr != nil {
			return errors.Join(err, moveErr)
		}
	}
	return fmt.Errorf("the account lists moved %d times during one run", maxPasses)
}

// pass looks at every repository once. It goes on after a failure, and tells whether anything was written, or may
// have been.
func (r *Reconciler) pass(ctx context.Context, lists accountlist.Snapshot, repositories []string, created bool, report Reporter) (wrote bool, err error) {
	results := make([]Result, len(repositories))
	var group errgroup.Group
	group.SetLimit(concurrency)
	for i, repository := range repositories {
		group.Go(func() error {
			results[i] = r.repository(ctx, lists, repository, created)
			return nil
		})
	}
	_ = group.Wait() // no error: a failure is in its result
	var errs []error
	for _, result := range results {
		report.Repository(ctx, result)
		wrote = wrote || result.wrote
		if result.Retry {
			errs = append(errs, result.Err)
		}
	}
	return wrote, errors.Join(errs...)
}

// repository reads the policy of one repository, merges, and writes if the meaning differs.
func (r *Reconciler) repository(ctx context.Context, lists accountlist.Snapshot, repository string, created bool) Result {
	result := Result{Repository: repository, ListVersion: lists.Version(repository)}
	if result.ListVersion == "" {
		return result.skipped("no account list can be used: nothing is changed until there is one")
	}
	existing, err := r.existing(ctx, repository, created)
	if err != nil {
		return result.failed(err)
	}
	change, err := r.Standard.Merge(existing, lists.Consumers(repository))
	if err != nil {
		return result.refused(fmt.Errorf("make policy of %s: %w", repository, err))
	}
	result.Added, result.Removed = change.Added, change.Removed
	switch {
	case !change.Changed:
		result.Outcome = Unchanged
		return result
	case r.Observe:
		result.Outcome = WouldUpdate
		return result
	case change.Document == "":
		result.Outcome = Deleted
		err = r.Policies.DeletePolicy(ctx, repository)
	default:
		result.Outcome = Updated
		err = r.Policies.SetPolicy(ctx, repository, change.Document)
	}
	result.wrote = true // even after an error: a time-out may come after the write
	if err != nil {
		return result.failed(err)
	}
	return result
}
