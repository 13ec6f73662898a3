package docs_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

// TestCost checks that the bill has as many metrics used by alarms as the template, and that a registry with 1,000
// repositories costs at most 3 dollars a month without the dashboard, which is off by default.
func TestCost(t *testing.T) {
	translated, err := localaws.Translate(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Parameters map[string]struct{ Default json.RawMessage }
		Resources  map[string]struct {
			Type       string
			Properties struct {
				Metrics []struct{ MetricStat json.RawMessage }
			}
		}
	}
	if err := json.Unmarshal(translated, &template); err != nil {
		t.Fatal(err)
	}
	metrics := 0
	for _, resource := range template.Resources {
		if resource.Type != "AWS::CloudWatch::Alarm" {
			continue
		}
		if len(resource.Properties.Metrics) == 0 {
			metrics++
		}
		for _, query := range resource.Properties.Metrics {
			if query.MetricStat != nil {
				metrics++
			}
		}
	}
	bill := readPage(t, filepath.Join(root, "docs", "cost.md")).rows(t, "per month")
	if !slices.ContainsFunc(bill, func(row []string) bool {
		return row[0] == "CloudWatch: metrics used by alarms" && row[1] == fmt.Sprint(metrics)
	}) {
		t.Errorf("the alarms in the template use %d metrics, but docs/cost.md has another number; also update alarmMetrics in bench/cost", metrics)
	}
	if got := string(template.Parameters["CloudWatchDashboard"].Default); got != `"off"` {
		t.Errorf("the dashboard is %s by default", got)
	}
	total := bill[len(bill)-1]
	dollars, err := strconv.ParseFloat(strings.Trim(total[4], "*"), 64)
	if total[0] != "**total**" || err != nil || dollars > 3 {
		t.Errorf("with 1,000 repositories, the bill is %q; want at most 3.00", total)
	}
}
