package rollout_test

import (
	"testing"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/bench/rollout"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

// TestThrottledRolloutSucceeds checks that a rollout updates all repositories without a failed message, although AWS
// throttles calls from the start.
func TestThrottledRolloutSucceeds(t *testing.T) {
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
		t.Errorf("%d calls throttled, want at least 1; %d messages failed, want 0", r.Throttled, r.Failed)
	}
}

// TestListChange checks that a list change makes no call for a repository at the policy level registry.
func TestListChange(t *testing.T) {
	s := rollout.Settings{Limit: stubaws.Limit{PerSecond: 500, Burst: 100}, Latency: time.Millisecond, Instances: 2}
	for level, want := range map[policy.Level]int{policy.LevelRepository: 150, policy.LevelRegistry: 0} {
		change, err := s.ListChange(t.Context(), level, 150)
		if err != nil {
			t.Fatal(err)
		}
		if got := change.Calls["GetRepositoryPolicy"]; got < want || want == 0 && got > 0 {
			t.Errorf("level %s: %d reads of repository policies, want %d", level, got, want)
		}
	}
}
