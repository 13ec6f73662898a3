package docs_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

// The bill has as many alarms as the template.
func TestCost(t *testing.T) {
	translated, err := localaws.Translate(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Resources map[string]struct{ Type string }
	}
	if err := json.Unmarshal(translated, &template); err != nil {
		t.Fatal(err)
	}
	alarms := 0
	for _, resource := range template.Resources {
		if resource.Type == "AWS::CloudWatch::Alarm" {
			alarms++
		}
	}
	bill := readPage(t, filepath.Join(root, "docs", "cost.md")).rows(t, "a month")
	if !slices.ContainsFunc(bill, func(row []string) bool { return row[0] == "CloudWatch: alarms" && row[1] == fmt.Sprint(alarms) }) {
		t.Errorf("the template has %d alarms, the bill another number; test/bench/cost counts them too", alarms)
	}
}
