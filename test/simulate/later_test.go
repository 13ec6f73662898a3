package simulate

import "time"

// appointment is what happens at a time, or later: the scheduler chooses among those that are due.
type appointment struct {
	at time.Time
	do func()
}

func (w *world) later(d time.Duration, do func()) {
	w.appointments = append(w.appointments, appointment{time.Now().Add(d), do})
}

// due returns the indices of the appointments whose time has come.
func (w *world) due() (indices []int) {
	now := time.Now()
	for i, a := range w.appointments {
		if !a.at.After(now) {
			indices = append(indices, i)
		}
	}
	return indices
}

// untilNext returns how long it is until the next appointment.
func (w *world) untilNext() (time.Duration, bool) {
	if len(w.appointments) == 0 {
		return 0, false
	}
	next := w.appointments[0].at
	for _, a := range w.appointments {
		if a.at.Before(next) {
			next = a.at
		}
	}
	return max(0, time.Until(next)), true
}

func (w *world) keep(i int) {
	a := w.appointments[i]
	w.appointments = append(w.appointments[:i], w.appointments[i+1:]...)
	a.do()
}
