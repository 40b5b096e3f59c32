package breaker

// RecordSuccess counts a success that was seen outside of any admitted call,
// such as that of a health check: it ends a row of failures, and closes a
// half-open breaker. In state Open it does nothing.
func (b *Breaker) RecordSuccess() { b.succeed(b.current()) }

// RecordFailure counts a failure that was seen outside of any admitted call. It
// may open the breaker, and opens a half-open one. In state Open it does
// nothing: late failures do not push the end of the window out.
func (b *Breaker) RecordFailure() { b.fail(b.current()) }

// current is a token for the state that State would return.
func (b *Breaker) current() Token {
	if w := b.load(); w.state() == Closed {
		return Token{stamp: w.stamp()}
	}
	b.mu.Lock()
	defer b.unlock()
	b.ripen(b.now())
	return Token{stamp: b.load().stamp()}
}

// Trip opens b for one recovery window from now, whatever its state. Calls that
// are under way no longer count. On an open breaker it begins the window anew,
// which is no change of state for the hook.
func (b *Breaker) Trip() { b.force(Open) }

// Reset closes b and forgets its failures, whatever its state. Calls that are
// under way no longer count.
func (b *Breaker) Reset() { b.force(Closed) }

func (b *Breaker) force(to State) {
	b.mu.Lock()
	defer b.unlock()
	// The loop ends: it repeats only where a failure or success was counted
	// between the two lines, and that needs a call of its own each time.
	for {
		w := b.load()
		failures := w.failures()
		if to == Closed {
			failures = 0
		}
		if b.shift(w, to, failures, Manual) {
			return
		}
	}
}
