package calls_test

import (
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/bench/calls"
)

// An unchanged repository takes one call to ECR, a changed one two. The lists are read with at most two calls: before,
// and after a write once more. A list that is invalid takes one more, for its history. A rollout lists and publishes
// 1,000 repositories with a call, and checks the principals with one more.
func TestCalls(t *testing.T) {
	want := map[string]calls.Count{
		"repository created":                   {Reads: 1, Writes: 1, Parameters: 2, LogLines: 2},
		"the same event again":                 {Reads: 1, Parameters: 1, LogLines: 2},
		"image pushed, policy as it should be": {Reads: 1, Parameters: 1, LogLines: 2},
		"policy changed by hand":               {Reads: 1, Writes: 1, Parameters: 2, LogLines: 2},
		"repository out of scope":              {LogLines: 2},
		"event of another registry":            {LogLines: 1},
		"request of 100, all to be changed":    {Reads: 100, Writes: 100, Parameters: 4, LogLines: 101},
		"request of 100, none to be changed":   {Reads: 100, Parameters: 2, LogLines: 101},
		"list invalid: repository created":     {Reads: 1, Writes: 1, Parameters: 3, LogLines: 3},
		"list changed":                         {Lists: 10, Writes: 1, Parameters: 2, Publishes: 10, Requests: 100, LogLines: 3},
		"schedule":                             {Lists: 10, Writes: 1, Parameters: 2, Publishes: 10, Requests: 100, LogLines: 3},
	}
	rows, err := calls.Measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if row.LogBytes == 0 {
			t.Errorf("%s: no log", row.Trigger)
		}
		row.LogBytes = 0
		if row.Count != want[row.Trigger] {
			t.Errorf("%s: %+v, want %+v", row.Trigger, row.Count, want[row.Trigger])
		}
		delete(want, row.Trigger)
	}
	for missing := range want {
		t.Errorf("%s was not measured", missing)
	}
}
