package guard

import "time"

// Snapshot is the state of a guard at one moment: all of it was true together,
// and may be out of date by the time it is read.
//
// The three counters only grow. Every call that has ended is in one of them:
// Admitted + Shed + Cancelled is the number of calls that have been made, less
// those that wait and those that were refused with a [*CallError].
type Snapshot struct {
	Name      string // "" where the guard has none
	Capacity  int
	SoftLimit int // 0 where the guard has none
	Depth     int // units in use, and those on their way to a waiter
	Waiting   int // callers in the queue

	Admitted  uint64 // permits given
	Shed      uint64 // calls turned away, for whichever [Reason]
	Cancelled uint64 // calls whose context was over before they got a permit

	// Held is how long permits are held, a moving mean over the last calls; 0
	// unless the guard is [Adaptive] or looks at [Deadlines].
	Held time.Duration
}

// Snapshot returns the state of the guard. It takes the guard's lock for up to
// a microsecond and allocates nothing.
func (g *Guard) Snapshot() Snapshot {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.queue.exits.all()
	if !g.closed { // for a moment, so that all the cells are seen at once
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

// Available returns how many units are left, 0 also while a guard that was made
// smaller still holds more than its capacity.
func (s Snapshot) Available() int { return max(s.Capacity-s.Depth, 0) }

// Full reports whether no unit is left.
func (s Snapshot) Full() bool { return s.Depth >= s.Capacity }

// Empty reports whether no unit is in use.
func (s Snapshot) Empty() bool { return s.Depth == 0 }

// Utilization returns the part of the capacity that is in use, from 0 (empty)
// to 1 (full), and above 1 for as long as a guard that was made smaller holds more
// than its capacity. Without a capacity, as in the zero Snapshot, it is 1.
func (s Snapshot) Utilization() float64 {
	if s.Capacity == 0 {
		return 1
	}
	return float64(s.Depth) / float64(s.Capacity)
}

// Headroom returns the part of the capacity that is left, 1 - Utilization.
func (s Snapshot) Headroom() float64 { return 1 - s.Utilization() }

// SoftRatio returns the depth as a part of the soft limit: at or above 1 the
// limit is reached. It is 0 without a soft limit.
func (s Snapshot) SoftRatio() float64 {
	if s.SoftLimit == 0 {
		return 0
	}
	return float64(s.Depth) / float64(s.SoftLimit)
}
