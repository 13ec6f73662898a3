package docs_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

// TestCost checks that the bill has as many metrics used by alarms as the template.
func TestCost(t *testing.T) {
	translated, err := localaws.Translate(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Resources map[string]struct {
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
}
