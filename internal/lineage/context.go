package lineage

import (
	"context"
	"sync/atomic"
	"time"
)

// CallContext is the context of one call. It watches the run, the item and the deadline only after
// the call has asked for its Done channel. So a call that does not ask needs no timer and no
// goroutine.
type CallContext struct {
	run, item context.Context // item may be nil
	deadline  time.Time       // zero for none
	late      error
	watched   atomic.Pointer[watched] // nil until open was called
}

// watched is the context of the standard library that a CallContext uses after open. Contexts that
// are derived from it need no goroutine.
type watched struct {
	context.Context
	end func()
}

// unwatched replaces the watched context if the call ended before open was called.
var unwatched = watched{end: func() {}}

// Deadline implements context.Context.
func (c *CallContext) Deadline() (at time.Time, ok bool) {
	for _, ctx := range [...]context.Context{c.run, c.item} {
		if ctx == nil {
			continue
		}
		if by, has := ctx.Deadline(); has && (!ok || by.Before(at)) {
			at, ok = by, true
		}
	}
	if !c.deadline.IsZero() && (!ok || c.deadline.Before(at)) {
		at, ok = c.deadline, true
	}
	return at, ok
}

// Done implements context.Context.
func (c *CallContext) Done() <-chan struct{} { return c.open().Done() }

// Err implements context.Context.
func (c *CallContext) Err() error {
	if w := c.watched.Load(); w != nil {
		if err := c.open().Err(); err != nil || c.deadline.IsZero() {
			return err
		}
	}
	if c.run.Err() == nil && (c.item == nil || c.item.Err() == nil) && (c.deadline.IsZero() || time.Until(c.deadline) > 0) {
		return nil
	}
	w := c.open()
	if err := w.Err(); err != nil {
		return err
	}
	<-w.Done() // the timer or the end of the run is about to end w
	return w.Err()
}

// Value implements context.Context.
func (c *CallContext) Value(key any) any {
	switch w := c.watched.Load(); {
	case w != nil:
		return c.open().Value(key)
	case c.item == nil:
		return c.run.Value(key)
	}
	return values{c.item, c.run}.Value(key)
}

// End ends the context of a call that has returned.
func (c *CallContext) End() {
	if !c.watched.CompareAndSwap(nil, &unwatched) {
		c.watched.Load().end()
	}
}

// open returns the watched context, which the first call makes. All callers get the same one. If
// the call has ended, the context has ended.
func (c *CallContext) open() *watched {
	for {
		w := c.watched.Load()
		if w != nil && w != &unwatched {
			return w
		}
		made := c.watch()
		if w != nil {
			made.end()
		}
		if c.watched.CompareAndSwap(w, made) {
			return made
		}
		made.end()
	}
}

// watch makes a watched context.
func (c *CallContext) watch() *watched {
	std, end := c.run, func() {}
	if c.item != nil {
		joint, cancel := context.WithCancelCause(values{c.item, c.run})
		unhook := func() bool { return true }
		if c.run.Err() != nil {
			cancel(context.Cause(c.run))
		} else {
			unhook = context.AfterFunc(c.run, func() { cancel(context.Cause(c.run)) })
		}
		std, end = joint, func() { unhook(); cancel(nil) }
	}
	switch {
	case !c.deadline.IsZero():
		above := end
		timed, cancel := context.WithDeadlineCause(std, c.deadline, c.late)
		std, end = timed, func() { cancel(); above() }
	case c.item == nil: // the end of a call ends its context, even without an item or deadline
		plain, cancel := context.WithCancel(std)
		std, end = plain, cancel
	}
	return &watched{std, end}
}

// values is a context that also has the values of the context of the run.
type values struct {
	context.Context
	run context.Context
}

// Value implements context.Context.
func (v values) Value(key any) any {
	if x := v.Context.Value(key); x != nil {
		return x
	}
	return v.run.Value(key)
}
