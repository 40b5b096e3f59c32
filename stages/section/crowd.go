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

// crowd is the items that wait for one shared call. It is the context of that call: it has the
// values of the item that leads, the latest deadline of all of them, and ends when the last of
// them has gone. It watches nothing until Done is called: a call that does not look costs no
// timer and no goroutine.
type crowd struct {
	run    *kernel.Run
	leader context.Context // of the item that leads; nil if it has none

	mu      sync.Mutex   // Guarded by: mu, all that follows is written
	by      atomic.Int64 // the latest deadline, in the time of the run; 0 if one of them has none
	left    atomic.Bool  // the caller of the item that leads has gone
	over    atomic.Bool  // why is set
	waiting int32        // items whose callers have not gone
	late    bool         // why is the deadline
	why     error        // why the context has ended
	watch   *watch       // nil until Done is called
}

// watch is what a crowd needs when its Done channel is asked for.
type watch struct {
	ctx    context.Context // of the standard library: contexts derived from it need no goroutine
	cancel context.CancelCauseFunc
	stop   func() bool // stops watching the leader
	timer  *time.Timer // nil unless there is a deadline
}

// gather makes c the crowd of an item that leads, with its limit.
func (c *crowd) gather(run *kernel.Run, l *lineage.Limit) {
	c.run, c.leader, c.waiting = run, l.Ctx, 1
	if by := deadlineOf(run, l); by != 0 {
		c.by.Store(by)
	}
}

// deadlineOf returns the earlier of the deadlines of a limit, 0 if it has none.
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

// join adds an item that follows. It returns false if the call was given up.
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

// leave takes off an item that waits no more. The last one ends the call.
func (c *crowd) leave(why error) {
	c.mu.Lock()
	c.look()
	c.takeOff(why)
	c.settle()
}

// takeOff is leave with the mutex held.
func (c *crowd) takeOff(why error) {
	if c.waiting--; c.waiting == 0 && c.why == nil {
		c.ends(why)
	}
}

// ends notes why the context has ended. The mutex is held.
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

// look notes what has ended the context meanwhile. The deadline comes first: the caller that
// leaves last often leaves because of it. The mutex is held.
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

// deserted reports whether the caller of the item that leads has gone since the last look.
func (c *crowd) deserted() bool {
	return c.leader != nil && !c.left.Load() && c.leader.Err() != nil
}

// settle looks, unlocks the mutex, and returns why the context has ended, nil if it has not.
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

// arm sets the timer for the deadline, if there is one and the context is watched. The mutex is
// held.
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

// open watches what may end the context, and returns the same as a context of the standard
// library.
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

// Err implements context.Context: a call that is out of time says so. It needs no lock while the
// context has not ended.
func (c *crowd) Err() error {
	if !c.over.Load() && !c.past() && !c.deserted() {
		return nil
	}
	c.mu.Lock()
	switch {
	case c.settle() == nil:
		return nil
	case c.late: // no more written, since the context has ended
		return context.DeadlineExceeded
	}
	return context.Canceled
}

// Value implements context.Context. A context that has ended goes by the one of the standard
// library, which knows the cause.
func (c *crowd) Value(key any) any {
	c.mu.Lock()
	known := c.watch != nil || c.why != nil
	c.mu.Unlock()
	if known {
		return c.open().Value(key)
	}
	return c.values().Value(key)
}
