package stubaws

import (
	"context"

	smithytime "github.com/aws/smithy-go/time"
	"golang.org/x/time/rate"
)

// Limit is the limit of a token bucket, which AWS uses to throttle calls. It allows PerSecond calls a second on
// average, and bursts of up to Burst calls.
//
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html
type Limit struct {
	PerSecond float64
	Burst     int
}

// isThrottled takes a token for a call from the bucket of the operation. It reports whether the bucket was empty.
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

// wait waits for the response time of a call.
func (a *AWS) wait(ctx context.Context) error {
	if a.Latency == 0 {
		return nil
	}
	return smithytime.SleepWithContext(ctx, a.Latency)
}
