package breaker

import "time"

// RecordSuccess counts a success from outside of any admitted call, such as that of a
// health check. It ends a row of failures, and counts as a probe of a half-open breaker.
// In state Open it does nothing. A [Slow] rule does not count it.
func (b *Breaker) RecordSuccess() { b.witness(nil) }

// RecordFailure counts a failure from outside of any admitted call. It can open the
// breaker, and counts as a probe of a half-open one. In state Open it does nothing: late
// failures do not lengthen the opening.
func (b *Breaker) RecordFailure() { b.witness(errWitnessed) }

func (b *Breaker) witness(failure error) {
	if t := b.current(); t.stamp != 0 {
		b.count(t, failure)
	}
}

// current returns a token for the state that State would return.
func (b *Breaker) current() Token {
	if w := b.load(); w.plain() {
		return Token{stamp: w.stamp()}
	}
	b.mu.Lock()
	defer b.unlock()
	if b.inMode().fixed() || b.Err() != nil {
		return Token{}
	}
	now := b.now()
	if b.load().state() == Closed && b.hanging(now) {
		b.move(move{to: Open, cause: Threshold, rule: b.hung})
	}
	b.ripen(now)
	return Token{stamp: b.load().stamp()}
}

// Trip opens b for one recovery window from now, whatever its state. It is
// OpenFor(recovery).
func (b *Breaker) Trip() { b.OpenFor(b.policy.recovery) }

// OpenFor opens b for d from now, whatever its state, without escalation or jitter. With
// 0 or less the next call is a probe. Calls under way no longer count. If b is open,
// OpenFor moves the end of the opening, and the hooks see no change. It is for news of
// the service from elsewhere, such as from other processes.
func (b *Breaker) OpenFor(d time.Duration) {
	b.force(move{to: Open, cause: Manual, outside: true, open: d})
}

// Reset closes b and forgets its failures, whatever its state. Calls under way no longer
// count.
func (b *Breaker) Reset() { b.force(move{to: Closed, cause: Manual}) }

func (b *Breaker) force(m move) {
	b.mu.Lock()
	defer b.unlock()
	if !b.inMode().fixed() && b.Err() == nil {
		b.move(m)
	}
}
