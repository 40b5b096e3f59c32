package guard

// maxIdle is how many waiters without a wait a queue keeps for reuse. Each costs
// about 150 bytes. In a steady state a waiter leaves for each one that joins, so
// few are idle; the bound only matters when a long queue drains.
const maxIdle = 64

// waiter is a place in the queue. It is reused, and so is its channel, which
// costs more than all the rest of a wait but the parking of the goroutine.
type waiter struct {
	granted    chan struct{} // holds the one token of a grant
	slot       int           // noSlot until granted
	next, prev *waiter
}

const noSlot = -1

// queue is the line of waiters, first come, first served, and a stack of idle
// ones. It is a linked list so that a cancelled waiter leaves from the middle at
// once: one that stayed until its turn would keep memory for callers long gone.
type queue struct {
	head, tail *waiter
	len        int
	idle       *waiter
	idleLen    int
}

// join puts a waiter at the end.
func (q *queue) join() *waiter {
	w := q.idle
	if w == nil {
		w = &waiter{granted: make(chan struct{}, 1)}
	} else {
		q.idle = w.next
		q.idleLen--
	}
	w.slot, w.next, w.prev = noSlot, nil, q.tail
	if q.tail == nil {
		q.head = w
	} else {
		q.tail.next = w
	}
	q.tail = w
	q.len++
	return w
}

// pop takes the waiter at the head out, or returns nil.
func (q *queue) pop() *waiter {
	w := q.head
	if w != nil {
		q.remove(w)
	}
	return w
}

// remove takes out a waiter that is in the queue.
func (q *queue) remove(w *waiter) {
	if w.prev == nil {
		q.head = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		q.tail = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.next, w.prev = nil, nil
	q.len--
}

// retire keeps a waiter for reuse. It must be out of the queue, and the token of
// its grant, if there was one, received: a token left behind would grant its next
// wait at once.
func (q *queue) retire(w *waiter) {
	if q.idleLen == maxIdle {
		return
	}
	w.next = q.idle
	q.idle = w
	q.idleLen++
}

// forget drops the idle waiters. The guard calls it whenever nothing is in
// flight: memory of a burst is given back, and no channel made in one synctest
// bubble lies in wait for another, which the runtime answers with a crash.
func (q *queue) forget() { q.idle, q.idleLen = nil, 0 }
