package guard

// Snapshot is the state of a guard at one moment: all of it was true together,
// and may be out of date by the time it is read.
//
// The three counters only grow. Every call that has ended is in one of them:
// Admitted + Shed + Cancelled is the number of calls that have been made, less
// those that wait.
type Snapshot struct {
	Name      string // "" where the guard has none
	Capacity  int
	SoftLimit int // 0 where the guard has none
	Depth     int // permits in use, and slots on their way to a waiter
	Waiting   int // callers in the queue

	Admitted  uint64 // permits given
	Shed      uint64 // calls turned away because the guard was full
	Cancelled uint64 // calls whose context was over before they got a permit
}

// Snapshot returns the state of the guard. It takes the guard's lock for a few
// nanoseconds and allocates nothing.
func (g *Guard) Snapshot() Snapshot {
	g.mu.Lock()
	defer g.mu.Unlock()
	return Snapshot{
		Name:      g.name,
		Capacity:  g.capacity,
		SoftLimit: g.soft.at,
		Depth:     g.depth,
		Waiting:   g.queue.len,
		Admitted:  g.admitted,
		Shed:      g.shed,
		Cancelled: g.cancelled,
	}
}

// Available returns how many permits are left.
func (s Snapshot) Available() int { return s.Capacity - s.Depth }

// Full reports whether no permit is left.
func (s Snapshot) Full() bool { return s.Depth >= s.Capacity }

// Empty reports whether no permit is in use.
func (s Snapshot) Empty() bool { return s.Depth == 0 }

// Utilization returns the part of the capacity that is in use, from 0 (empty)
// to 1 (full). Without a capacity, as in the zero Snapshot, it is 1.
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
