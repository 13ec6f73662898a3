package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	smithytime "github.com/aws/smithy-go/time"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/event"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// target is a policy during a run: that of a repository, or that of the registry.
type target struct {
	name    string       // of the repository; "" for the registry
	level   policy.Level // LevelRegistry for the registry
	trigger event.Repositories

	// What the current attempt works with.
	existing policy.Document  // the policy that ECR returned
	listed   []policy.Listed  // the lists on the repository's path, or all lists
	registry *policy.Document // the registry policy that makes grants of a repository unnecessary; nil for none
	removes  bool             // statements were removed

	// alone is whether the repository gets all grants itself, because the registry policy no longer has those that the run
	// removed. The registry policy is then not used.
	alone bool

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

// String returns how errors name the policy.
func (t *target) String() string {
	if t.level == policy.LevelRegistry {
		return "registry policy"
	}
	return "policy of " + t.name
}

// names returns the names of the repositories among the targets.
func names(targets []*target) []string {
	var names []string
	for _, one := range targets {
		if one.level != policy.LevelRegistry {
			names = append(names, one.name)
		}
	}
	return names
}

// use sets what the policy is merged with.
func (t *target) use(now current) {
	if t.level == policy.LevelRegistry {
		t.listed = now.lists.ListedByNamespace()
		return
	}
	t.listed, t.registry = now.lists.Listed(t.name), now.registry
	if t.alone {
		t.registry = nil
	}
}

// listsUsed returns the versions of the lists that the policy is for, and when the newest one was written.
func (t *target) listsUsed(lists accountlist.Snapshot) (versions string, modified time.Time) {
	if t.level == policy.LevelRegistry {
		return lists.Versions(), lists.AnyModified()
	}
	return lists.Version(t.name), lists.Modified(t.name)
}

// ECR creates repositories asynchronously: for a moment after CreateRepository it may not know a repository that
// exists. Before the repository counts as gone, it is tried again after 0.25 s, 0.5 s, … 8 s.
const (
	createdAttempts     = 7
	createdFirstBackoff = 250 * time.Millisecond
)

// retryUnknown tries again while ECR doesn't know a repository that has just been created.
func (r *Reconciler) retryUnknown(ctx context.Context, one *target, try func() Result) Result {
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
func (r *Reconciler) attempt(ctx context.Context, read func() (current, error), one *target) Result {
	result := Result{Repository: one.name}
	if ctx.Err() != nil {
		return result.failed(context.Cause(ctx))
	}
	if one.level == policy.LevelRegistry {
		_, _ = read() // first, so that little time remains in which another tool's change of the policy would be lost
	}
	text, policyErr := r.get(ctx, one)
	now, err := read()
	if err != nil {
		return result.failed(err)
	}
	one.use(now)
	result.ListVersion, result.ListChanged = one.listsUsed(now.lists)
	if policyErr != nil {
		return result.failed(policyErr)
	}
	existing, err := r.parse(one, text)
	if err != nil {
		return result.failedPermanently(fmt.Errorf("build %s: existing %w", one, err))
	}
	if r.RemoveDeletedPrincipals {
		existing = existing.WithoutDeletedPrincipals()
	}
	one.existing = existing
	change, err := r.merge(one)
	if err != nil {
		return result.failedPermanently(fmt.Errorf("build %s: %w", one, err))
	}
	result.Only, one.removes = r.isOnly(one, change), len(change.Removed) > 0
	switch {
	case !change.Changed && result.ListVersion == "":
		return result.skipped("no account list can be used; the policy stays unchanged until one can be used")
	case !change.Changed || r.Observe:
		return result.merged(existing, change, r.Observe)
	}
	err = r.write(ctx, one, change.Document)
	if errors.Is(err, registry.ErrRejected) {
		return r.writeByCondition(ctx, one, change.Document, err, result)
	}
	return result.written(existing, change, err)
}

func (r *Reconciler) get(ctx context.Context, one *target) (string, error) {
	if one.level == policy.LevelRegistry {
		return r.Registry.Policy(ctx)
	}
	return r.Policies.Policy(ctx, one.name)
}

func (r *Reconciler) set(ctx context.Context, one *target, document string) error {
	if one.level == policy.LevelRegistry {
		return r.Registry.SetPolicy(ctx, document)
	}
	return r.Policies.SetPolicy(ctx, one.name, document)
}

func (r *Reconciler) delete(ctx context.Context, one *target) error {
	if one.level == policy.LevelRegistry {
		return r.Registry.DeletePolicy(ctx)
	}
	return r.Policies.DeletePolicy(ctx, one.name)
}

// parse parses a document of the target.
func (r *Reconciler) parse(one *target, text string) (policy.Document, error) {
	if one.level == policy.LevelRegistry {
		return policy.ParseRegistryDocument(text, r.Standard.Registry)
	}
	document, err := policy.ParseDocument(text, r.Standard.Registry)
	if one.registry != nil {
		document = document.CoveredBy(*one.registry, one.name)
	}
	return document, err
}

// standard returns the standard for the target.
func (r *Reconciler) standard(one *target) policy.Standard {
	standard := r.Standard
	if one.alone {
		standard.Level = policy.LevelRepository
	}
	return standard
}

// isOnly reports whether a registry policy has the mark that only it has managed statements.
func (r *Reconciler) isOnly(one *target, change policy.Change) bool {
	document, err := r.parse(one, change.Document)
	return err == nil && document.IsOnly()
}

// uncovered reports whether the registry policy no longer has grants because of which the run removed them from policies
// of repositories. These get all grants back in the next pass. A later run removes them if the registry policy has them
// again.
func (r *Reconciler) uncovered(ctx context.Context, targets []*target) (bool, error) {
	depends := func(one *target) bool { return one.registry != nil && one.removes && one.written != nil }
	if !slices.ContainsFunc(targets, depends) {
		return false, nil
	}
	now, err := r.registryPolicy(ctx)
	if err != nil {
		return false, err
	}
	found := false
	for _, one := range targets {
		if !depends(one) || one.registry.String() == now.String() {
			continue
		}
		change, err := r.mergeInto(one.existing.CoveredBy(*now, one.name), one)
		one.alone = err != nil || change.Document != *one.written
		found = found || one.alone
	}
	return found, nil
}

// merge returns the change from the existing policy of a repository to the one that the lists require.
func (r *Reconciler) merge(one *target) (policy.Change, error) {
	change, err := r.mergeInto(one.existing, one)
	if err != nil {
		return change, err
	}
	if !change.Changed && one.written != nil {
		written, err := r.parse(one, *one.written)
		if err != nil {
			return change, err
		}
		if sinceWrite, err := r.mergeInto(written, one); err == nil && sinceWrite.Changed {
			change.Changed, change.Added, change.Removed = true, sinceWrite.Added, sinceWrite.Removed
		}
	}
	if change.Changed && one.style == policy.GrantCondition {
		byCondition, err := r.standard(one).MergeAs(policy.GrantCondition, one.existing, one.listed)
		change.Document = byCondition.Document
		return change, err
	}
	return change, nil
}

// mergeInto merges the lists of a repository into a document. A document in either style counts as unchanged, unless a
// rollout knows that all principals exist.
func (r *Reconciler) mergeInto(document policy.Document, one *target) (policy.Change, error) {
	standard := r.standard(one)
	if one.style != policy.GrantPrincipal {
		return standard.Merge(document, one.listed)
	}
	change, err := standard.MergeAs(policy.GrantPrincipal, document, one.listed)
	if _, ok := errors.AsType[*policy.SizeError](err); ok {
		return standard.Merge(document, one.listed) // which can stay by condition, and is shorter
	}
	return change, err
}

// write stores a policy. Unless ECR rejects it, it may have been stored even after an error, such as a timeout.
func (r *Reconciler) write(ctx context.Context, one *target, document string) error {
	before := one.written
	one.written = &document
	if document == "" {
		return r.delete(ctx, one)
	}
	err := r.set(ctx, one, document)
	if errors.Is(err, registry.ErrRejected) {
		one.written = before
	}
	return err
}

// writeByCondition merges and writes again after ECR has rejected a document. If a principal in it doesn't exist, ECR
// accepts the same grants by condition: all other consumers can pull, and that one can as soon as it exists. Otherwise
// the reason is an unmanaged statement, and the policy stays as it is.
func (r *Reconciler) writeByCondition(ctx context.Context, one *target, rejected string, reason error, result Result) Result {
	one.style = policy.GrantCondition
	change, err := r.merge(one)
	if err != nil {
		return result.failedPermanently(fmt.Errorf("build %s using conditions, because ECR rejected it: %w", one, err))
	}
	if change.Document == rejected {
		return result.failedPermanently(r.rejection(one, reason))
	}
	if change.Changed {
		err = r.write(ctx, one, change.Document)
	}
	if errors.Is(err, registry.ErrRejected) {
		return result.failedPermanently(r.rejection(one, err))
	}
	result.Reason = "ECR rejects a principal in the account lists, so the policy grants access using conditions"
	if !change.Changed {
		return result.merged(one.existing, change, false)
	}
	return result.written(one.existing, change, err)
}

// rejection is the error for a document that ECR rejects although it names no principals of the lists.
func (r *Reconciler) rejection(one *target, reason error) error {
	statements := one.existing.UnmanagedPrincipals()
	if one.level == policy.LevelRegistry {
		cause := "check the unmanaged statements for elements that ECR doesn't accept"
		if len(statements) > 0 {
			cause = "correct or remove the unmanaged statements that name a principal that doesn't exist: " + strings.Join(statements, "; ")
		}
		return fmt.Errorf("%w; no policy was changed; %s, or set the policy level to %s", reason, cause, policy.LevelRepository)
	}
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
