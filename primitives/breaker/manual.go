package breaker

import "time"

// RecordSuccess counts a success that was seen outside of any admitted call,
// such as that of a health check: it ends a row of failures, and counts as a
// probe of a half-open breaker. In state Open it does nothing. To a [Slow] rule
// it says nothing.
func (b *Breaker) RecordSuccess() { b.witness(false) }

// RecordFailure counts a failure that was seen outside of any admitted call. It
// may open the breaker, and counts as a probe of a half-open one. In state Open
// it does nothing: late failures do not push the end of the window out.
func (b *Breaker) RecordFailure() { b.witness(true) }

func (b *Breaker) witness(failed bool) {
	if t := b.current(); t.stamp != 0 {
		b.count(t, failed)
	}
}

// current is a token for the state that State would return.
func (b *Breaker) current() Token {
	if w := b.load(); w.plain() {
		return Token{stamp: w.stamp()}
	}
	b.mu.Lock()
	defer b.unlock()
	if b.inMode().fixed() {
		return Token{}
	}
	now := b.now()
	if b.load().state() == Closed && b.hanging(now) {
		b.move(move{to: Open, cause: Threshold, rule: b.hung})
	}
	b.ripen(now)
	return Token{stamp: b.load().stamp()}
}

// Trip opens b for one recovery window from now, whatever its state: it is
// OpenFor(recovery).
func (b *Breaker) Trip() { b.OpenFor(b.policy.recovery) }

// OpenFor opens b for d from now, whatever its state, without escalation or
// jitter; with 0 or less the next call is a probe. Calls that are under way no
// longer count. On an open breaker it moves the end of the window, which is no
// change of state for the hook. It is for those who know of the service from
// elsewhere, such as from other processes.
func (b *Breaker) OpenFor(d time.Duration) {
	b.force(move{to: Open, cause: Manual, outside: true, open: d})
}

// Reset closes b and forgets its failures, whatever its state. Calls that are
// under way no longer count.
func (b *Breaker) Reset() { b.force(move{to: Closed, cause: Manual}) }

func (b *Breaker) force(m move) {
	b.mu.Lock()
	defer b.unlock()
	if !b.inMode().fixed() {
		b.move(m)
	}
}
