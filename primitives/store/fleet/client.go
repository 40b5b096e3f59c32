package fleet

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"github.com/weir-go/weir/primitives/store"
)

// client makes the calls to the store. It bounds every call, knows whether the store is
// down, and keeps callers from asking it then.
type client struct {
	store   store.Store
	name    string // of the policy, for events
	timeout time.Duration
	every   time.Duration
	hook    func(Event)
	start   time.Time // origin of all times in here: monotonic

	mu         sync.Mutex // Must not: be held while the store or a hook runs.
	degraded   bool
	again      time.Duration // while degraded: when the store may be asked again
	pending    []Event
	delivering bool
	panics     uint64
}

func newClient(s store.Store, name string, p *policy) *client {
	return &client{
		store: s, name: name, timeout: p.timeout, every: p.every, hook: p.onEvent, start: time.Now(),
	}
}

func (c *client) now() time.Duration { return time.Since(c.start) }

// after returns the time d after t, or the end of time.
func after(t, d time.Duration) time.Duration {
	if t > math.MaxInt64-d {
		return math.MaxInt64
	}
	return t + d
}

// call makes one call to the store. An error of the store degrades it. That the entry has
// another revision, or the lease another owner, is an answer. That ctx has ended says
// nothing about the store.
func (c *client) call(ctx context.Context, f func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(undated{ctx}, c.timeout)
	defer cancel()
	err := f(bounded)
	if err != nil && !answers(err) && ctx.Err() == nil {
		c.degrade(err)
	}
	return err
}

// undated hides a deadline. That of a run of [dedup.Dedup] moves, and the context
// package sets no timer below a parent whose deadline is sooner.
type undated struct{ context.Context }

func (undated) Deadline() (time.Time, bool) { return time.Time{}, false }

func answers(err error) bool {
	return errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrHeld) || errors.Is(err, store.ErrLost)
}

// down reports whether the store must not be asked now. When it is time to try again, one
// of many callers is told that it is up.
func (c *client) down() bool {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.degraded {
		return false
	}
	if now < c.again {
		return true
	}
	c.again = after(now, c.every)
	return false
}

func (c *client) isDegraded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.degraded
}

func (c *client) degrade(err error) { c.turn(true, Event{Kind: Degraded, Err: err}) }

// mend is called when the store has answered every question.
func (c *client) mend() { c.turn(false, Event{Kind: Recovered}) }

// turn sets whether the store is degraded, and raises the event if that is a change.
func (c *client) turn(degraded bool, e Event) {
	now := c.now()
	c.mu.Lock()
	if degraded {
		c.again = after(now, c.every)
	}
	edge := c.degraded != degraded
	c.degraded = degraded
	mine := edge && c.enqueue(e)
	c.mu.Unlock()
	if mine {
		c.deliver()
	}
}

// raise tells the hook of e, after the events before it.
func (c *client) raise(e Event) {
	c.mu.Lock()
	mine := c.enqueue(e)
	c.mu.Unlock()
	if mine {
		c.deliver()
	}
}

// enqueue reports whether its caller has to deliver. Guarded by: mu.
func (c *client) enqueue(e Event) bool {
	if c.hook == nil {
		return false
	}
	e.Name, e.At = c.name, time.Now()
	c.pending = append(c.pending, e)
	mine := !c.delivering
	c.delivering = true
	return mine
}

// deliver runs the hook until nothing is pending. Ordering: delivering lets one goroutine
// at a time in here, which keeps the order of the events.
func (c *client) deliver() {
	finished := false
	defer func() {
		if !finished { // the hook called runtime.Goexit: go on with the next event
			c.deliver()
		}
	}()
	for {
		c.mu.Lock()
		if len(c.pending) == 0 {
			c.pending, c.delivering = nil, false
			c.mu.Unlock()
			finished = true
			return
		}
		e := c.pending[0]
		c.pending = c.pending[1:]
		c.mu.Unlock()
		c.tell(e)
	}
}

// tell runs the hook once. A panic of the hook ends here: it must not end what the hook
// observes.
func (c *client) tell(e Event) {
	defer func() {
		if recover() != nil {
			c.mu.Lock()
			c.panics++
			c.mu.Unlock()
		}
	}()
	c.hook(e)
}
