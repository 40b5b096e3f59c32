package breaker

// Mode is how a [Breaker] applies its state to calls.
type Mode uint8

const (
	// Active: calls pass or are rejected as the state says. The default.
	Active Mode = iota
	// Shadow: the breaker counts and changes its state, but rejects nothing. A call
	// that it would have rejected passes and counts for nothing. Hooks and snapshots
	// tell what mode Active would do.
	Shadow
	// Disabled: calls pass and nothing counts. The state is Closed.
	Disabled
	// ForcedOpen: all calls are rejected until the mode is set to another one. The
	// mode does not expire. The state is Open.
	ForcedOpen
)

// String returns the name of m in lower case.
func (m Mode) String() string {
	switch m {
	case Active:
		return "active"
	case Shadow:
		return "shadow"
	case Disabled:
		return "disabled"
	case ForcedOpen:
		return "forced open"
	}
	return "unknown"
}

// Start sets the mode that a breaker begins in; see [Breaker.SetMode].
func Start(m Mode) Option { return func(p *Policy) { p.mode = m } }

// SetMode puts b into another mode at once. It does nothing if b is in that mode, or if m
// is none of the four. From Active to Shadow and back the state stays. Into and out of
// Disabled and ForcedOpen a new generation begins: calls under way no longer count, and
// all counts are forgotten. After these two modes b is closed. In them Trip, OpenFor,
// Reset, Recover and outcomes do nothing.
func (b *Breaker) SetMode(m Mode) {
	if m > ForcedOpen {
		return
	}
	b.mu.Lock()
	defer b.unlock()
	if from := b.inMode(); m != from && b.Err() == nil {
		b.enter(m, from.fixed() || m.fixed())
	}
}

// enter is called with mu held.
func (b *Breaker) enter(m Mode, anew bool) {
	b.mode.Store(uint32(m))
	b.blind.Store(nil) // it rejects without a look at the mode
	switch {
	case m == ForcedOpen:
		b.move(move{to: Open, cause: Manual, outside: true, open: forEver})
	case anew:
		b.move(move{to: Closed, cause: Manual})
	}
}

// fixed modes have no state machine.
func (m Mode) fixed() bool { return m == Disabled || m == ForcedOpen }

func (b *Breaker) inMode() Mode { return Mode(b.mode.Load()) }
