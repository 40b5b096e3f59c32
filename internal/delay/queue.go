package delay

// Queue holds values until they are due, the earliest first, and those that are
// due at the same time in the order they were pushed. The zero Queue is empty
// and ready. It is for one goroutine at a time and must not be copied.
//
// Push takes the same time however many values wait. A value is moved a few times
// until it is popped, but always together with its neighbours in memory, so a
// million that wait are nearly as cheap as a thousand. A value takes 8 bytes
// beside itself and its share of a chunk; the queue keeps its largest size, and
// in steady state allocates nothing. Values without pointers are passed by in a
// garbage collection.
//
// Nothing but PopDue takes a value out. To cancel one is the owner's business: he
// remembers that he did, and passes the value by when it comes.
//
// The queue is a hierarchical timing wheel (Varghese and Lauck, 1987) without
// ticks: written in base 64, a time is kept on the level of the highest digit in
// which it differs from the cursor, in the slot of that digit. So the lowest level
// in use holds what is due first, in its lowest slot. When that slot is due, its
// beginning becomes the cursor, and what is in it moves to where it then belongs,
// on lower levels. On level 0 all values of a slot have the same time, so nothing
// is rounded and the order is exact: the wheel is a radix heap (Ahuja, Mehlhorn,
// Orlin and Tarjan, 1990).
type Queue[V any] struct {
	count  int
	cursor int64     // not above any time that is not overdue
	used   uint      // levels that hold something, a bit each
	spare  *chunk[V] // chunks not in use
	levels [levels]*level[V]
}

// Len returns how many values wait.
func (q *Queue[V]) Len() int { return q.count }

// Push adds v, due at the time at, which is at least 0. A time before that of a
// value that was already popped is overdue and counts as that time.
func (q *Queue[V]) Push(at int64, v V) {
	if q.count++; q.count == 1 {
		q.cursor = 0 // with nothing to put in order, time may begin anew
	}
	q.place(entry[V]{max(at, q.cursor), v})
}

// Next returns when the earliest value is due, and false where none waits.
func (q *Queue[V]) Next() (at int64, ok bool) {
	if q.count == 0 {
		return 0, false
	}
	l, slot := q.first()
	return l.earliest[slot], true
}

// PopDue removes and returns the earliest value if it is due at the time now, or
// before; otherwise it returns false. PopDue(math.MaxInt64) drains the queue in
// order.
func (q *Queue[V]) PopDue(now int64) (v V, ok bool) {
	for q.count > 0 {
		l, slot := q.first()
		if l.earliest[slot] > now {
			break
		}
		if l != q.levels[0] && !l.head[slot].single() {
			q.scatter(l, slot)
			continue
		}
		e := q.shift(l, slot)
		q.cursor = e.at
		q.count--
		return e.value, true
	}
	return v, false
}
