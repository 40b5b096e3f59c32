package breaker

import (
	"slices"
	"time"
)

// Change is one transition, as the hooks of [OnChange] see it.
type Change struct {
	// Name is the name of the policy.
	Name string
	// From and To differ, and From is the To of the change before.
	From, To State
	// At is the time of the change.
	At time.Time
	// Cause is why the state changed.
	Cause Cause
	// Rule is the rule that was met, such as "5 in a row", if Cause is Threshold. It
	// is empty otherwise.
	Rule string
	// Failure is the error of the call or probe that opened the breaker. It is nil if
	// To is not Open, if that call was slow and did not fail, if calls hang, or if
	// Cause is Manual.
	Failure error
	// For is how long the breaker stays open, if To is Open: with escalation, jitter and
	// the pause that the service asked for. If the opening has no end, it is the longest
	// duration.
	For time.Duration
	// Mode is the mode of the breaker. In Shadow the change has no effect on calls.
	Mode Mode
}

// Cause is why a [Change] happened.
type Cause uint8

const (
	// Threshold: a rule was met. The breaker opens.
	Threshold Cause = iota + 1
	// Elapsed: the recovery window is over and a call asked for admission.
	Elapsed
	// Probe: the probes have decided, or [ProbeLimit] ended them. The breaker closes or
	// opens.
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

// changes are the transitions that the hooks have not seen yet.
//
// Guarded by: Breaker.mu.
type changes struct {
	pending    []delivery
	delivering bool // a goroutine is in deliver and takes what is appended
	panics     uint64
	watchers   []*watcher // see [Breaker.Watch]
}

// delivery is a change that will be shown to one of the hooks. Each hook has its own deliveries, so
// a hook that panics or never returns takes nothing from the others.
type delivery struct {
	change Change
	hook   func(Change)
}

// announce makes a transition known to the hooks once mu is released.
//
// Guarded by: mu.
func (b *Breaker) announce(from State, m move, open time.Duration) {
	if len(b.policy.onChange) == 0 && len(b.changes.watchers) == 0 || from == m.to {
		return
	}
	c := Change{
		Name: b.policy.name, From: from, To: m.to, At: time.Now(), Cause: m.cause, For: open, Mode: b.inMode(),
	}
	if m.to == Open {
		c.Rule, c.Failure = b.opened.rule, b.opened.failure
	}
	for _, hook := range b.policy.onChange {
		b.changes.pending = append(b.changes.pending, delivery{c, hook})
	}
	for _, w := range b.changes.watchers {
		b.changes.pending = append(b.changes.pending, delivery{c, w.hook})
	}
}

// watcher is a hook that was added to a breaker at work.
type watcher struct{ hook func(Change) }

// Watch adds a hook to a breaker in use, such as one that several flows share. The hook sees all
// changes from now on, as a hook of [OnChange] does, until remove is called. A change on its way
// may still reach the hook then. A nil hook sees nothing.
func (b *Breaker) Watch(hook func(Change)) (remove func()) {
	if hook == nil {
		return func() {}
	}
	w := &watcher{hook}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changes.watchers = append(slices.Clip(b.changes.watchers), w)
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.changes.watchers = slices.DeleteFunc(slices.Clone(b.changes.watchers), func(x *watcher) bool { return x == w })
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

// deliver runs the hooks until nothing is pending.
//
// Ordering: one goroutine at a time is in deliver. The others leave their changes to it.
func (b *Breaker) deliver() {
	// A hook that calls runtime.Goexit leaves early, and no recover stops it. The
	// goroutine ends, and the changes that follow are still delivered in order.
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

// show runs one hook once. A panic ends here: it is a fault of the hook, and not of the
// call whose outcome changed the state.
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
