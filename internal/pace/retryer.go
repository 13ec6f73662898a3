// Package pace retries calls to AWS, and paces them by what AWS lets through.
//
// AWS doesn't publish how often a policy may be read or written, so it has to be found out. The SDK's adaptive mode takes
// every throttled call for a reason to slow down by 30 %, also those that were side by side, slows down all operations
// for one of them, and needs seconds to come back. Here the calls of a second are one finding: as many as were not
// throttled are what AWS allows.
package pace

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

// A retry comes after up to 0.1 s, 0.2 s, 0.4 s, 0.8 s, and then up to a second: the last of them some eight seconds after
// the first attempt. The pace is what keeps calls from being throttled, and one that waits longer keeps a request from its end.
const (
	maxAttempts  = 20
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = time.Second
)

// Retryer is the SDK's standard retryer with a pace. A client needs one of its own.
type Retryer struct {
	*retry.Standard
	throttles retry.IsErrorThrottles

	mu         sync.Mutex
	operations map[string]*pacer
}

// NewRetryer returns a retryer that makes calls as fast as they come until AWS throttles one.
func NewRetryer() aws.Retryer {
	return &Retryer{
		Standard: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.BaseDelay, o.MaxBackoff = maxAttempts, firstBackoff, maxBackoff
			o.Throttles = nil              // have a longer backoff
			o.RateLimiter = ratelimit.None // gives up after a hundred throttled calls
		}),
		throttles:  retry.DefaultThrottles,
		operations: map[string]*pacer{},
	}
}

// GetAttemptToken waits for the turn of an attempt. The function that it returns is called when the attempt has ended.
func (r *Retryer) GetAttemptToken(ctx context.Context) (func(error) error, error) {
	pacer := r.pacer(middleware.GetOperationName(ctx))
	if err := pacer.wait(ctx); err != nil {
		return nil, fmt.Errorf("wait for a turn: %w", err)
	}
	release, err := r.Standard.GetAttemptToken(ctx)
	if err != nil {
		return nil, err
	}
	return func(err error) error {
		pacer.ended(r.throttles.IsErrorThrottle(err) == aws.TrueTernary)
		return release(err)
	}, nil
}

// pacer returns that of an operation: AWS throttles each by itself.
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
