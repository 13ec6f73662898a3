package localaws

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// A schedule runs at its times, in UTC.
func TestScheduleOf(t *testing.T) {
	from := time.Date(2026, 2, 28, 22, 10, 30, 0, time.FixedZone("", 3600)) // 21:10:30 UTC
	for expression, want := range map[string]string{
		"rate(1 minute)":          "2026-02-28 21:11:30",
		"rate(6 hours)":           "2026-03-01 03:10:30",
		"rate(1 day)":             "2026-03-01 21:10:30",
		"cron(0 5 * * ? *)":       "2026-03-01 05:00:00",
		"cron(30 21 ? * * *)":     "2026-02-28 21:30:00",
		"cron(0/15 8-17 * * ? *)": "2026-03-01 08:00:00",
		"rate(0 hours)":           "",
		"rate(2 weeks)":           "",
		"cron(61 5 * * ? *)":      "",
		"at(2026-03-01T00:00:00)": "",
	} {
		got := ""
		if next, err := scheduleOf(expression); err == nil {
			got = next(from).UTC().Format(time.DateTime)
		}
		if got != want {
			t.Errorf("%s runs at %q, want %q", expression, got, want)
		}
	}
}

// What is scheduled runs again and again, and no longer once the context is done.
func TestRepeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Hour)
		defer cancel()
		next, err := scheduleOf("cron(0 5 * * ? *)")
		if err != nil {
			t.Fatal(err)
		}
		var hours []int
		repeat(ctx, next, func() { hours = append(hours, time.Now().UTC().Hour()) })
		if len(hours) != 2 || hours[0] != 5 || hours[1] != 5 {
			t.Errorf("ran at %v o'clock within 50 hours", hours)
		}
	})
}
