package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	smithytime "github.com/aws/smithy-go/time"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/event"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// repository is one repository during a run.
type repository struct {
	name    string
	trigger event.Repositories

	// What the current attempt works with.
	existing policy.Document // the policy that ECR returned
	listed   []policy.Listed // the lists on the repository's path

	// written is what the run last wrote, or may have written; nil if nothing. A read soon after a write can be stale,
	// and must not hide that a later list requires something else.
	written *string

	// style is the grant style that a changed policy is written in:
	//
	//	""              the style that the policy already has
	//	GrantCondition  also because ECR has rejected a policy in this run, so that the rest of it names no principals
	//	GrantPrincipal  because a rollout knows that all principals exist: a policy in another style counts as changed
	style policy.GrantStyle
}

func names(repositories []*repository) []string {
	names := make([]string, len(repositories))
	for i, one := range repositories {
		names[i] = one.name
	}
	return names
}

// ECR creates repositories asynchronously: for a moment after CreateRepository it may not know a repository that
// exists. Before the repository counts as gone, it is tried again after 0.25 s, 0.5 s, … 8 s.
const (
	createdAttempts     = 7
	createdFirstBackoff = 250 * time.Millisecond
)

// retryUnknown tries again while ECR doesn't know a repository that has just been created.
func (r *Reconciler) retryUnknown(ctx context.Context, one *repository, try func() Result) Result {
	backoff := createdFirstBackoff
	for attempt := 1; ; attempt++ {
		result := try()
		if result.Outcome != Gone || !one.trigger.Created || attempt == createdAttempts {
			return result
		}
		if err := smithytime.SleepWithContext(ctx, backoff); err != nil {
			return result.failed(err)
		}
		backoff *= 2
	}
}

// attempt reads the policy of a repository and the lists, merges them, and writes the policy if its meaning changes.
// Run checks afterwards whether the lists have changed.
func (r *Reconciler) attempt(ctx context.Context, lists func() (accountlist.Snapshot, error), one *repository) Result {
	result := Result{Repository: one.name}
	if ctx.Err() != nil {
		return result.failed(context.Cause(ctx))
	}
	text, policyErr := r.Policies.Policy(ctx, one.name)
	snapshot, err := lists()
	if err != nil {
		return result.failed(err)
	}
	result.ListVersion, result.ListChanged = snapshot.Version(one.name), snapshot.Modified(one.name)
	if policyErr != nil {
		return result.failed(policyErr)
	}
	existing, err := policy.ParseDocument(text, r.Standard.Registry)
	if err != nil {
		return result.failedPermanently(fmt.Errorf("build policy of %s: existing %w", one.name, err))
	}
	if r.RemoveDeletedPrincipals {
		existing = existing.WithoutDeletedPrincipals()
	}
	one.existing, one.listed = existing, snapshot.Listed(one.name)
	change, err := r.merge(one)
	if err != nil {
		return result.failedPermanently(fmt.Errorf("build policy of %s: %w", one.name, err))
	}
	switch {
	case !change.Changed && result.ListVersion == "":
		return result.skipped("no account list can be used; the policy stays unchanged until one can be used")
	case !change.Changed || r.Observe:
		return result.merged(existing, change, r.Observe)
	}
	err = r.write(ctx, one, change.Document)
	if errors.Is(err, registry.ErrRejected) {
		return r.writeByCondition(ctx, one, change.Document, result)
	}
	return result.written(existing, change, err)
}

// merge returns the change from the existing policy of a repository to the one that the lists require.
func (r *Reconciler) merge(one *repository) (policy.Change, error) {
	change, err := r.mergeInto(one.existing, one)
	if err != nil {
		return change, err
	}
	if !change.Changed && one.written != nil {
		written, err := policy.ParseDocument(*one.written, r.Standard.Registry)
		if err != nil {
			return change, err
		}
		if sinceWrite, err := r.mergeInto(written, one); err == nil && sinceWrite.Changed {
			change.Changed, change.Added, change.Removed = true, sinceWrite.Added, sinceWrite.Removed
		}
	}
	if change.Changed && one.style == policy.GrantCondition {
		byCondition, err := r.Standard.MergeAs(policy.GrantCondition, one.existing, one.listed)
		change.Document = byCondition.Document
		return change, err
	}
	return change, nil
}

// mergeInto merges the lists of a repository into a document. A document in either style counts as unchanged, unless a
// rollout knows that all principals exist.
func (r *Reconciler) mergeInto(document policy.Document, one *repository) (policy.Change, error) {
	if one.style != policy.GrantPrincipal {
		return r.Standard.Merge(document, one.listed)
	}
	change, err := r.Standard.MergeAs(policy.GrantPrincipal, document, one.listed)
	if _, ok := errors.AsType[*policy.SizeError](err); ok {
		return r.Standard.Merge(document, one.listed) // which can stay by condition, and is shorter
	}
	return change, err
}

// write stores a policy. Unless ECR rejects it, it may have been stored even after an error, such as a timeout.
func (r *Reconciler) write(ctx context.Context, one *repository, document string) error {
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

// writeByCondition merges and writes again after ECR has rejected a document. If a principal in it doesn't exist, ECR
// accepts the same grants by condition: all other consumers can pull, and that one can as soon as it exists. Otherwise
// the reason is an unmanaged statement, and the policy stays as it is.
func (r *Reconciler) writeByCondition(ctx context.Context, one *repository, rejected string, result Result) Result {
	one.style = policy.GrantCondition
	change, err := r.merge(one)
	if err != nil {
		return result.failedPermanently(fmt.Errorf("build policy of %s using conditions, because ECR rejected it: %w", one.name, err))
	}
	if change.Document == rejected {
		return result.failedPermanently(r.rejection(one))
	}
	if change.Changed {
		err = r.write(ctx, one, change.Document)
	}
	if errors.Is(err, registry.ErrRejected) {
		return result.failedPermanently(r.rejection(one))
	}
	result.Reason = "ECR rejects a principal in the account lists, so the policy grants access using conditions"
	if !change.Changed {
		return result.merged(one.existing, change, false)
	}
	return result.written(one.existing, change, err)
}

// rejection is the error for a document that ECR rejects although it names no principals of the lists.
func (r *Reconciler) rejection(one *repository) error {
	statements := one.existing.UnmanagedPrincipals()
	if len(statements) == 0 {
		return fmt.Errorf("set policy of %s: %w, but no unmanaged statement names a principal; check the unmanaged statements for elements that ECR doesn't accept",
			one.name, registry.ErrRejected)
	}
	statement, remedy := "an unmanaged statement", "correct or remove it, and the next event or scheduled rollout updates the policy"
	if len(statements) > 1 {
		statement, remedy = "one of these unmanaged statements", "correct it, and the next event or scheduled rollout updates the policy"
	}
	if len(one.existing.WithoutDeletedPrincipals().Removed()) > 0 {
		remedy = fmt.Sprintf("to remove the IDs of deleted principals, run: %s apply --remove-dead-principals %s", cmp.Or(r.Program, "ecr-pull-policy"), one.name)
	}
	return fmt.Errorf("set policy of %s: %w because of %s: %s; %s", one.name, registry.ErrRejected, statement, strings.Join(statements, "; "), remedy)
}
