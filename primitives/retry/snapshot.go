package retry

// Snapshot is what a retrier has counted since New. The counters are read one
// after the other, without a lock; while calls are under way they may differ by
// some of these. See [Uncounted] for calls that are not in it.
type Snapshot struct {
	// Name is the name of the policy.
	Name string
	// Calls is how many calls have ended: Succeeded and GaveUp together.
	Calls uint64
	// Attempts is how many attempts have ended. Rejected tries are not counted.
	Attempts uint64
	// Retries is how many tries followed a failed attempt or are waiting to.
	Retries uint64
	// Waits is how many rejections were waited out; see [RetryRejected].
	Waits uint64
	// Hedges is how many copies were made beyond the first of each attempt; see
	// [Hedge].
	Hedges uint64
	// Succeeded is how many calls ended with success.
	Succeeded uint64
	// GaveUp is how many calls ended with an [*Error]. It is the sum of the
	// numbers for each reason, which follow.
	GaveUp                                                         uint64
	Exhausted, Permanent, Deadline, Cancelled, Rejected, Postponed uint64
	Elapsed, OverBudget, Nested                                    uint64
}

// Snapshot returns at once and changes nothing. Calls that ended by a panic are
// not counted.
func (r *Retrier) Snapshot() Snapshot {
	c := &r.counts
	s := Snapshot{
		Name:       r.policy.name,
		Retries:    c.retries.Load(),
		Waits:      c.waits.Load(),
		Hedges:     c.hedges.Load(),
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
	}
	s.Attempts = s.Succeeded + c.failed.Load()
	s.GaveUp = s.Exhausted + s.Permanent + s.Deadline + s.Cancelled + s.Rejected + s.Postponed +
		s.Elapsed + s.OverBudget + s.Nested
	s.Calls = s.Succeeded + s.GaveUp
	return s
}
