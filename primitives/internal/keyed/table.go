package keyed

import (
	"fmt"
	"sync"
	"time"
)

// Table keeps values by key, at most a limit of them. A value is pinned while a call
// uses it. The table forgets values that are neither pinned nor needed: to make room,
// or when they were not used for the idle time. Keys without room share one value,
// which is never forgotten.
//
// K is the key, V the value, and S the sum of what forgotten values have counted.
type Table[K comparable, V, S any] struct {
	Kind[K, V, S]
	limit int
	idle  time.Duration
	base  time.Time

	mu      sync.Mutex // never held while a method of K runs
	entries map[K]*Entry[K, V]
	root    Entry[K, V]  // of the ring of entries: next is the least recently used
	shared  *Entry[K, V] // of the keys without room; nil: there was always room
	gone    S
	counts  Counts
}

// Kind tells a table about its values.
type Kind[K comparable, V, S any] struct {
	// Build makes the value of a key. It is called without a lock: a key may have a
	// method String.
	Build func(K) V
	// Shared makes the value of all keys without room.
	Shared func() V
	// Needed reports whether a new value in its place would lose something that
	// matters. The table's lock is held.
	Needed func(V) bool
	// Add adds what a value has counted. The table's lock is held.
	Add func(*S, V)
}

// Entry is a value in a table.
type Entry[K comparable, V any] struct {
	Key   K
	Value V

	pins       int
	used       time.Duration // since base
	prev, next *Entry[K, V]
}

// Counts are the figures of a table.
type Counts struct {
	Kept, Pinned            int
	Made, Forgotten, Unkept uint64
}

// New returns an empty table for at most limit values. It forgets values that were not
// used for the idle time.
func New[K comparable, V, S any](limit int, idle time.Duration, kind Kind[K, V, S]) *Table[K, V, S] {
	t := &Table[K, V, S]{Kind: kind, limit: limit, idle: idle, base: time.Now(), entries: map[K]*Entry[K, V]{}}
	t.root.prev, t.root.next = &t.root, &t.root
	return t
}

// Pin returns the entry of key, and makes it if there is none. Until [Table.Release],
// all pins of the key get the same entry, unless the key has no room. A key that could
// not be found again is refused.
func (t *Table[K, V, S]) Pin(key K) (*Entry[K, V], error) {
	now := time.Since(t.base)
	t.mu.Lock()
	t.retireIdle(now)
	e, fault := t.find(key)
	if e != nil {
		t.pin(e, now)
	}
	t.mu.Unlock()
	if fault != "" {
		return nil, fmt.Errorf("a value of type %T %s", key, fault)
	}
	if e == nil {
		e = t.add(&Entry[K, V]{Key: key, Value: t.Build(key)}, now)
	}
	return e, nil
}

// Release ends the use of an entry, once for each Pin.
func (t *Table[K, V, S]) Release(e *Entry[K, V]) {
	now := time.Since(t.base)
	t.mu.Lock()
	defer t.mu.Unlock()
	e.pins--
	e.used = now
}

// Look returns the entries that are kept, the shared entry or nil, and the figures. sum
// is what the forgotten values have counted. The caller adds what the other values
// count.
func (t *Table[K, V, S]) Look() (kept []*Entry[K, V], shared *Entry[K, V], sum S, c Counts) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c = t.counts
	kept = make([]*Entry[K, V], 0, len(t.entries))
	for e := t.root.next; e != &t.root; e = e.next {
		kept = append(kept, e)
		if e.pins > 0 {
			c.Pinned++
		}
	}
	c.Kept = len(kept)
	return kept, t.shared, t.gone, c
}

// find returns the entry of key, or nil. fault says why no entry can be found by the
// key. The lock is held: to hash a key runs no code of the user.
func (t *Table[K, V, S]) find(key K) (e *Entry[K, V], fault string) {
	defer func() {
		if recover() != nil {
			e, fault = nil, "cannot be hashed" // an interface that holds a slice, say
		}
	}()
	e = t.entries[key]
	if same := key; key != same {
		return nil, "is not equal to itself"
	}
	return e, ""
}

// add keeps e, if there is room and no other call has kept one for its key.
func (t *Table[K, V, S]) add(e *Entry[K, V], now time.Duration) *Entry[K, V] {
	t.mu.Lock()
	defer t.mu.Unlock()
	if other := t.entries[e.Key]; other != nil {
		e = other
	} else if t.room() {
		t.entries[e.Key] = e
		t.counts.Made++
	} else {
		t.counts.Unkept++
		return t.share()
	}
	t.pin(e, now)
	return e
}

// share returns the entry of the keys without room. It is in no ring, so its pins have
// no meaning. The lock is held.
func (t *Table[K, V, S]) share() *Entry[K, V] {
	if t.shared == nil {
		t.shared = &Entry[K, V]{Value: t.Shared()}
	}
	return t.shared
}

// pin makes e the most recently used entry. The lock is held.
func (t *Table[K, V, S]) pin(e *Entry[K, V], now time.Duration) {
	e.pins++
	e.used = now
	t.last(e)
}

// last moves e, which may be new, to the end of the ring. The lock is held.
func (t *Table[K, V, S]) last(e *Entry[K, V]) {
	if e.next != nil {
		e.prev.next, e.next.prev = e.next, e.prev
	}
	e.prev, e.next = t.root.prev, &t.root
	e.prev.next, t.root.prev = e, e
}
