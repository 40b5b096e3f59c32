package breaker

import "time"

// Snapshot is the condition of a breaker at one instant.
type Snapshot struct {
	// Name is the name of the policy.
	Name string
	// State is what [Breaker.State] returned at that instant.
	State State
	// Mode is what [Start] or [Breaker.SetMode] set last. In Shadow, State and Rejected
	// are what they would be in Active.
	Mode Mode
	// Failures is the number of failures in a row, failed probes included. It stops at
	// 16777215.
	Failures int
	// UntilOpen is how many further failures in a row meet the rule [InARow]. It is 0 if
	// the breaker is open or has no such rule. In state HalfOpen it is how many probes
	// have to fail.
	UntilOpen int
	// Threshold is the number of failures in a row that opens the breaker, 0 if there is
	// no such rule.
	Threshold int
	// Rules are the rules in the order of the policy.
	Rules []RuleSnapshot
	// Recovery is the recovery window of the policy.
	Recovery time.Duration
	// RetryAfter is the time left until a probe is due, or until another try makes sense
	// in mode ForcedOpen. It is 0 if the breaker is not open.
	RetryAfter time.Duration
	// Openings is how many openings there were in a row, for [Escalate].
	Openings int
	// Probes is the number of probes that are out.
	Probes int
	// Share is the share of calls that a closed breaker admits: 1, or less during a
	// [Ramp].
	Share float64
	// Generation counts the states of the breaker, beginning with 1. Reset and Trip begin
	// a new one even if the state stays the same.
	Generation uint64
	// Rejected is the number of calls rejected since New.
	Rejected uint64
	// Stale is the number of outcomes since New that came too late to count.
	Stale uint64
	// HookPanics is how often a hook of [OnChange] or a [ProbeGate] panicked.
	HookPanics uint64
}

// RuleSnapshot is what a rule has counted. The counts begin again when the breaker closes.
// While it is not closed, nothing is added to them.
type RuleSnapshot struct {
	// Rule is the rule, as [Change.Rule] names it.
	Rule string
	// Bad is the number of calls that failed, were slow or hang. Total is the number of
	// calls completed within the window of [Rate] and [Slow], and 0 for the other rules.
	Bad, Total int64
}

// Snapshot returns the condition of b at once. It changes nothing, and takes the lock of
// the transitions for some nanoseconds.
func (b *Breaker) Snapshot() Snapshot {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	w := b.load()
	s := Snapshot{
		Name:       b.policy.name,
		State:      b.stateAt(w, now),
		Mode:       b.inMode(),
		Failures:   w.failures(),
		Threshold:  b.threshold,
		Rules:      b.ruleSnapshots(w, now),
		Recovery:   b.policy.recovery,
		Openings:   b.openings,
		Probes:     len(b.probes.out),
		Share:      1,
		Generation: w.generation(),
		Rejected:   b.rejected.Load(),
		Stale:      b.stale.Load(),
		HookPanics: b.changes.panics,
	}
	switch s.State {
	case Closed:
		s.UntilOpen = max(s.Threshold-s.Failures, 0)
		if end := time.Duration(b.ramp.end.Load()); end > now {
			s.Share = share(now, end, b.policy.ramp)
		}
	case Open:
		s.RetryAfter = b.retryAfter(w, now)
	case HalfOpen:
		s.UntilOpen = b.policy.of - b.policy.passes + 1 - b.probes.failed
	}
	return s
}

func (b *Breaker) retryAfter(w word, now time.Duration) time.Duration {
	switch {
	case b.inMode() == ForcedOpen:
		return b.reject.Load().After()
	case w.state() != Open: // it opens at the next call
		return b.policy.recovery
	}
	return b.until - now
}

func (b *Breaker) ruleSnapshots(w word, now time.Duration) []RuleSnapshot {
	all := make([]RuleSnapshot, len(b.policy.rules))
	var rings []*ring
	var lasts []*last
	var times []*recent
	if e := b.epoch.Load(); e != nil {
		rings, lasts, times = e.rings, e.lasts, e.times
	}
	for i, r := range b.policy.rules {
		s := &all[i]
		s.Rule = r.String()
		switch r.kind {
		case inARow:
			s.Bad = int64(w.failures())
		case outOf:
			s.Bad, lasts = lasts[0].bad.Load(), lasts[1:]
		case rate, slow:
			s.Bad, s.Total = rings[0].sum(now)
			rings = rings[1:]
		case within:
			s.Bad, times = times[0].count(now), times[1:]
		case hung:
			s.Bad = int64(b.flights.overdue(now - r.slow))
		}
	}
	return all
}
