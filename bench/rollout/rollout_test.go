package rollout_test

import (
	"testing"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/bench/rollout"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

// Throttled from the first call on, every repository gets its policy and no message fails. How long that takes is for
// the benchmark.
func TestThrottledRolloutEnds(t *testing.T) {
	s := rollout.Settings{
		Limit:     stubaws.Limit{PerSecond: 100, Burst: 10},
		Latency:   time.Millisecond,
		Instances: 2,
	}
	r, err := s.Measure(t.Context(), 500)
	if err != nil {
		t.Fatal(err)
	}
	if r.Throttled == 0 || r.Failed > 0 {
		t.Errorf("%d calls throttled, %d messages failed, want some and none", r.Throttled, r.Failed)
	}
}
