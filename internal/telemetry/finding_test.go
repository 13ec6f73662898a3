package telemetry_test

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/telemetry"
)

// check is a check of all lists: when it began, and how many of them it found unusable.
type check struct {
	at       time.Duration
	unusable int
}

// The alarms on findings are on the sum of the maximum and the minimum of a period, above 0.
func TestNewestCheckDetermines(t *testing.T) {
	const second, minute = time.Second, time.Minute
	for name, c := range map[string]struct {
		checks []check // in the order in which they end
		alarm  bool
	}{
		"broken":                         {[]check{{0, 1}}, true},
		"valid":                          {[]check{{0, 0}}, false},
		"broken, then fixed":             {[]check{{0, 1}, {minute, 0}}, false},
		"fixed, then broken":             {[]check{{0, 0}, {minute, 2}}, true},
		"always broken":                  {[]check{{0, 1}, {second, 3}, {minute, 1}}, true},
		"always valid":                   {[]check{{0, 0}, {second, 0}, {minute, 0}}, false},
		"broken, fixed, broken":          {[]check{{0, 1}, {second, 0}, {minute, 1}}, true},
		"fixed, broken, fixed":           {[]check{{0, 0}, {second, 1}, {minute, 0}}, false},
		"fixed a moment later":           {[]check{{0, 1}, {time.Millisecond, 0}}, false},
		"broken a moment later":          {[]check{{0, 0}, {time.Millisecond, 1}}, true},
		"an older check ends last":       {[]check{{minute, 0}, {0, 1}}, false},
		"an older valid check ends last": {[]check{{minute, 1}, {0, 0}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			var values []float64
			for _, check := range c.checks {
				values = append(values, logged(t, check)["UnusableListsFound"])
			}
			if sum := slices.Max(values) + slices.Min(values); sum > 0 != c.alarm {
				t.Errorf("%f: the sum is %f", values, sum)
			}
		})
	}
}

// The time of a finding is when the check began, even though it is logged later.
func TestTimeOfFinding(t *testing.T) {
	line := logged(t, check{time.Minute, 3})
	if line["UnusableLists"] != 3 || line["timestamp"] != 1000*math.Abs(line["UnusableListsFound"]) {
		t.Errorf("got %v", line)
	}
}

// logged returns the metrics of a check's line, and its time stamp.
func logged(t *testing.T, c check) map[string]float64 {
	t.Helper()
	var log bytes.Buffer
	telemetry.Finding{
		Metric:    telemetry.UnusableLists,
		Count:     c.unusable,
		CheckedAt: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC).Add(c.at),
	}.Log(t.Context(), telemetry.NewLogger(&log), "stack", "account lists checked")
	var line struct {
		Stack                             string
		UnusableLists, UnusableListsFound float64
		AWS                               struct {
			Timestamp         float64
			CloudWatchMetrics []struct{ Metrics []struct{ Name, Unit string } }
		} `json:"_aws"`
	}
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, metric := range line.AWS.CloudWatchMetrics[0].Metrics {
		names = append(names, metric.Name+" "+metric.Unit)
	}
	if got := strings.Join(names, ", "); got != "UnusableListsFound Seconds" || line.Stack != "stack" {
		t.Fatalf("the metrics of %q are %s", line.Stack, got)
	}
	return map[string]float64{
		"UnusableLists":      line.UnusableLists,
		"UnusableListsFound": line.UnusableListsFound,
		"timestamp":          line.AWS.Timestamp,
	}
}
