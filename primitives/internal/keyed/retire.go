package keyed

import "time"

// looks is how many entries are looked at to make room for one. Entries that must stay
// go to the end of the ring, so that the next look finds others, and no call looks at
// all of them.
const looks = 8

// room makes room for one more, and reports whether there is. The lock is held.
func (t *Table[K, V, S]) room() bool {
	for range looks {
		if len(t.entries) < t.limit {
			return true
		}
		t.retire(t.root.next)
	}
	return len(t.entries) < t.limit
}

// retireIdle looks at the least recently used entry. One look for each use of the table
// is enough, because a use adds at most one entry. The lock is held.
func (t *Table[K, V, S]) retireIdle(now time.Duration) {
	if e := t.root.next; e != &t.root && now-e.used >= t.idle {
		t.retire(e)
	}
}

// retire forgets e, or moves it to the end of the ring if it must stay. The lock is
// held.
func (t *Table[K, V, S]) retire(e *Entry[K, V]) {
	if e.pins > 0 || t.Needed(e.Value) {
		t.last(e)
		return
	}
	delete(t.entries, e.Key)
	e.prev.next, e.next.prev = e.next, e.prev
	e.prev, e.next = nil, nil
	t.counts.Forgotten++
	t.Add(&t.gone, e.Value)
}
