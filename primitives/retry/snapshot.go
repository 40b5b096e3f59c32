package retry

// Snapshot is what a retrier has counted since New. The counters are read one after the
// other, without a lock, so while calls are under way they can differ by some of those. See
// [Uncounted] for calls that are not in it.
type Snapshot struct {
	// Name is the name of the policy.
	Name string
	// Calls is how many calls have ended: Succeeded and GaveUp together.
	Calls uint64
	// Attempts is how many attempts have ended. Rejected tries are not counted.
	Attempts uint64
	// Retries is how many tries followed a failed attempt, or wait to follow one.
	Retries uint64
	// Waits is how many rejections were waited out; see [RetryRejected].
	Waits uint64
	// Asleep is how many items of a section wait for their next try now. It is 0 for calls of
	// [Retrier.Do], each of which waits in its own goroutine.
	Asleep int
	// Hedges is how many copies were made beyond the first of each attempt; see [Hedge].
	Hedges uint64
	// HookPanics is how often a hook of [OnRetry] panicked.
	HookPanics uint64
	// Succeeded is how many calls ended with success.
	Succeeded uint64
	// GaveUp is how many calls ended with an [*Error]. It is the sum of the numbers for
	// each reason, which follow.
	GaveUp                                                         uint64
	Exhausted, Permanent, Deadline, Cancelled, Rejected, Postponed uint64
	Elapsed, OverBudget, Nested, Abandoned, Invalid                uint64
}

// Snapshot returns at once and changes nothing. Calls that ended by a panic are not counted.
func (r *Retrier) Snapshot() Snapshot {
	c := &r.counts
	s := Snapshot{
		Name:       r.policy.name,
		Retries:    c.retries.Load(),
		Waits:      c.waits.Load(),
		Hedges:     c.hedges.Load(),
		HookPanics: c.panics.Load(),
		Succeeded:  c.succeeded.Load(),
		Exhausted:  c.gaveUp[Exhausted].Load(),
		Permanent:  c.gaveUp[Permanent].Load(),
		Deadline:   c.gaveUp[Deadline].Load(),
		Cancelled:  c.gaveUp[Cancelled].Load(),
		Rejected:   c.gaveUp[Rejected].Load(),
		Postponed:  c.gaveUp[Postponed].Load(),
		Elapsed:    c.gaveUp[Elapsed].Load(),
		OverBudget: c.gaveUp[OverBudget].Load(),
		Nested:     c.gaveUp[Nested].Load(),
		Abandoned:  c.gaveUp[Abandoned].Load(),
		Invalid:    c.gaveUp[Invalid].Load(),
	}
	s.Attempts = s.Succeeded + c.failed.Load()
	s.GaveUp = s.Exhausted + s.Permanent + s.Deadline + s.Cancelled + s.Rejected + s.Postponed +
		s.Elapsed + s.OverBudget + s.Nested + s.Abandoned + s.Invalid
	s.Calls = s.Succeeded + s.GaveUp
	return s
}
