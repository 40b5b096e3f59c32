package breaker

import "time"

// Change is one transition, as the hooks of [OnChange] see it.
type Change struct {
	// Name is the name of the policy.
	Name string
	// From and To differ, and From is the To of the change before.
	From, To State
	// At is when it happened.
	At time.Time
	// Cause is why.
	Cause Cause
	// Rule is the rule that was met, such as "5 in a row", where Cause is
	// Threshold; empty otherwise.
	Rule string
	// For is how long the breaker stays open, where To is Open: with escalation,
	// jitter and what the service asked for; the longest duration where it has no end.
	For time.Duration
	// Mode is the mode that the breaker was in: in Shadow, the change had no effect
	// on calls.
	Mode Mode
}

// Cause is why a [Change] happened.
type Cause uint8

const (
	// Threshold: a rule was met; opens.
	Threshold Cause = iota + 1
	// Elapsed: the recovery window is over and somebody asked for admission.
	Elapsed
	// Probe: the outcomes of probes; closes or opens.
	Probe
	// Manual: Trip, OpenFor, Reset, Recover or SetMode was called.
	Manual
)

// String returns the name of c in lower case.
func (c Cause) String() string {
	switch c {
	case Threshold:
		return "threshold"
	case Elapsed:
		return "elapsed"
	case Probe:
		return "probe"
	case Manual:
		return "manual"
	}
	return "unknown"
}

// changes are the transitions that the hooks have not seen yet. Guarded by
// Breaker.mu.
type changes struct {
	pending    []delivery
	delivering bool // somebody is in deliver and will take what is appended
	panics     uint64
}

// delivery is a change on its way to one of the hooks. Each hook gets its own, so
// that one that panics or never comes back takes nothing from the others.
type delivery struct {
	change Change
	hook   func(Change)
}

// announce makes a transition known to the hooks, once mu is released. Called
// with mu held.
func (b *Breaker) announce(from State, m move, open time.Duration) {
	if len(b.policy.onChange) == 0 || from == m.to {
		return
	}
	c := Change{
		Name: b.policy.name, From: from, To: m.to, At: time.Now(), Cause: m.cause, For: open, Mode: b.inMode(),
	}
	if m.rule != nil {
		c.Rule = m.rule.String()
	}
	for _, hook := range b.policy.onChange {
		b.changes.pending = append(b.changes.pending, delivery{c, hook})
	}
}

// unlock releases mu and then shows the hooks what has changed.
func (b *Breaker) unlock() {
	mine := len(b.changes.pending) > 0 && !b.changes.delivering
	if mine {
		b.changes.delivering = true
	}
	b.mu.Unlock()
	if mine {
		b.deliver()
	}
}

// deliver runs the hooks until nothing is pending. Only one goroutine is in here
// at a time, which is what makes the order; the others leave their changes to
// it and go on.
func (b *Breaker) deliver() {
	// Left early: the hook called runtime.Goexit, which no recover can stop. The
	// goroutine is lost, the order of the changes must not be.
	finished := false
	defer func() {
		if !finished {
			b.deliver()
		}
	}()
	for {
		b.mu.Lock()
		if len(b.changes.pending) == 0 {
			b.changes.pending = nil
			b.changes.delivering = false
			b.mu.Unlock()
			finished = true
			return
		}
		d := b.changes.pending[0]
		b.changes.pending = b.changes.pending[1:]
		b.mu.Unlock()
		b.show(d)
	}
}

// show runs one hook once. A panic ends here: it is the hook's fault, not the
// fault of the call whose outcome happened to change the state.
func (b *Breaker) show(d delivery) {
	defer func() {
		if recover() != nil {
			b.mu.Lock()
			b.changes.panics++
			b.mu.Unlock()
		}
	}()
	d.hook(d.change)
}
