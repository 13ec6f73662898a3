package reconcile

import (
	"errors"
	"time"

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
	Failed      Outcome = "failed"       // its policy is what it was
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
	Added       []string  // Sids of our statements that came, or would come
	Removed     []string  // Sids of our statements that went, or would go
	Rejected    []string  // ARNs in the lists that ECR rejects, because they don't exist: the policy is without them
	Reason      string    // why it was skipped, or is gone
	Err         error     // why it failed
	Retry       bool      // trying again could help

	wrote bool // its policy was written, or may have been
	left  bool // there was no time for it
}

// became is for what was done, or observed to be to do.
func (r Result) became(change policy.Change, observe bool) Result {
	r.Added, r.Removed = change.Added, change.Removed
	switch {
	case !change.Changed:
		r.Outcome = Unchanged
	case observe:
		r.Outcome = WouldUpdate
	case change.Document == "":
		r.Outcome = Deleted
	default:
		r.Outcome = Updated
	}
	return r
}

func (r Result) skipped(reason string) Result {
	r.Outcome, r.Reason = Skipped, reason
	return r
}

// failed is for what AWS answered: it may answer differently next time.
func (r Result) failed(err error) Result {
	if errors.Is(err, ErrNoRepository) {
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
