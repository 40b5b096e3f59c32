package breaker

import "time"

// Change is one transition, as the hook of [OnChange] sees it.
type Change struct {
	// Name is the name of the policy.
	Name string
	// From and To differ, and From is the To of the change before.
	From, To State
	// At is when it happened.
	At time.Time
	// Cause is why.
	Cause Cause
}

// Cause is why a [Change] happened.
type Cause uint8

const (
	// Threshold: so many failures in a row as the policy allows; opens.
	Threshold Cause = iota + 1
	// Elapsed: the recovery window is over and somebody asked for admission.
	Elapsed
	// Probe: the outcome of a probe; closes or opens.
	Probe
	// Manual: Trip or Reset was called.
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

// changes are the transitions that the hook has not seen yet. Guarded by
// Breaker.mu.
type changes struct {
	pending    []Change
	delivering bool // somebody is in deliver and will take what is appended
	panics     uint64
}

// unlock releases mu and then shows the hook what has changed.
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

// deliver runs the hook until nothing is pending. Only one goroutine is in here
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
		c := b.changes.pending[0]
		b.changes.pending = b.changes.pending[1:]
		b.mu.Unlock()
		b.show(c)
	}
}

// show runs the hook once. A panic ends here: it is the hook's fault, not the
// fault of the call whose outcome happened to change the state.
func (b *Breaker) show(c Change) {
	defer func() {
		if recover() != nil {
			b.mu.Lock()
			b.changes.panics++
			b.mu.Unlock()
		}
	}()
	b.policy.onChange(c)
}
