package reconcile

import (
	"errors"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// Outcome is the outcome for one repository.
type Outcome string

// The outcomes of a run.
const (
	Updated     Outcome = "updated"      // the policy was written
	Unchanged   Outcome = "unchanged"    // the policy already had the required meaning
	Deleted     Outcome = "deleted"      // the lists revoke all grants, and there were no unmanaged statements
	Skipped     Outcome = "skipped"      // the repository is out of scope, or no list can be used and there is nothing to trim
	Gone        Outcome = "gone"         // the repository doesn't exist
	Failed      Outcome = "failed"       // an error occurred; after a timeout, the policy may have been written all the same
	WouldUpdate Outcome = "would-update" // in mode observe: the policy would have been written or deleted
)

// Outcomes returns all outcomes.
func Outcomes() []Outcome {
	return []Outcome{Updated, Unchanged, Deleted, Skipped, Gone, Failed, WouldUpdate}
}

// Result is the outcome for one policy, and the reason for it.
type Result struct {
	Repository  string // "" for the registry policy
	Outcome     Outcome
	ListVersion string    // the versions of the lists that apply to the repository
	ListChanged time.Time // when the newest of them was written; zero if unknown
	Added       []string  // Sids of the managed statements that were added, or would be
	Removed     []string  // Sids of the managed statements that were removed, or would be
	Before      string    // the policy before the change
	After       string    // the policy after the change, also if it wasn't written because of mode observe
	Reason      string    // why the repository was skipped, is gone, or grants access using conditions
	Err         error     // why the repository failed
	Retry       bool      // trying again could help
	Stack       string    // the stack trace of a panic
	Only        bool      // the registry policy has the mark that only it has managed statements

	// DeletedPrincipals is what was removed from unmanaged statements, or would be, if the Reconciler does that.
	DeletedPrincipals []policy.Removal

	wrote      bool // the policy was written, or may have been
	unfinished bool // the time ran out before the repository was finished
}

// merged completes the result with a change that was made, or, in mode observe, would have been made.
func (r Result) merged(existing policy.Document, change policy.Change, observe bool) Result {
	if !change.Changed {
		r.Outcome = Unchanged
		return r
	}
	r.Added, r.Removed, r.Before, r.After = change.Added, change.Removed, existing.String(), change.Document
	r.DeletedPrincipals = change.DeletedPrincipals
	switch {
	case observe:
		r.Outcome = WouldUpdate
	case change.Document == "":
		r.Outcome = Deleted
	default:
		r.Outcome = Updated
	}
	return r
}

// written completes the result with the outcome of a write.
func (r Result) written(existing policy.Document, change policy.Change, err error) Result {
	if err != nil {
		return r.failed(err)
	}
	return r.merged(existing, change, false)
}

// skipped completes the result of a repository that isn't reconciled.
func (r Result) skipped(reason string) Result {
	r.Outcome, r.Reason = Skipped, reason
	return r
}

// failed completes the result with an error of AWS, which may respond differently next time.
func (r Result) failed(err error) Result {
	if errors.Is(err, registry.ErrNotFound) {
		r.Outcome, r.Reason = Gone, "the repository doesn't exist"
		return r
	}
	r.Outcome, r.Err, r.Retry = Failed, err, true
	return r
}

// failedPermanently completes the result with an error that only another list, or another policy of the repository, can
// fix.
func (r Result) failedPermanently(err error) Result {
	r.Outcome, r.Err = Failed, err
	return r
}
