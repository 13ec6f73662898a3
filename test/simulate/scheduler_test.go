package simulate

import (
	"slices"
	"time"
)

// step chooses the next step and performs it. It returns false if nothing is left to do or a rule is broken.
func (w *world) step() bool {
	w.settle()
	if w.broken != "" {
		return false
	}
	if w.remaining--; w.remaining == 0 {
		w.breaks(8, "the functions are still running after %d steps", maxSteps)
		return false
	}
	due, messages := w.due(), w.queue.receivable()
	var choices []func()
	offer := func(weight int, do func()) { choices = append(choices, slices.Repeat([]func(){do}, weight)...) }
	if len(w.parked) > 0 {
		d, ok := w.untilNext()
		if w.onlyStalled() && ok && 0 < d && d <= time.Minute { // let the next timer overtake the stalled invocations
			offer(6, func() { w.sleep(d) })
			offer(2, func() { w.release(w.nextCall()) })
		} else {
			offer(30, func() { w.release(w.nextCall()) })
		}
	}
	if len(due) > 0 {
		offer(12, func() { w.fire(pick(w, due...)) })
	}
	if len(messages) > 0 {
		offer(12, func() { w.receive(pick(w, messages...)) })
	}
	if w.turmoil {
		if w.actions > 0 {
			offer(4, w.act)
		}
		if len(w.running) > 0 && w.percent(w.rates.crashes) {
			offer(1, func() { w.crash(pick(w, w.running...)) })
		}
		offer(2, func() {
			w.sleep(pick(w, 50*time.Millisecond, 50*time.Millisecond, time.Second, time.Second, 10*time.Second, 2*time.Minute))
		})
	}
	if len(choices) == 0 {
		return w.waitForSomething()
	}
	pick(w, choices...)()
	return true
}

// onlyStalled reports whether all parked calls are those of stalled invocations.
func (w *world) onlyStalled() bool {
	return !slices.ContainsFunc(w.parked, func(c *call) bool { return !c.run.stalled() })
}

// nextCall chooses a parked call. Calls of stalled invocations are chosen rarely if there are others, so that other
// invocations overtake them.
func (w *world) nextCall() *call {
	slices.SortFunc(w.parked, (*call).compare) // calls park in any order
	fast := slices.DeleteFunc(slices.Clone(w.parked), func(c *call) bool { return c.run.stalled() })
	if len(fast) == 0 || w.percent(2) {
		return pick(w, w.parked...)
	}
	return pick(w, fast...)
}

// waitForSomething advances the time to the next timer, or for a short time if invocations wait between retries. It
// returns false if nothing is left to do.
func (w *world) waitForSomething() bool {
	d, ok := w.untilNext()
	switch {
	case len(w.running) > 0: // invocations wait between retries
		w.sleep(250 * time.Millisecond)
	case ok:
		w.sleep(d)
	default:
		return false
	}
	return true
}
