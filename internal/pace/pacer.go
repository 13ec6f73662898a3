package pace

import (
	"context"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// Calls are counted for this long at least, and until there are enough to tell a rate.
	window = time.Second
	enough = 20

	// After that long without a call, counting begins anew: Lambda may have frozen the process.
	idle = 5 * time.Second

	// By what part of it the rate grows after a window without throttling, after the second in a row by twice as much, and so
	// on: others may have used what AWS allows until now.
	growth = 0.02

	// The most that the rate falls by: few calls get through while many wait for their next attempt.
	fall = 0.5

	// How many seconds without calls are caught up with: between two requests the lists are read.
	pause = 0.1

	// The least rate, per second.
	least = 1
)

// pacer makes calls wait for their turns.
type pacer struct {
	limiter *rate.Limiter

	mu        sync.Mutex
	since     time.Time // the window began
	last      time.Time // a call ended
	passed    int       // calls in the window
	throttled int       // calls in the window
	quiet     int       // windows in a row without a throttled call
}

func newPacer() *pacer { return &pacer{limiter: rate.NewLimiter(rate.Inf, 1)} }

func (p *pacer) wait(ctx context.Context) error {
	turn := p.limiter.Reserve()
	timer := time.NewTimer(turn.Delay())
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		turn.Cancel()
		return context.Cause(ctx)
	}
}

// ended counts an attempt. The last one of a window sets the rate.
func (p *pacer) ended(throttled bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Sub(p.last) > idle {
		p.begin(now)
	}
	p.last = now
	if throttled {
		p.throttled++
	} else {
		p.passed++
	}
	if elapsed := now.Sub(p.since); elapsed >= window && p.passed+p.throttled >= enough {
		p.adjust(elapsed)
		p.begin(now)
	}
}

func (p *pacer) begin(now time.Time) { p.since, p.passed, p.throttled = now, 0, 0 }

func (p *pacer) adjust(elapsed time.Duration) {
	limit := p.limiter.Limit()
	passed := rate.Limit(float64(p.passed) / elapsed.Seconds())
	made := rate.Limit(float64(p.passed+p.throttled) / elapsed.Seconds())
	if made < min(limit, rate.Limit(enough/window.Seconds()))/2 {
		return // no call waited for its turn: what passed is what was asked for, not what AWS allows
	}
	if p.quiet++; p.throttled > 0 {
		p.quiet = 0
	}
	switch {
	case p.quiet > 0:
		limit = min(limit+limit*growth*rate.Limit(p.quiet), rate.Inf) // which is a number
	case limit == rate.Inf:
		limit = passed
	default:
		limit = max(passed, limit*fall)
	}
	limit = max(limit, least)
	p.limiter.SetLimit(limit)
	p.limiter.SetBurst(int(max(1, min(limit*pause, math.MaxInt32))))
}
