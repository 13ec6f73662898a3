package simulate

import "time"

// timer is a function that is due at a time. The scheduler can call it at that time or later.
type timer struct {
	at time.Time
	do func()
}

// later adds a timer that is due after a duration.
func (w *world) later(d time.Duration, do func()) {
	w.timers = append(w.timers, timer{time.Now().Add(d), do})
}

// due returns the indices of the timers that are due.
func (w *world) due() (indices []int) {
	now := time.Now()
	for i, a := range w.timers {
		if !a.at.After(now) {
			indices = append(indices, i)
		}
	}
	return indices
}

// untilNext returns the time until the next timer is due. It returns false if there are no timers.
func (w *world) untilNext() (time.Duration, bool) {
	if len(w.timers) == 0 {
		return 0, false
	}
	next := w.timers[0].at
	for _, a := range w.timers {
		if a.at.Before(next) {
			next = a.at
		}
	}
	return max(0, time.Until(next)), true
}

// fire removes a timer and calls its function.
func (w *world) fire(i int) {
	a := w.timers[i]
	w.timers = append(w.timers[:i], w.timers[i+1:]...)
	a.do()
}
