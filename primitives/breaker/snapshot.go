package breaker

import "time"

// Snapshot is the condition of a breaker at one instant.
type Snapshot struct {
	// Name is the name of the policy.
	Name string
	// State is what [Breaker.State] returned at that instant.
	State State
	// Failures is the number of failures in a row, failed probes included.
	Failures int
	// UntilOpen is how many further failures in a row open the breaker: 0 where
	// it is open, 1 where it is half-open.
	UntilOpen int
	// Threshold is the number of failures in a row that opens the breaker.
	Threshold int
	// Recovery is the recovery window.
	Recovery time.Duration
	// RetryAfter is the time left of the recovery window; 0 where it is over or
	// the breaker is not open.
	RetryAfter time.Duration
	// Probes is the number of probe slots taken.
	Probes int
	// Generation counts the states the breaker has been in, beginning with 1. A
	// Reset or Trip begins a new one also where the state stays the same.
	Generation uint64
	// Rejected is the number of calls refused since New.
	Rejected uint64
	// Stale is the number of outcomes that came too late to count, since New.
	Stale uint64
	// HookPanics is the number of times the hook of [OnChange] panicked.
	HookPanics uint64
}

// Snapshot returns at once. It changes nothing and takes the lock of the
// transitions for some nanoseconds.
func (b *Breaker) Snapshot() Snapshot {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	w := b.load()
	s := Snapshot{
		Name:       b.policy.name,
		State:      b.stateAt(w, now),
		Failures:   w.failures(),
		Threshold:  b.policy.failures,
		Recovery:   b.policy.recovery,
		Probes:     len(b.probes.out),
		Generation: w.generation(),
		Rejected:   b.rejected.Load(),
		Stale:      b.stale.Load(),
		HookPanics: b.changes.panics,
	}
	switch s.State {
	case Closed:
		s.UntilOpen = s.Threshold - s.Failures
	case Open:
		s.RetryAfter = b.until - now
	case HalfOpen:
		s.UntilOpen = 1
	}
	return s
}
