package limiter

import "time"

// Snapshot is the state of a limiter at one moment: all of it was true together,
// and may be out of date by the time it is read. The counters only grow. Every call
// that has ended is in one of them: Admitted + Refused + Cancelled is the number of
// calls that have been made, less those that wait and those that were refused with
// a [*CostError].
type Snapshot struct {
	Name  string  // "" where the limiter has none
	Rate  float64 // units per second; below that of the policy while [Adaptive] has it slowed
	Burst int

	Available int           // units that a call could take now, if nobody waits
	Waiting   int           // callers in line
	Paused    time.Duration // how long a penalty still lasts

	Admitted  uint64 // calls
	Refused   uint64 // calls that came too early for Try, or for their deadline
	Cancelled uint64 // calls whose context was over before it was their turn
	Units     uint64 // that the admitted ones took
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
