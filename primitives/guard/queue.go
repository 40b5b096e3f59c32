package guard

import "time"

// Order says which waiter is served next.
type Order uint8

const (
	// FIFO serves the oldest call first. It is the default.
	FIFO Order = iota
	// LIFO serves the newest call first. Under a load that is too high, some calls
	// are still quick. The oldest calls wait on; their callers are the likeliest to
	// have given up. Use it with deadlines or [CoDel].
	LIFO
	// AdaptiveLIFO is FIFO, and becomes LIFO when the queue has not been empty for
	// 100 ms, or for the interval of [CoDel]. From B. Maurer, "Fail at Scale", ACM
	// Queue 13(8), 2015.
	AdaptiveLIFO
)

// String returns the name of the order.
func (o Order) String() string {
	switch o {
	case FIFO:
		return "FIFO"
	case LIFO:
		return "LIFO"
	case AdaptiveLIFO:
		return "adaptive LIFO"
	}
	return "unknown"
}

// queue holds the waiters, in a line for each level, and the waiters that have left.
type queue struct {
	lines  [levels]line // by level, low first; each in the order of arrival
	len    int
	order  Order
	ahead  time.Duration // the head start of a level; 0: all levels are alike
	stands time.Duration // after how long AdaptiveLIFO turns the queue round
	start  time.Duration // since when the queue is not empty, if the guard is timed
	exits  exits
}

// line is a linked list. A call that gives up leaves from the middle at once; if it
// stayed until its turn, it would hold memory for a caller that has gone.
type line struct {
	head, tail *waiter
	weight     float64 // for estimates: the sum of the weights may exceed an int
}

// join puts a waiter at the end of its line.
func (q *queue) join(c call, now time.Duration) *waiter {
	if q.ahead == 0 {
		c.level = Normal
	}
	w := q.exits.reuse()
	w.call, w.since = c, now
	if c.then == nil && w.told == nil {
		w.told = make(chan struct{}, 1)
	}
	l := &q.lines[c.level-Low]
	w.next, w.prev = nil, l.tail
	if l.tail == nil {
		l.head = w
	} else {
		l.tail.next = w
	}
	l.tail = w
	l.weight += float64(c.weight)
	if q.len == 0 {
		q.start = now
	}
	q.len++
	w.queued = true
	return w
}

// remove takes a waiter out of the queue.
func (q *queue) remove(w *waiter) {
	l := &q.lines[w.level-Low]
	if w.prev == nil {
		l.head = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		l.tail = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.next, w.prev, w.queued = nil, nil, false
	if l.weight -= float64(w.weight); l.head == nil {
		l.weight = 0 // a sum of weights of very different size leaves a rest
	}
	q.len--
}

// next returns the next waiter in line. The queue must not be empty.
func (q *queue) next(now time.Duration) (best *waiter) {
	if q.newestFirst(now) {
		return q.newest()
	}
	return q.oldest(q.ahead)
}

// newestFirst reports whether the queue is served from its end.
func (q *queue) newestFirst(now time.Duration) bool {
	return q.order == LIFO || q.order == AdaptiveLIFO && now-q.start >= q.stands
}

// oldest returns the waiter that came first, where a level counts as a head start of
// ahead. The rank of a waiter is the time of its arrival less the head start of its
// level. It is a constant, so waiters age without any work.
func (q *queue) oldest(ahead time.Duration) (best *waiter) {
	var rank time.Duration
	for i := range levels { // of equal ranks, the one that came first
		if w := q.lines[i].head; w != nil {
			if r := w.since - time.Duration(i)*ahead; best == nil || r < rank {
				best, rank = w, r
			}
		}
	}
	return best
}

// newest is oldest for a queue that is served from its end.
func (q *queue) newest() (best *waiter) {
	var rank time.Duration
	for i := range levels { // of equal ranks, the one that came last
		if w := q.lines[i].tail; w != nil {
			if r := w.since + time.Duration(i)*q.ahead; best == nil || r > rank {
				best, rank = w, r
			}
		}
	}
	return best
}

// before is the weight of the waiters that go before a new call. It leaves out how they
// age.
func (q *queue) before(c call, now time.Duration) (weight float64) {
	if q.newestFirst(now) {
		return 0
	}
	for i := int(c.level - Low); i < levels; i++ {
		weight += q.lines[i].weight
	}
	return weight
}

// each calls f for all waiters, which f may remove.
func (q *queue) each(f func(*waiter)) {
	for i := range q.lines {
		for w := q.lines[i].head; w != nil; {
			next := w.next
			f(w)
			w = next
		}
	}
}
