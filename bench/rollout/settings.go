package rollout

import (
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

// The calls for each repository whose policy a rollout changes.
const (
	read  = "GetRepositoryPolicy"
	write = "SetRepositoryPolicy"
)

// Settings are the conditions of a rollout.
type Settings struct {
	Limit     stubaws.Limit // limit of reads; the limit of writes is separate and equal
	Latency   time.Duration // response time of each call
	Instances int           // concurrent instances of onrepo, as the stack's parameter MaximumConcurrency
}

// bound returns the minimum duration of a rollout that reads and writes n policies. Reads and writes have separate
// limits, so they take no longer together than n reads.
func (s Settings) bound(n int) time.Duration {
	return time.Duration(max(0, float64(n-s.Limit.Burst)) / s.Limit.PerSecond * float64(time.Second))
}
