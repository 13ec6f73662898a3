package telemetry

import (
	"context"
	"log/slog"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
)

// LogResult writes a line with the result for a policy. changedBy is the principal whose change was the trigger, or "".
func LogResult(ctx context.Context, log *slog.Logger, message string, result reconcile.Result, trigger, changedBy string) {
	level := slog.LevelInfo
	var attributes []slog.Attr
	if result.Repository != "" {
		attributes = append(attributes, slog.String("repository", result.Repository))
	}
	attributes = append(attributes,
		slog.String("outcome", string(result.Outcome)),
		slog.String("trigger", trigger),
		slog.String("listVersion", result.ListVersion),
		slog.Any("added", nonNil(result.Added)),
		slog.Any("removed", nonNil(result.Removed)),
	)
	if changedBy != "" {
		attributes = append(attributes, slog.String("changedBy", changedBy))
	}
	if result.Reason != "" {
		attributes = append(attributes, slog.String("reason", result.Reason))
	}
	if result.Err != nil {
		level = slog.LevelError
		attributes = append(attributes, slog.String("error", result.Err.Error()), slog.Bool("retry", result.Retry))
	}
	if result.Stack != "" {
		attributes = append(attributes, slog.String("stack", result.Stack))
	}
	log.LogAttrs(ctx, level, message, attributes...)
}

func nonNil(sids []string) []string {
	if sids == nil {
		return []string{}
	}
	return sids
}

// CountResult adds the metrics of a result. changed is whether another principal's change to the policy was the trigger,
// and listChanged whether a change to a list was.
func (m Metrics) CountResult(result reconcile.Result, changed, listChanged bool) {
	wrote := result.Outcome == reconcile.Updated || result.Outcome == reconcile.Deleted
	if wrote && changed {
		m[RestoredPolicies]++
	}
	if wrote && listChanged && !result.ListChanged.IsZero() {
		m[PropagationSeconds] = max(m[PropagationSeconds], time.Since(result.ListChanged).Seconds())
	}
	if result.Err != nil && !result.Retry {
		m[FailedPermanently]++
	}
}
