package calls_test

import (
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/bench/calls"
)

// TestCalls checks the number of calls for each trigger. An unchanged repository needs one call to ECR, and a changed
// one needs two. onrepo reads the lists with at most two calls, and reads them again after a write. An invalid list
// needs one more call, which reads its history. A rollout makes one DescribeRepositories call and one PutEvents call
// for each 1,000 repositories, one SetRepositoryPolicy call to check the principals, and one GetRegistryPolicy call. For
// the registry policy, it reads the lists again until two reads agree.
func TestCalls(t *testing.T) {
	want := map[string]calls.Count{
		"repository created":                           {Reads: 1, Writes: 1, Parameters: 2, LogLines: 2},
		"the same event again":                         {Reads: 1, Parameters: 1, LogLines: 2},
		"image pushed, policy up to date":              {Reads: 1, Parameters: 1, LogLines: 2},
		"policy changed manually":                      {Reads: 1, Writes: 1, Parameters: 2, LogLines: 2},
		"repository out of scope":                      {LogLines: 2},
		"event about another registry":                 {LogLines: 1},
		"request, all policies out of date":            {Reads: 100, Writes: 100, Parameters: 4, LogLines: 101},
		"request, all policies up to date":             {Reads: 100, Parameters: 2, LogLines: 101},
		"repository created while the list is invalid": {Reads: 1, Writes: 1, Parameters: 3, LogLines: 3},
		"list changed":                                 {Lists: 10, Reads: 1, Writes: 1, Parameters: 6, Publishes: 10, Requests: 100, LogLines: 4},
		"schedule":                                     {Lists: 10, Reads: 1, Writes: 1, Parameters: 6, Publishes: 10, Requests: 100, LogLines: 4},
	}
	rows, err := calls.Measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if row.LogBytes == 0 {
			t.Errorf("%s: the log is empty", row.Trigger)
		}
		row.LogBytes = 0
		if row.Count != want[row.Trigger] {
			t.Errorf("%s: got %+v, want %+v", row.Trigger, row.Count, want[row.Trigger])
		}
		delete(want, row.Trigger)
	}
	for missing := range want {
		t.Errorf("%s was not measured", missing)
	}
}
