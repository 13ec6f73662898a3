package telemetry

import (
	"context"
	"log/slog"
	"time"
)

// Finding is what a check of the whole stack found: of all lists whether any can't be used, for example. The newest
// check decides, and CloudWatch has no statistic for the newest value of a period. So a finding has two metrics: how
// much was found, and, for the alarm, when the check was made.
//
// That second metric has the name of the first with Found at its end. Its value is the time in seconds since 1970,
// negative if nothing was found. In any period the maximum is then the time of the newest check that found something,
// and the minimum that of the newest check that didn't, negated: the alarm is on their sum. If all checks of the period
// agree, both have the same sign, and so does the sum.
type Finding struct {
	Metric string
	Count  int // 0 if nothing was found, which ends the alarm

	// CheckedAt is when the check began. A change starts a check, so that the check that began last has seen the last
	// change, whichever check ends last.
	CheckedAt time.Time
}

// foundSuffix ends the name of the metric that the alarm watches.
const foundSuffix = "Found"

// Log writes the line of the finding, with its metrics as of the time of the check.
func (f Finding) Log(ctx context.Context, log *slog.Logger, stack, message string, attributes ...slog.Attr) {
	at := float64(f.CheckedAt.UnixMilli()) / 1000
	if f.Count == 0 {
		at = -at
	}
	Metrics{f.Metric: float64(f.Count), f.Metric + foundSuffix: at}.log(ctx, log, f.CheckedAt, stack, message, attributes)
}
