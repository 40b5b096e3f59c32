package breaker

// Recover closes b as its probes would: with its [Ramp], and without the end of a row of
// openings (see [Escalate]). It is for the news, such as from another process, that the
// service is up again. Failures are forgotten and calls under way no longer count, as
// with [Breaker.Reset]. If b is closed, Recover changes nothing.
func (b *Breaker) Recover() {
	b.mu.Lock()
	defer b.unlock()
	if b.inMode().fixed() || b.Err() != nil || b.load().state() == Closed {
		return
	}
	b.move(move{to: Closed, cause: Manual, ramps: true})
}
