package simulate

import (
	"slices"
	"time"
)

// step chooses what happens next, and lets it happen. It is false at the end: at rest, or after a rule was broken.
func (w *world) step() bool {
	w.settle()
	if w.broken != "" {
		return false
	}
	if w.remaining--; w.remaining == 0 {
		w.breaks(8, "no rest after %d steps", maxSteps)
		return false
	}
	due, messages := w.due(), w.queue.receivable()
	var choices []func()
	offer := func(weight int, do func()) { choices = append(choices, slices.Repeat([]func(){do}, weight)...) }
	if len(w.parked) > 0 {
		d, ok := w.untilNext()
		if w.onlyStalled() && ok && 0 < d && d <= time.Minute { // let what is to come overtake them
			offer(6, func() { w.sleep(d) })
			offer(2, func() { w.release(w.nextCall()) })
		} else {
			offer(30, func() { w.release(w.nextCall()) })
		}
	}
	if len(due) > 0 {
		offer(12, func() { w.keep(pick(w, due...)) })
	}
	if len(messages) > 0 {
		offer(12, func() { w.receive(pick(w, messages...)) })
	}
	if w.turmoil {
		if w.actions > 0 {
			offer(4, w.somebodyActs)
		}
		if len(w.running) > 0 && w.percent(w.weather.crashes) {
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

// onlyStalled reports whether no call waits but those of invocations that stall.
func (w *world) onlyStalled() bool {
	return !slices.ContainsFunc(w.parked, func(c *call) bool { return !c.run.stalls() })
}

// nextCall chooses a call. Some invocations stall: the others overtake them, most of the time.
func (w *world) nextCall() *call {
	slices.SortFunc(w.parked, (*call).compare) // they parked in any order
	fast := slices.DeleteFunc(slices.Clone(w.parked), func(c *call) bool { return c.run.stalls() })
	if len(fast) == 0 || w.percent(2) {
		return pick(w, w.parked...)
	}
	return pick(w, fast...)
}

// waitForSomething lets time pass when nothing else can happen. It is false if nothing ever will.
func (w *world) waitForSomething() bool {
	d, ok := w.untilNext()
	switch {
	case len(w.running) > 0: // they back off
		w.sleep(250 * time.Millisecond)
	case ok:
		w.sleep(d)
	default:
		return false
	}
	return true
}
