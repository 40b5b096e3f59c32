package guard

import "time"

// Snapshot is the state of a guard at one moment. All of it was true together, and may
// have changed by the time it is read.
//
// The three counters only grow. Admitted + Shed + Cancelled is the number of calls
// made, less the calls that wait and the calls refused with a [*CallError].
type Snapshot struct {
	Name      string // "" if the guard has none
	Capacity  int
	SoftLimit int // 0 if the guard has none
	Depth     int // units in use, and units on their way to a waiter
	Waiting   int // calls in the queue

	Admitted  uint64 // permits given
	Shed      uint64 // calls turned away, for any [Reason]
	Cancelled uint64 // calls that left, or whose context ended, before they got a permit

	// Held is how long permits are held: a moving mean over the last calls. It is 0
	// unless the guard is [Adaptive] or looks at [Deadlines].
	Held time.Duration
}

// Snapshot returns the state of the guard. It holds the guard's lock for up to a
// microsecond and allocates nothing.
func (g *Guard) Snapshot() Snapshot {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.queue.exits.all()
	if !g.closed { // for a moment, to see all cells at once
		g.close()
		defer g.open()
	}
	return Snapshot{
		Name:      g.name,
		Capacity:  g.capacity(),
		SoftLimit: g.soft.at,
		Depth:     g.depth(),
		Waiting:   g.queue.len,
		Admitted:  g.admitted + g.given() - g.counted + g.queue.exits.admitted,
		Shed:      g.shed,
		Cancelled: g.cancelled,
		Held:      g.holds.mean,
	}
}

// Available returns how many units are left. It is 0 while a guard that was made
// smaller still holds more than its capacity.
func (s Snapshot) Available() int { return max(s.Capacity-s.Depth, 0) }

// Full reports whether no unit is left.
func (s Snapshot) Full() bool { return s.Depth >= s.Capacity }

// Empty reports whether no unit is in use.
func (s Snapshot) Empty() bool { return s.Depth == 0 }

// Utilization returns the part of the capacity that is in use, from 0 (empty) to 1
// (full). It is above 1 while a guard that was made smaller holds more than its
// capacity. Without a capacity, as in the zero Snapshot, it is 1.
func (s Snapshot) Utilization() float64 {
	if s.Capacity == 0 {
		return 1
	}
	return float64(s.Depth) / float64(s.Capacity)
}

// Headroom returns the part of the capacity that is left, 1 - Utilization.
func (s Snapshot) Headroom() float64 { return 1 - s.Utilization() }

// SoftRatio returns the depth divided by the soft limit: at 1 and above, the limit is
// reached. Without a soft limit it is 0.
func (s Snapshot) SoftRatio() float64 {
	if s.SoftLimit == 0 {
		return 0
	}
	return float64(s.Depth) / float64(s.SoftLimit)
}
