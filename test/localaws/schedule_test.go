package localaws

import (
	"testing"
	"time"
)

func TestIntervalOf(t *testing.T) {
	for schedule, want := range map[string]time.Duration{
		"rate(1 minute)": time.Minute, "rate(6 hours)": 6 * time.Hour, "rate(1 day)": 24 * time.Hour,
		"cron(0 5 * * ? *)": 0, "rate(0 hours)": 0, "rate(2 weeks)": 0, "": 0,
	} {
		if got, ok := intervalOf(schedule); got != want || ok != (want > 0) {
			t.Errorf("%s: %v, %t", schedule, got, ok)
		}
	}
}
