package section

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/lineage"
	"github.com/weir-go/weir/stages"
)

// crowd is the items that wait for one shared call. It is also the context of that call. It has the
// values of the leader, which is the item whose call it is, and the latest deadline of all items.
// It ends when the last item waits no more. It starts a timer and a goroutine only after Done was
// called.
type crowd struct {
	run    *kernel.Run
	leader context.Context // context of the leader; nil if it has none

	mu      sync.Mutex   // Guarded by: mu, all writes of the fields below
	by      atomic.Int64 // the latest deadline, in the time of the run; 0 if an item has none
	left    atomic.Bool  // the caller of the leader has gone
	over    atomic.Bool  // why is set
	waiting int32        // items whose callers have not gone
	late    bool         // why is the deadline
	why     error        // why the context has ended
	watch   *watch       // nil until Done is called
}

// watch is the state of a crowd after its Done channel was asked for.
type watch struct {
	ctx    context.Context // a context of the standard library: contexts derived from it need no goroutine
	cancel context.CancelCauseFunc
	stop   func() bool // stops watching the leader's context
	timer  *time.Timer // nil unless there is a deadline
}

// gather makes c the crowd of a leader with the limit l.
func (c *crowd) gather(run *kernel.Run, l *lineage.Limit) {
	c.run, c.leader, c.waiting = run, l.Ctx, 1
	if by := deadlineOf(run, l); by != 0 {
		c.by.Store(by)
	}
}

// deadlineOf returns the earliest deadline of a limit, 0 if it has none.
func deadlineOf(run *kernel.Run, l *lineage.Limit) int64 {
	by := l.Deadline
	if l.Ctx == nil {
		return by
	}
	if at, ok := l.Ctx.Deadline(); ok {
		if own := max(1, run.Now()+int64(time.Until(at))); by == 0 || own < by {
			by = own
		}
	}
	return by
}

// join adds a follower. It returns false if the call was given up.
func (c *crowd) join(l *lineage.Limit) bool {
	c.mu.Lock()
	if c.look(); c.why == nil {
		c.waiting++
		if by, old := deadlineOf(c.run, l), c.by.Load(); by == 0 || old != 0 && by > old {
			c.by.Store(by)
			c.arm()
		}
	}
	return c.settle() == nil
}

// leave removes an item that waits no more. The last one ends the context.
func (c *crowd) leave(why error) {
	c.mu.Lock()
	c.look()
	c.takeOff(why)
	c.settle()
}

// takeOff is leave for a caller that holds the mutex.
func (c *crowd) takeOff(why error) {
	if c.waiting--; c.waiting == 0 && c.why == nil {
		c.ends(why)
	}
}

// ends records why the context has ended. The caller holds the mutex.
func (c *crowd) ends(why error) {
	c.why = why
	c.over.Store(true)
}

// end ends the crowd when its call has ended.
func (c *crowd) end() {
	c.mu.Lock()
	if c.why == nil {
		c.ends(context.Canceled)
	}
	w := c.watch
	c.settle()
	if w == nil {
		return
	}
	if w.stop != nil {
		w.stop()
	}
	if w.timer != nil {
		w.timer.Stop()
	}
}

// look finds out whether the context has ended, and why. It checks the deadline first: the caller
// that leaves last often leaves because of it. The caller holds the mutex.
func (c *crowd) look() {
	if c.why == nil && c.past() {
		c.late = true
		c.ends(stages.ErrExpired)
	}
	if c.deserted() {
		c.left.Store(true)
		c.takeOff(context.Cause(c.leader))
	}
}

// past reports whether the deadline has passed.
func (c *crowd) past() bool {
	by := c.by.Load()
	return by != 0 && c.run.Now() >= by
}

// deserted reports whether the caller of the leader has gone since the last look.
func (c *crowd) deserted() bool {
	return c.leader != nil && !c.left.Load() && c.leader.Err() != nil
}

// settle looks, and unlocks the mutex. It returns why the context has ended, nil if it has not.
func (c *crowd) settle() error {
	c.look()
	why, w := c.why, c.watch
	c.mu.Unlock()
	if why != nil && w != nil {
		w.cancel(why)
	}
	return why
}

// changed is called when the leader's context has ended, and when the timer has fired.
func (c *crowd) changed() {
	c.mu.Lock()
	c.settle()
}

// arm sets the timer for the deadline, if there is one and the context is watched. The caller holds
// the mutex.
func (c *crowd) arm() {
	w := c.watch
	by := c.by.Load()
	if by == 0 || w == nil {
		return
	}
	d := time.Duration(by - c.run.Now())
	if w.timer == nil {
		w.timer = time.AfterFunc(d, c.changed)
		return
	}
	w.timer.Reset(d)
}

// open begins to watch the leader and the deadline. It returns an equivalent context of the
// standard library.
func (c *crowd) open() context.Context {
	c.mu.Lock()
	w := c.watch
	if w == nil {
		w = &watch{}
		w.ctx, w.cancel = context.WithCancelCause(c.values())
		c.watch = w
		if c.look(); c.why == nil {
			if c.leader != nil && !c.left.Load() {
				w.stop = context.AfterFunc(c.leader, c.changed)
			}
			c.arm()
		}
	}
	c.settle()
	return w.ctx
}

// values returns the context whose values c has.
func (c *crowd) values() context.Context {
	if c.leader == nil {
		return context.WithoutCancel(c.run.Ctx)
	}
	return context.WithoutCancel(c.leader)
}

// Deadline implements context.Context.
func (c *crowd) Deadline() (time.Time, bool) {
	by := c.by.Load()
	if by == 0 {
		return time.Time{}, false
	}
	return c.run.Time(by), true
}

// Done implements context.Context.
func (c *crowd) Done() <-chan struct{} { return c.open().Done() }

// Err implements context.Context. It also reports a deadline that has passed but whose timer has
// not fired. It takes no lock while the context has not ended.
func (c *crowd) Err() error {
	if !c.over.Load() && !c.past() && !c.deserted() {
		return nil
	}
	c.mu.Lock()
	switch {
	case c.settle() == nil:
		return nil
	case c.late: // not written after the context has ended
		return context.DeadlineExceeded
	}
	return context.Canceled
}

// Value implements context.Context. After the end it asks the context of the standard library,
// which knows the cause.
func (c *crowd) Value(key any) any {
	c.mu.Lock()
	known := c.watch != nil || c.why != nil
	c.mu.Unlock()
	if known {
		return c.open().Value(key)
	}
	return c.values().Value(key)
}
