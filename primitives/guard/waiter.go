package guard

import (
	"sync/atomic"
	"time"
)

// waiter is a place in the queue. It is reused, and so is its channel, which
// costs more than all the rest of a wait but the parking of the goroutine.
//
// Its fields are guarded by the guard's lock until told receives its token. From
// then on they are the waiting call's, which gives the waiter back by gone.
type waiter struct {
	call
	told   chan struct{} // holds the one token that ends the wait
	permit Permit
	err    error // why there is no permit
	since  time.Duration
	queued bool

	gone       atomic.Int32 // how the call has taken it, once it has
	stale      bool         // not to be used again
	next, prev *waiter      // in a line, or next in exits
	after      *waiter      // in callees
}

// How a call took the end of its wait.
const (
	notYet int32 = iota
	accepted
	declined // it has no permit, and is counted elsewhere
)

// callees are waiters whose wait is over, and who are yet to hear of it.
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

// join adds others behind.
func (c *callees) join(others callees) {
	if c.tail == nil {
		*c = others
	} else if others.head != nil {
		c.tail.after, c.tail = others.head, others.tail
	}
}

// tell wakes them, in order. It is called without the lock.
func (c callees) tell() {
	for w := c.head; w != nil; {
		next := w.after // w may be in use again as soon as it has its token
		w.told <- struct{}{}
		w = next
	}
}

// maxIdle is how many waiters without a wait are kept for reuse. Each costs about
// 250 bytes.
const maxIdle = 64

// exits holds the waiters that have left the queue: the departing, whose calls may
// not have heard it yet, and the idle, which are free to use.
//
// A call that wakes up with its permit does not take the lock again; it sets gone,
// and the next that has the lock finds that. One lock less for each wait is a
// tenth of its cost.
type exits struct {
	head, tail *waiter // departing, in order
	departing  int
	idle       *waiter
	idleLen    int
	admitted   uint64 // of those who have departed with a permit
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

// pop takes out the first of the departing, if its call has gone, and counts it.
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

// rotate puts the first of the departing last: one whose goroutine does not get
// to run must not be in the way of those who do.
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

// reuse returns a waiter that nobody uses.
func (e *exits) reuse() *waiter {
	w := e.pop()
	if w == nil {
		e.rotate()
	} else if e.departing > maxIdle {
		e.pop() // one more than is needed, so that a burst's memory is given back
	}
	if w == nil || w.stale {
		if w = e.idle; w == nil {
			return &waiter{told: make(chan struct{}, 1)}
		}
		e.idle = w.next
		e.idleLen--
	}
	w.err = nil
	w.gone.Store(notYet)
	return w
}

// all counts every departing waiter that has gone.
func (e *exits) all() {
	for range e.departing {
		if w := e.pop(); w != nil {
			e.retire(w)
		} else {
			e.rotate()
		}
	}
}

// forget drops the idle waiters, and those that will become so. The guard calls
// it when the pressure is off: memory of a burst is given back, and no channel
// made in one synctest bubble lies in wait for another, which the runtime answers
// with a crash.
func (e *exits) forget() {
	e.all()
	e.idle, e.idleLen = nil, 0
	for w := e.head; w != nil; w = w.next {
		w.stale = true
	}
}
