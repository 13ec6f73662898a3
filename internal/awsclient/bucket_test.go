package awsclient_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	"golang.org/x/time/rate"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
)

const (
	latency = 20 * time.Millisecond
	workers = 16 // of each client, as in internal/reconcile

	// A run: the clients make calls, are interrupted, and go on. What happens within the warm-up, which is after the
	// first call and after the end of an interruption, isn't compared with what the bucket allows.
	warmUp = 10 * time.Second
	before = 15 * time.Second
	after  = 15 * time.Second
)

// interruption is what happens in the middle of a run.
type interruption struct {
	name   string
	lasts  time.Duration
	outage bool // AWS throttles every call; otherwise, the process makes none
}

var interruptions = []interruption{
	{name: "none"},
	{"outage of 2 s", 2 * time.Second, true},
	{"outage of 10 min", 10 * time.Minute, true},
	{"freeze of 10 min", 10 * time.Minute, false},
}

// TestBucket has clients make as many calls as they can against a token bucket. The attributes that it sets are what
// make bench prints.
func TestBucket(t *testing.T) {
	for _, bucket := range []struct{ perSecond, burst int }{{20, 20}, {20, 2}, {480, 480}, {480, 60}} {
		for _, clients := range []int{1, 2} {
			for _, i := range interruptions {
				name := fmt.Sprintf("%d per second/burst %d/%d clients/%s", bucket.perSecond, bucket.burst, clients, i.name)
				t.Run(name, func(t *testing.T) {
					t.Attr("bucket", fmt.Sprintf("%d/s, burst %d", bucket.perSecond, bucket.burst))
					t.Attr("clients", fmt.Sprint(clients))
					t.Attr("interruption", i.name)
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						testBucket(t, rate.NewLimiter(rate.Limit(bucket.perSecond), bucket.burst), clients, i)
					})
				})
			}
		}
	}
}

func testBucket(t *testing.T, bucket *rate.Limiter, clients int, i interruption) {
	end := before + i.lasts
	r := newRun(bucket, clients, end+after)
	r.interruption = i
	exhausted := r.call(t.Context())

	used := min(r.used(warmUp, before), r.used(end+warmUp, end+after))
	wasted := r.count(warmUp, before).plus(r.count(end, end+after)).wasted()
	back := r.back(end)
	t.Attr("used", fmt.Sprintf("%.1f%%", 100*used))
	t.Attr("wasted", fmt.Sprintf("%.1f%%", 100*wasted))
	t.Attr("back", fmt.Sprintf("%.0f s", back.Seconds()))

	if used < 0.9 {
		t.Errorf("%.1f%% of what the bucket allows was used, want at least 90%%", 100*used)
	}
	if wasted >= 0.05 {
		t.Errorf("%.1f%% of the calls were throttled, want less than 5%%", 100*wasted)
	}
	if back > warmUp {
		t.Errorf("back at 90%% after %s, want at most %s", back, warmUp)
	}
	// The attempts of a call last for two seconds, but not for ten minutes.
	if giveUp := i.outage && i.lasts > time.Minute; giveUp != (exhausted > 0) {
		t.Errorf("%d calls used up their attempts in an interruption of %s", exhausted, i.lasts)
	}
}

// TestFirstMinute has two clients, as two instances of a function, find their shares of a bucket. Here, the first calls
// count too.
func TestFirstMinute(t *testing.T) {
	for _, bucket := range []struct{ perSecond, burst int }{{20, 20}, {20, 2}, {480, 480}} {
		t.Run(fmt.Sprintf("%d per second/burst %d", bucket.perSecond, bucket.burst), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRun(rate.NewLimiter(rate.Limit(bucket.perSecond), bucket.burst), 2, time.Minute)
				r.call(t.Context())
				if used := r.used(0, time.Minute); used < 0.9 {
					t.Errorf("%.1f%% of what the bucket allows was used, want at least 90%%", 100*used)
				}
				if wasted := r.count(0, time.Minute).wasted(); wasted >= 0.05 {
					t.Errorf("%.1f%% of the calls were throttled, want less than 5%%", 100*wasted)
				}
				all := r.count(30*time.Second, time.Minute).passed
				for client := range r.seconds {
					if n := r.countOf(client, 30*time.Second, time.Minute).passed; n < all/10 {
						t.Errorf("client %d got %d of %d calls through, want at least a tenth", client, n, all)
					}
				}
			})
		})
	}
}

// run is a run against a token bucket.
type run struct {
	bucket       *rate.Limiter
	start        time.Time
	lasts        time.Duration
	interruption interruption

	mu      sync.Mutex
	seconds [][]second // of each client
}

func newRun(bucket *rate.Limiter, clients int, lasts time.Duration) *run {
	r := &run{bucket: bucket, start: time.Now(), lasts: lasts}
	for range clients {
		r.seconds = append(r.seconds, make([]second, lasts/time.Second))
	}
	return r
}

// second is what happened to the calls of a second.
type second struct{ passed, throttled int }

func (s second) plus(t second) second { return second{s.passed + t.passed, s.throttled + t.throttled} }

func (s second) wasted() float64 { return float64(s.throttled) / float64(s.passed+s.throttled) }

// call has the workers of every client make calls until the run ends. It returns how many calls used up their attempts.
func (r *run) call(ctx context.Context) (exhausted int64) {
	ctx, cancel := context.WithTimeout(ctx, r.lasts)
	defer cancel()
	var group sync.WaitGroup
	var n atomic.Int64
	for client := range r.seconds {
		attempts := retry.NewAttemptMiddleware(awsclient.NewRetryer(), func(request any) any { return request })
		aws := func(context.Context, middleware.FinalizeInput) (out middleware.FinalizeOutput, _ middleware.Metadata, err error) {
			return out, middleware.Metadata{}, r.answer(client)
		}
		for range workers {
			group.Go(func() {
				for ctx.Err() == nil {
					if since := time.Since(r.start); r.isInterrupted(since) && !r.interruption.outage {
						time.Sleep(before + r.interruption.lasts - since)
					}
					_, _, err := attempts.HandleFinalize(ctx, middleware.FinalizeInput{}, middleware.FinalizeHandlerFunc(aws))
					if _, ok := errors.AsType[*retry.MaxAttemptsError](err); ok {
						n.Add(1)
					}
				}
			})
		}
	}
	group.Wait()
	return n.Load()
}

// answer is how AWS responds to a call.
func (r *run) answer(client int) error {
	since := time.Since(r.start)
	passes := r.bucket.Allow() && !(r.isInterrupted(since) && r.interruption.outage)
	r.record(client, since, passes)
	time.Sleep(latency)
	if !passes {
		return &smithy.GenericAPIError{Code: "ThrottlingException"}
	}
	return nil
}

func (r *run) record(client int, since time.Duration, passes bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case since >= r.lasts:
	case passes:
		r.seconds[client][since/time.Second].passed++
	default:
		r.seconds[client][since/time.Second].throttled++
	}
}

func (r *run) isInterrupted(since time.Duration) bool {
	return since >= before && since < before+r.interruption.lasts
}

// count adds up what happened from one time to another.
func (r *run) count(from, to time.Duration) (sum second) {
	for client := range r.seconds {
		sum = sum.plus(r.countOf(client, from, to))
	}
	return sum
}

func (r *run) countOf(client int, from, to time.Duration) (sum second) {
	for _, s := range r.seconds[client][from/time.Second : to/time.Second] {
		sum = sum.plus(s)
	}
	return sum
}

// used returns which part of the bucket's rate was used.
func (r *run) used(from, to time.Duration) float64 {
	return float64(r.count(from, to).passed) / (float64(r.bucket.Limit()) * (to - from).Seconds())
}

// back returns how long it takes from the end of the interruption until 90% of the rate is used for a second.
func (r *run) back(end time.Duration) time.Duration {
	for d := time.Duration(0); d < after; d += time.Second {
		if r.used(end+d, end+d+time.Second) >= 0.9 {
			return d
		}
	}
	return after
}
