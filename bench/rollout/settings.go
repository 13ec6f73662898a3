package rollout

import (
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

// The calls that a repository takes in a rollout that changes it.
const (
	read  = "GetRepositoryPolicy"
	write = "SetRepositoryPolicy"
)

// Settings are the conditions of a rollout.
type Settings struct {
	Limit     stubaws.Limit // of reads, and the same of writes
	Latency   time.Duration // of every call
	Instances int           // of onrepo at a time: the stack's parameter MaximumConcurrency
}

// bound returns how long n reads take at least, or n writes beside them.
func (s Settings) bound(n int) time.Duration {
	return time.Duration(max(0, float64(n-s.Limit.Burst)) / s.Limit.PerSecond * float64(time.Second))
}
