package guard

import (
	"sync/atomic"
	"time"
)

// waiter is a call in the queue. It is reused, and so is its channel. To make a channel
// costs more than all the rest of a wait but the parking of the goroutine.
//
// A wait ends in one of two ways: by the token in told, which wakes a call that blocks,
// or by the function then, see [Guard.Enlist].
//
// Guarded by: the guard's lock, while the waiter is in the queue. Then its fields
// belong to the goroutine that tells it, and from the token on to the call, which gives
// the waiter back by gone.
type waiter struct {
	call
	told   chan struct{} // holds the one token that ends the wait; nil: not needed so far
	permit Permit
	err    error // why there is no permit
	since  time.Duration
	queued bool
	use    uint64 // counts the uses of the waiter, see [Place]

	gone       atomic.Int32 // how the call has ended its wait
	stale      bool         // the waiter must not be reused
	next, prev *waiter      // in a line, or next in exits
	after      *waiter      // in callees
}

// How a call has ended its wait.
const (
	notYet int32 = iota
	accepted
	declined // the call has no permit, and is counted elsewhere
)

// callees are waiters whose wait is over, and that must be told.
type callees struct{ head, tail *waiter }

func (c *callees) add(w *waiter) {
	w.after = nil
	if c.tail == nil {
		c.head = w
	} else {
		c.tail.after = w
	}
	c.tail = w
}

// join adds others at the end.
func (c *callees) join(others callees) {
	if c.tail == nil {
		*c = others
	} else if others.head != nil {
		c.tail.after, c.tail = others.head, others.tail
	}
}

// remove takes out w, which must be among them.
func (c *callees) remove(w *waiter) {
	at, last := &c.head, (*waiter)(nil)
	for *at != w {
		last, at = *at, &(*at).after
	}
	if *at = w.after; *at == nil {
		c.tail = last
	}
}

// tell ends the waits, in order. It is called without the lock. If a function given to
// Enlist panics or ends the goroutine, the others are told while that unwinds.
func (c callees) tell() {
	w := c.head
	if w == nil {
		return
	}
	defer func() {
		if w != nil {
			callees{head: w}.tell()
		}
	}()
	for w != nil {
		told := w
		w = told.after // told may be in use again after its token
		if told.then == nil {
			told.told <- struct{}{}
		} else {
			told.resume()
		}
	}
}

// maxIdle is how many waiters without a call are kept for reuse. Each costs about 250
// bytes.
const maxIdle = 64

// exits holds the waiters that have left the queue. The departing ones belong to calls
// that may still sleep. The idle ones are free to use.
//
// A call that wakes up with its permit does not take the lock again. It sets gone, and
// the next holder of the lock sees that. One lock less is a tenth of the cost of a
// wait.
type exits struct {
	head, tail *waiter // departing, in order
	departing  int
	idle       *waiter
	idleLen    int
	admitted   uint64 // calls that have left with a permit
}

// depart takes a waiter that has left the queue and will be told.
func (e *exits) depart(w *waiter) {
	w.next = nil
	if e.tail == nil {
		e.head = w
	} else {
		e.tail.next = w
	}
	e.tail = w
	e.departing++
}

// pop takes out the first departing waiter, if its call has gone, and counts it.
func (e *exits) pop() *waiter {
	w := e.head
	if w == nil || w.gone.Load() == notYet {
		return nil
	}
	if e.head = w.next; e.head == nil {
		e.tail = nil
	}
	e.departing--
	if w.gone.Load() == accepted {
		e.admitted++
	}
	return w
}

// rotate puts the first departing waiter last. A call whose goroutine does not run must
// not keep the others from reuse.
func (e *exits) rotate() {
	if w := e.head; w != e.tail {
		e.head = w.next
		e.departing--
		e.depart(w)
	}
}

// retire keeps a waiter for reuse.
func (e *exits) retire(w *waiter) {
	if w.stale || e.idleLen == maxIdle {
		return
	}
	w.next = e.idle
	e.idle = w
	e.idleLen++
}

// reuse returns a waiter for a new call.
func (e *exits) reuse() *waiter {
	w := e.pop()
	if w == nil {
		e.rotate()
	} else if e.departing > maxIdle {
		e.pop() // one more than needed: this returns the memory of a burst
	}
	if w == nil || w.stale {
		if w = e.idle; w == nil {
			return &waiter{use: 1}
		}
		e.idle = w.next
		e.idleLen--
	}
	w.use++
	w.permit, w.err = Permit{}, nil
	w.gone.Store(notYet)
	return w
}

// all counts every departing waiter whose call has gone.
func (e *exits) all() {
	for range e.departing {
		if w := e.pop(); w != nil {
			e.retire(w)
		} else {
			e.rotate()
		}
	}
}

// forget drops the idle waiters, and the departing ones when they become idle. The
// guard calls it when calls no longer wait. This returns the memory of a burst. It also
// keeps a channel that was made in one synctest bubble from a use in another, which
// would be a crash.
func (e *exits) forget() {
	e.all()
	e.idle, e.idleLen = nil, 0
	for w := e.head; w != nil; w = w.next {
		w.stale = true
	}
}
