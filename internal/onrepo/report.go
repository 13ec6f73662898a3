package onrepo

import (
	"context"
	"log/slog"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/event"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/telemetry"
)

// report collects the results of one invocation.
type report struct {
	log      *slog.Logger
	outcomes map[reconcile.Outcome]int
	metrics  telemetry.Metrics
}

func newReport(log *slog.Logger) *report {
	return &report{log: log, outcomes: map[reconcile.Outcome]int{}, metrics: telemetry.Metrics{}}
}

func (r *report) rejectedEvent() { r.metrics[telemetry.RejectedEvents]++ }

// rejectedName logs a name that isn't a valid repository name.
func (r *report) rejectedName(ctx context.Context, t event.Repositories, reason error) {
	r.metrics[telemetry.RejectedNames]++
	r.log.WarnContext(ctx, "repository name rejected", "trigger", t.Trigger, "error", reason.Error())
}

// close logs the end of the invocation with its metrics, if there are any.
func (r *report) close(ctx context.Context, stack string) {
	for outcome, count := range r.outcomes {
		r.metrics[MetricName(outcome)] = float64(count)
	}
	if len(r.metrics) == 0 {
		return
	}
	r.metrics.Log(ctx, r.log, stack, "invocation ended")
}

// MetricName returns the name of the metric that counts an outcome, such as WouldUpdate.
func MetricName(outcome reconcile.Outcome) string {
	var name strings.Builder
	for word := range strings.SplitSeq(string(outcome), "-") {
		name.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return name.String()
}

// of returns a reporter for the run of one trigger.
func (r *report) of(t event.Repositories) reconcile.Reporter {
	return &triggerReport{report: r, trigger: t}
}

type triggerReport struct {
	*report
	trigger event.Repositories
}

// Repository logs the result for one repository.
func (r *triggerReport) Repository(ctx context.Context, result reconcile.Result) {
	r.outcomes[result.Outcome]++
	r.metrics.CountResult(result, r.trigger.ChangedPolicy(), r.trigger.Trigger == event.TriggerListChanged)
	telemetry.LogResult(ctx, r.log, "repository processed", result, r.trigger.Trigger, r.trigger.ChangedBy)
}

// Unusable logs a list that can't be used. Only onaccount writes the metric, because it always reads all lists and can
// report that none is unusable.
func (r *triggerReport) Unusable(ctx context.Context, list accountlist.List) {
	telemetry.LogList(ctx, r.log, list)
}
