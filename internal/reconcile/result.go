package reconcile

import "errors"

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
	ListVersion string   // the versions of the lists that it follows
	Added       []string // Sids of our statements that came, or would come
	Removed     []string // Sids of our statements that went, or would go
	Reason      string   // why it was skipped, or is gone
	Err         error    // why it failed
	Retry       bool     // trying again could help

	wrote bool // its policy was written, or may have been
}

func (r Result) skipped(reason string) Result {
	r.Outcome, r.Reason = Skipped, reason
	return r
}

// failed is for what AWS answered: it may answer differently next time.
func (r Result) failed(err error) Result {
	r.Added, r.Removed = nil, nil
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
