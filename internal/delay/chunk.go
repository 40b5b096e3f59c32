package delay

// chunkSize is how many entries move together. A lone entry has a chunk of its
// own, so it must not be large.
const chunkSize = 15

// entry is a value and when it is due.
type entry[V any] struct {
	at    int64
	value V
}

// chunk is a part of what is in a slot: entries[from:end].
type chunk[V any] struct {
	next      *chunk[V] // first, so that a garbage collection looks no further
	from, end uint32
	entries   [chunkSize]entry[V]
}

// single reports whether a list of chunks holds one entry.
func (c *chunk[V]) single() bool { return c.end-c.from == 1 && c.next == nil }

// chunk returns an empty one.
func (q *Queue[V]) chunk() *chunk[V] {
	c := q.spare
	if c == nil {
		return new(chunk[V])
	}
	q.spare = c.next
	c.next, c.from, c.end = nil, 0, 0
	return c
}

// drop takes an emptied chunk back.
func (q *Queue[V]) drop(c *chunk[V]) { c.next, q.spare = q.spare, c }
