package awsclient

import (
	"context"
	"math"
	"sync"
	"time"

	smithytime "github.com/aws/smithy-go/time"
)

// Rates are in calls per second.
const (
	// The rate of the first calls. It is low enough that few of them are throttled where AWS allows little.
	initialRate = 40

	// The lowest rate. An outage is probed at it.
	minRate = 1

	// The most that a successful call adds to the rate, which thus grows by a factor of up to e^6 a second.
	step = 6

	// The part by which the rate is lowered when AWS throttles a call. It is regained and exceeded later.
	margin = 0.15

	// The number of seconds of calls until the rate at which AWS throttled is regained.
	regain = 6

	// The longest pause in the calls that is made up for. While the lists are read, no policies are.
	maxPause = 100 * time.Millisecond

	// The longest time until a waiting call uses a higher rate.
	poll = 100 * time.Millisecond
)

// pacer spaces the calls of an operation so that AWS throttles few of them.
//
// AWS throttles with a token bucket whose rate is unknown, changes, and is shared with other clients. TCP has the same
// problem with networks. The pacer uses TCP's solution for the rate of calls: slow start (RFC 5681) up to the first
// throttled call, then CUBIC (RFC 9438). When a call is throttled, the rate decreases a little. Successful calls
// increase it again: fast at first, slowly near the rate at which AWS throttled, and faster and faster beyond.
//
// If calls are throttled and none succeeds, the reason is an outage. The rate is halved, but the base, up to which it
// recovers as in a slow start, stays the same. Time without calls changes nothing, so Lambda can freeze the process.
type pacer struct {
	head chan struct{} // held by the call whose turn is next

	mu    sync.Mutex
	last  time.Time // when the last turn was due
	rate  float64
	base  float64 // the rate after the last throttled call that wasn't part of an outage
	cuts  int     // how often the rate has been lowered
	spent float64 // seconds that the successful calls since then take at their rates
}

// turn is the permission to make a call.
type turn struct {
	cuts   int
	waited bool // the pacer held the call back
}

func newPacer() *pacer {
	return &pacer{
		head: make(chan struct{}, 1),
		last: time.Now().Add(-maxPause), // the first few calls needn't wait
		rate: initialRate,
		base: math.Inf(1),
	}
}

// wait waits for the turn of a call. Calls take turns in the order in which they wait.
func (p *pacer) wait(ctx context.Context) (turn, error) {
	select {
	case p.head <- struct{}{}:
		defer func() { <-p.head }()
	case <-ctx.Done():
		return turn{}, ctx.Err()
	}
	for waited := false; ; waited = true {
		cuts, delay := p.next()
		if delay <= 0 {
			return turn{cuts, waited}, nil
		}
		if err := smithytime.SleepWithContext(ctx, min(delay, poll)); err != nil {
			return turn{}, err
		}
	}
}

// next takes the next turn if it is due, or returns how long it will be until then.
func (p *pacer) next() (cuts int, delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	due := p.last.Add(time.Duration(float64(time.Second) / p.rate))
	delay = time.Until(due)
	if delay <= 0 {
		p.last = due.Add(max(0, -delay-maxPause))
	}
	return p.cuts, delay
}

// ended adjusts the rate to the outcome of a call.
func (p *pacer) ended(t turn, throttled bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case t.cuts != p.cuts:
		// The call was made before the rate was lowered, so its outcome doesn't depend on the current rate.
	case throttled:
		if p.spent > 0 {
			p.rate = max(p.rate/(1+margin), minRate)
			p.base = p.rate
		} else {
			p.rate = max(p.rate/2, minRate)
		}
		p.cuts, p.spent = p.cuts+1, 0
	case t.waited: // otherwise fewer calls were made than the rate allows
		p.spent += 1 / p.rate
		curve := p.base * (1 + margin*(1+math.Pow(p.spent/regain-1, 3)))
		p.rate = min(p.rate+step, curve)
	}
}
