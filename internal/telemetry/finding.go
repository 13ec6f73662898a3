package telemetry

import (
	"context"
	"log/slog"
	"time"
)

// Finding is the result of a check of the whole stack, such as the number of account lists that can't be used. The
// newest check determines the state of the alarm, but CloudWatch has no statistic for the newest value of a period.
// Therefore, a finding has two values: the number of problems, which is only in the log, and, for the alarm, the time of
// the check.
//
// The second value is a metric that has the name of the first with the suffix Found. Its value is the time in seconds
// since 1970, negated if there were no problems. In any period, the maximum is then the time of the newest check that
// found a problem, and the minimum is the negated time of the newest check that didn't. The alarm is on their sum. If
// all checks of the period have the same result, both have the same sign, and so does the sum.
type Finding struct {
	Metric string
	Count  int // the number of problems; 0 returns the alarm to OK

	// CheckedAt is when the check began. Every change starts a check, so the check that began last includes the last
	// change, even if another check ends later.
	CheckedAt time.Time
}

// foundSuffix is the suffix of the name of the metric that the alarm watches.
const foundSuffix = "Found"

// Log writes a line with the metrics of the finding at the time of the check.
func (f Finding) Log(ctx context.Context, log *slog.Logger, stack, message string, attributes ...slog.Attr) {
	at := float64(f.CheckedAt.UnixMilli()) / 1000
	if f.Count == 0 {
		at = -at
	}
	Metrics{f.Metric: float64(f.Count), f.Metric + foundSuffix: at}.log(ctx, log, f.CheckedAt, stack, message, attributes)
}
