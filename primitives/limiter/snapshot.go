package limiter

import "time"

// Snapshot is the state of a limiter at one moment. All of it was true together, and
// may have changed by the time it is read.
//
// The counters only grow. Admitted + Refused + Cancelled is the number of calls
// made, less the calls that wait and the calls refused with a [*CostError].
type Snapshot struct {
	Name  string  // "" if the limiter has none
	Rate  float64 // units per second; below that of the policy while [Adaptive] lowers it
	Burst int

	Available int           // units that a call could take now, if no call waits
	Waiting   int           // calls in line
	Paused    time.Duration // how long a penalty still lasts

	Admitted  uint64 // calls
	Refused   uint64 // calls that came too early for Try, or for their deadline
	Cancelled uint64 // calls that left, or whose context ended, before their turn
	Units     uint64 // units of the admitted calls; stays at the greatest uint64
	Penalties uint64
}

// Snapshot returns the state of l. It returns at once and allocates nothing.
func (l *Limiter) Snapshot() Snapshot {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.advance()
	s := Snapshot{
		Name: l.policy.name, Rate: l.pace.rate, Burst: int(l.bucket.burst),
		Waiting: l.line.len, Paused: max(l.bucket.until-l.last, 0),
		Admitted: l.admitted, Refused: l.refused, Cancelled: l.cancelled, Units: l.units, Penalties: l.penalties,
	}
	if s.Paused == 0 {
		s.Available = int(l.bucket.units())
	}
	return s
}
