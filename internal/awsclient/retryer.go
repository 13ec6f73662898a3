package awsclient

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

// Retries wait for up to 0.1 s, 0.2 s, 0.4 s, 0.8 s, and then up to a second, and after that for their turn. The last
// one starts about eight seconds after the first attempt. Where many calls wait for the end of an outage, it starts
// minutes later, so that the deadline of the context is usually earlier.
const (
	maxAttempts  = 20
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = time.Second
)

// Retryer is the SDK's standard retryer with a rate limit for each operation, so that AWS throttles few calls. Every
// client needs its own.
//
// AWS doesn't publish the rates at which policies can be read and written, so a client has to find them. The SDK's
// adaptive mode slows down by 30% for every throttled call, even if several were made at the same time, and slows down
// all operations because of one. Retryer ignores the outcome of calls that were made before it slowed down, and limits every
// operation separately.
type Retryer struct {
	*retry.Standard
	throttles retry.IsErrorThrottles

	mu         sync.Mutex
	operations map[string]*pacer
}

// NewRetryer returns a retryer with the initial rate for all operations.
func NewRetryer() aws.Retryer {
	return &Retryer{
		Standard: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.BaseDelay, o.MaxBackoff = maxAttempts, firstBackoff, maxBackoff
			o.Throttles = nil              // would back off longer
			o.RateLimiter = ratelimit.None // would give up after a hundred throttled calls
		}),
		throttles:  retry.DefaultThrottles,
		operations: map[string]*pacer{},
	}
}

// GetAttemptToken waits for the turn of an attempt. The SDK calls the returned function when the attempt has ended.
func (r *Retryer) GetAttemptToken(ctx context.Context) (func(error) error, error) {
	pacer := r.pacer(middleware.GetOperationName(ctx))
	turn, err := pacer.wait(ctx)
	if err != nil {
		return nil, fmt.Errorf("wait for the rate limiter: %w", err)
	}
	release, err := r.Standard.GetAttemptToken(ctx)
	if err != nil {
		return nil, err
	}
	return func(err error) error {
		throttled := r.throttles.IsErrorThrottle(err) == aws.TrueTernary
		if throttled || !r.IsErrorRetryable(err) { // otherwise the outcome is independent of the rate
			pacer.ended(turn, throttled)
		}
		return release(err)
	}, nil
}

// pacer returns the pacer of an operation: AWS throttles each operation separately.
func (r *Retryer) pacer(operation string) *pacer {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.operations[operation]
	if p == nil {
		p = newPacer()
		r.operations[operation] = p
	}
	return p
}
