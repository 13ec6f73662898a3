package reconcile

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/event"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// repository is one repository during a run.
type repository struct {
	name    string
	trigger event.Repositories

	// written is what the run last wrote to it, or may have written; nil if nothing. A read soon after a write can be
	// stale, and must not hide that a later list wants something else.
	written *string

	// rejected reports whether ECR has rejected a policy in this run: the rest of it names no principal.
	rejected bool
}

func names(repositories []*repository) []string {
	names := make([]string, len(repositories))
	for i, one := range repositories {
		names[i] = one.name
	}
	return names
}

// ECR creates repositories asynchronously: for a moment after CreateRepository it may not know a repository that exists.
// Before a repository is believed to be gone it is tried again after 0.25 s, 0.5 s, … 8 s.
const (
	createdAttempts     = 7
	createdFirstBackoff = 250 * time.Millisecond
)

// onceKnown tries again while ECR doesn't know a repository that has just been created.
func (r *Reconciler) onceKnown(ctx context.Context, one *repository, try func() Result) Result {
	backoff := createdFirstBackoff
	for attempt := 1; ; attempt++ {
		result := try()
		if result.Outcome != Gone || !one.trigger.Created || attempt == createdAttempts {
			return result
		}
		select {
		case <-time.After(backoff):
		case <-ctx.Done():
			return result.failed(context.Cause(ctx))
		}
		backoff *= 2
	}
}

// attempt reads the policy of a repository, merges, and writes if the meaning differs.
func (r *Reconciler) attempt(ctx context.Context, read func() (accountlist.Snapshot, error), one *repository) Result {
	result := Result{Repository: one.name}
	if ctx.Err() != nil {
		return result.failed(context.Cause(ctx))
	}
	existing, policyErr := r.Policies.Policy(ctx, one.name)
	lists, err := read()
	if err != nil {
		return result.failed(err)
	}
	result.ListVersion, result.ListChanged = lists.Version(one.name), lists.Modified(one.name)
	switch {
	case result.ListVersion == "":
		return result.skipped("no account list can be used: nothing is changed until there is one")
	case policyErr != nil:
		return result.failed(policyErr)
	}
	listed := lists.Listed(one.name)
	change, err := r.merge(existing, listed, one)
	if err != nil {
		return result.refused(fmt.Errorf("make policy of %s: %w", one.name, err))
	}
	if !change.Changed || r.Observe {
		return result.became(existing, change, r.Observe)
	}
	err = r.store(ctx, one, change.Document)
	if errors.Is(err, registry.ErrRejected) {
		return r.grantByCondition(ctx, one, existing, listed, change, result)
	}
	return result.stored(existing, change, err)
}

// merge makes the policy that a repository is to have. Only a rollout that knows that all principals exist goes back from
// granting by condition to naming them, and only as long as ECR doesn't prove it wrong.
func (r *Reconciler) merge(existing string, listed []policy.Listed, one *repository) (policy.Change, error) {
	merge := r.Standard.Merge
	if one.trigger.Principals == event.PrincipalsExist && !one.rejected {
		merge = func(existing string, listed []policy.Listed) (policy.Change, error) {
			change, err := r.Standard.MergeAs(r.Standard.Style, existing, listed)
			if tooLarge := (*policy.SizeError)(nil); errors.As(err, &tooLarge) {
				return r.Standard.Merge(existing, listed) // which can stay by condition, and is shorter
			}
			return change, err
		}
	}
	change, err := merge(existing, listed)
	if err != nil {
		return change, err
	}
	if !change.Changed && one.written != nil {
		if since, err := merge(*one.written, listed); err == nil && since.Changed {
			change.Changed, change.Added, change.Removed = true, since.Added, since.Removed
		}
	}
	if !change.Changed || !one.rejected {
		return change, nil
	}
	byCondition, err := r.Standard.MergeAs(policy.GrantCondition, existing, listed)
	change.Document = byCondition.Document
	return change, err
}

// grantByCondition is for a document that ECR rejects. If it names principals, one of them may not exist: the policy then
// grants the same by condition, so that all others can pull, and that one as soon as it exists. Otherwise, or if ECR
// rejects that too, the reason is an unmanaged statement, and the policy stays as it is.
func (r *Reconciler) grantByCondition(ctx context.Context, one *repository, existing string, listed []policy.Listed, rejected policy.Change, result Result) Result {
	one.rejected = true
	change, err := r.merge(existing, listed, one)
	if err != nil {
		return result.refused(fmt.Errorf("make policy of %s by condition, as ECR rejects a principal: %w", one.name, err))
	}
	if change.Document == rejected.Document {
		return result.refused(rejection(one.name, existing))
	}
	result.Reason = "ECR rejects a principal in the account lists: the policy grants by condition"
	if !change.Changed {
		return result.became(existing, change, false)
	}
	if err = r.store(ctx, one, change.Document); errors.Is(err, registry.ErrRejected) {
		return result.refused(rejection(one.name, existing))
	}
	return result.stored(existing, change, err)
}

// store writes a policy. Unless ECR rejects it, it may have been written even after an error, such as a time-out.
func (r *Reconciler) store(ctx context.Context, one *repository, document string) error {
	before := one.written
	one.written = &document
	if document == "" {
		return r.Policies.DeletePolicy(ctx, one.name)
	}
	err := r.Policies.SetPolicy(ctx, one.name, document)
	if errors.Is(err, registry.ErrRejected) {
		one.written = before
	}
	return err
}

// rejection is the error for a document that ECR rejects though it names no principal of the lists.
func rejection(repository, document string) error {
	statements := policy.UnmanagedNaming(document)
	if len(statements) == 0 {
		return fmt.Errorf("set policy of %s: %w, and no unmanaged statement names a principal: compare the policy with what ECR accepts", repository, registry.ErrRejected)
	}
	return fmt.Errorf("set policy of %s: %w because of an unmanaged statement: %s: correct or remove it, and the repository follows at the next event or schedule",
		repository, registry.ErrRejected, strings.Join(statements, "; "))
}
