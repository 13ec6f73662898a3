package stubaws

import (
	"context"

	smithytime "github.com/aws/smithy-go/time"
	"golang.org/x/time/rate"
)

// Limit is a rate of calls. AWS lets a burst of calls through and then as many as come up to the rate: a token bucket.
//
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html
type Limit struct {
	PerSecond float64
	Burst     int
}

// isThrottled takes a token for a call, and reports whether there was none.
func (a *AWS) isThrottled(operation string) bool {
	limit, ok := a.Limits[operation]
	if !ok {
		return false
	}
	bucket := a.buckets[operation]
	if bucket == nil {
		bucket = rate.NewLimiter(rate.Limit(limit.PerSecond), limit.Burst)
		a.buckets[operation] = bucket
	}
	return !bucket.Allow()
}

// takeTime lets the time pass that AWS takes to answer.
func (a *AWS) takeTime(ctx context.Context) error {
	if a.Latency == 0 {
		return nil
	}
	return smithytime.SleepWithContext(ctx, a.Latency)
}
