package guard

import "time"

// Order says which waiter is served next.
type Order uint8

const (
	// FIFO serves first come, first served. It is the default.
	FIFO Order = iota
	// LIFO serves the newest first: under a load that cannot be met some calls
	// are still quick, and those that have waited longest, whose callers are the
	// likeliest to have given up, wait on. Pair it with deadlines or [CoDel].
	LIFO
	// AdaptiveLIFO is FIFO while the queue is calm and LIFO while it stands,
	// which is: has not been empty for 100 ms, or for the interval of [CoDel].
	// From B. Maurer, "Fail at Scale", ACM Queue 13(8), 2015.
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

// queue holds the waiters, a line for each level, and those who have left it.
type queue struct {
	lines  [levels]line // by level, low first; each in the order of arrival
	len    int
	weight int // of all waiters
	order  Order
	ahead  time.Duration // the head start of a level; 0: they are all alike
	stands time.Duration // how long AdaptiveLIFO calls a queue calm
	start  time.Duration // since when the queue is not empty, where it is timed
	exits  exits
}

// line is a linked list, so that a cancelled waiter leaves from the middle at
// once: one that stayed until its turn would keep memory for callers long gone.
type line struct {
	head, tail *waiter
	weight     int
}

// join puts a waiter at the end of its line.
func (q *queue) join(c call, now time.Duration) *waiter {
	if q.ahead == 0 {
		c.level = Normal
	}
	w := q.exits.reuse()
	w.call, w.since = c, now
	l := &q.lines[c.level-Low]
	w.next, w.prev = nil, l.tail
	if l.tail == nil {
		l.head = w
	} else {
		l.tail.next = w
	}
	l.tail = w
	l.weight += c.weight
	q.weight += c.weight
	if q.len == 0 {
		q.start = now
	}
	q.len++
	w.queued = true
	return w
}

// remove takes out a waiter that is in the queue.
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
	l.weight -= w.weight
	q.weight -= w.weight
	q.len--
}

// next returns the waiter whose turn it is. The queue must not be empty.
func (q *queue) next(now time.Duration) (best *waiter) {
	if only := &q.lines[Normal-Low]; q.len > 0 && only.weight == q.weight {
		if q.newestFirst(now) {
			return only.tail
		}
		return only.head
	}
	if q.newestFirst(now) {
		return q.newest()
	}
	return q.oldest(q.ahead)
}

// newestFirst reports whether the queue is served from its end.
func (q *queue) newestFirst(now time.Duration) bool {
	return q.order == LIFO || q.order == AdaptiveLIFO && now-q.start >= q.stands
}

// oldest returns the waiter that came first, where each level counts as a head
// start. The head start makes the rank of a waiter a constant, the time of its
// arrival less its level's share: waiters age without anybody looking at them.
func (q *queue) oldest(ahead time.Duration) (best *waiter) {
	var rank time.Duration
	for i := range levels { // of equals the one that came first
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
	for i := range levels { // of equals the one that came last
		if w := q.lines[i].tail; w != nil {
			if r := w.since + time.Duration(i)*q.ahead; best == nil || r > rank {
				best, rank = w, r
			}
		}
	}
	return best
}

// before is the weight of the waiters that go before a newcomer, give or take
// what ageing makes of it.
func (q *queue) before(c call, now time.Duration) (weight int) {
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
