package stubaws

import (
	"context"
	"time"
)

// Limit is a rate of calls. AWS lets a burst of calls through and then as many as come up to the rate: a token bucket.
//
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html
type Limit struct {
	PerSecond float64
	Burst     int
}

type bucket struct {
	tokens float64
	filled time.Time
}

// isThrottled takes a token for a call, and tells whether there was none.
func (a *AWS) isThrottled(operation string) bool {
	limit, ok := a.Limits[operation]
	if !ok {
		return false
	}
	now := time.Now()
	b := a.buckets[operation]
	if b == nil {
		b = &bucket{tokens: float64(limit.Burst), filled: now}
		a.buckets[operation] = b
	}
	b.tokens = min(float64(limit.Burst), b.tokens+limit.PerSecond*now.Sub(b.filled).Seconds())
	b.filled = now
	if b.tokens < 1 {
		return true
	}
	b.tokens--
	return false
}

// takeTime lets the time pass that AWS takes to answer.
func (a *AWS) takeTime(ctx context.Context) error {
	if a.Latency == 0 {
		return nil
	}
	timer := time.NewTimer(a.Latency)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
