package breaker

// Recover closes b as its probes would, with its [Ramp], and without an end to a
// row of openings (see [Escalate]): for those who know from elsewhere, such as from
// another process, that the service is up again. Failures are forgotten and calls
// that are under way no longer count, as with [Breaker.Reset]. Where b is closed,
// it changes nothing.
func (b *Breaker) Recover() {
	b.mu.Lock()
	defer b.unlock()
	if b.inMode().fixed() || b.load().state() == Closed {
		return
	}
	b.move(move{to: Closed, cause: Manual, ramps: true})
}
