package fleet

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/weir-go/weir/primitives/store"
)

// client is the way to the store: it bounds every call, knows whether the store
// is down, and keeps callers from asking one that is.
type client struct {
	store   store.Store
	name    string // of the policy, for events
	timeout time.Duration
	every   time.Duration
	hook    func(Event)
	start   time.Time // origin of all times in here: monotonic

	mu         sync.Mutex // never held while the store or a hook runs
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

// call makes one call to the store. An error of the store's degrades; that the
// entry had another revision or the lease another owner is an answer, and that
// ctx has ended is the caller's own affair.
func (c *client) call(ctx context.Context, f func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	err := f(bounded)
	if err != nil && !answers(err) && ctx.Err() == nil {
		c.degrade(err)
	}
	return err
}

func answers(err error) bool {
	return errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrHeld) || errors.Is(err, store.ErrLost)
}

// down reports whether the store is not to be asked now. Of many callers that
// ask when it is time to try again, one is told that it is up.
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
	c.again = now + c.every
	return false
}

func (c *client) isDegraded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.degraded
}

func (c *client) degrade(err error) { c.turn(true, Event{Kind: Degraded, Err: err}) }

// mend is called when the store has answered all there was to ask.
func (c *client) mend() { c.turn(false, Event{Kind: Recovered}) }

// turn makes the edge, if it is one, and tells the hook of it in order.
func (c *client) turn(degraded bool, e Event) {
	now := c.now()
	c.mu.Lock()
	if degraded {
		c.again = now + c.every
	}
	if c.degraded == degraded {
		c.mu.Unlock()
		return
	}
	c.degraded = degraded
	if c.hook == nil {
		c.mu.Unlock()
		return
	}
	e.Name, e.At = c.name, time.Now()
	c.pending = append(c.pending, e)
	mine := !c.delivering
	c.delivering = true
	c.mu.Unlock()
	if mine {
		c.deliver()
	}
}

// deliver runs the hook until nothing is pending; one goroutine at a time is in
// here, which is what makes the order.
func (c *client) deliver() {
	finished := false
	defer func() {
		if !finished { // the hook called runtime.Goexit: the others are told still
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

// tell runs the hook once. A panic ends here: the hook observes, and what it
// observes goes on.
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
