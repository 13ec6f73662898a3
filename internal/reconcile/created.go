package reconcile

import (
	"context"
	"errors"
	"time"
)

// ECR creates repositories asynchronously: for a moment after CreateRepository it may not know a repository that
// is there. Before a repository is believed to be gone it is asked for again after 0.25 s, 0.5 s, … 8 s.
const (
	createdAttempts     = 7
	createdFirstBackoff = 250 * time.Millisecond
)

// existing returns the policy of a repository as it is.
func (r *Reconciler) existing(ctx context.Context, repository string, created bool) (string, error) {
	backoff := createdFirstBackoff
	for attempt := 1; ; attempt++ {
		document, err := r.Policies.Policy(ctx, repository)
		if !created || attempt == createdAttempts || !errors.Is(err, ErrNoRepository) {
			return document, err
		}
		select {
		case <-time.After(backoff):
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
		backoff *= 2
	}
}
