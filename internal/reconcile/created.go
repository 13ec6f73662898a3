package reconcile

import (
	"context"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
)

// ECR creates repositories asynchronously: for a moment after CreateRepository it may not know a repository that
// is there. Before a repository is believed to be gone it is looked at again after 0.25 s, 0.5 s, … 8 s.
const (
	createdAttempts     = 7
	createdFirstBackoff = 250 * time.Millisecond
)

// created looks at a repository that has just been created.
func (r *Reconciler) created(ctx context.Context, lists accountlist.Snapshot, repository string) Result {
	backoff := createdFirstBackoff
	for attempt := 1; ; attempt++ {
		result := r.repository(ctx, lists, repository)
		if result.Outcome != Gone || attempt == createdAttempts {
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
