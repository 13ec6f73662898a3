package reconcile

import (
	"errors"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// Outcome is what became of one repository.
type Outcome string

const (
	Updated     Outcome = "updated"      // its policy was written
	Unchanged   Outcome = "unchanged"    // it had the standard policy already
	Deleted     Outcome = "deleted"      // nobody may pull any more, and there was nothing else in its policy
	Skipped     Outcome = "skipped"      // it is out of scope, or there is no list
	Gone        Outcome = "gone"         // it doesn't exist
	Failed      Outcome = "failed"       // its policy is what it was, unless the error is one of time or transport
	WouldUpdate Outcome = "would-update" // in mode observe: its policy would have been written or deleted
)

// Outcomes returns all of them.
func Outcomes() []Outcome {
	return []Outcome{Updated, Unchanged, Deleted, Skipped, Gone, Failed, WouldUpdate}
}

// Result is what became of one repository, and why.
type Result struct {
	Repository  string
	Outcome     Outcome
	ListVersion string    // the versions of the lists that it follows
	ListChanged time.Time // when the newest of them was written; zero if that can't be said
	Added       []string  // Sids of the managed statements that were added, or would be
	Removed     []string  // Sids of the managed statements that were removed, or would be
	Before      string    // the policy that was changed, or would be
	After       string    // what it was changed to, or would be
	Reason      string    // why it was skipped, is gone, or grants by condition
	Err         error     // why it failed
	Retry       bool      // trying again could help
	Stack       string    // the stack trace, if it failed by a panic

	wrote bool // its policy was written, or may have been
	left  bool // there was no time for it
}

// became is for what was done, or observed to be to do.
func (r Result) became(existing string, change policy.Change, observe bool) Result {
	if !change.Changed {
		r.Outcome = Unchanged
		return r
	}
	r.Added, r.Removed, r.Before, r.After = change.Added, change.Removed, existing, change.Document
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

// stored is for what was written, or couldn't be.
func (r Result) stored(existing string, change policy.Change, err error) Result {
	if err != nil {
		return r.failed(err)
	}
	return r.became(existing, change, false)
}

func (r Result) skipped(reason string) Result {
	r.Outcome, r.Reason = Skipped, reason
	return r
}

// failed is for what AWS answered: it may answer differently next time.
func (r Result) failed(err error) Result {
	if errors.Is(err, registry.ErrNotFound) {
		r.Outcome, r.Reason = Gone, "the repository does not exist: nothing to do"
		return r
	}
	r.Outcome, r.Err, r.Retry = Failed, err, true
	return r
}

// refused is for what only another list, or another policy of the repository, can mend.
func (r Result) refused(err error) Result {
	r.Outcome, r.Err = Failed, err
	return r
}
