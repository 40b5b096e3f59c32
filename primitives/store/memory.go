package store

import (
	"bytes"
	"container/heap"
	"context"
	"strings"
	"sync"
	"time"
)

// Memory is a [Store] and a [Watcher] in the memory of one process: to run without a
// server, to share between parts of a process, and for tests. It is made by [NewMemory]
// and is safe for concurrent use. It has no goroutine and nothing to close. Each write
// removes the entries whose ttl is over.
type Memory struct {
	start time.Time // origin of all times in here: monotonic

	mu       sync.Mutex // Must not: be held while blocking or while a loop body runs.
	entries  map[string]*record
	expiry   expiry
	revision uint64 // of the newest write to any key
	watches  map[*watch]struct{}
}

// record is an entry as Memory keeps it. Invariant: its value is never written to again.
type record struct {
	key      string
	value    []byte
	revision uint64
	written  time.Duration
	expires  time.Duration
	index    int // in expiry
}

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{
		start:   time.Now(),
		entries: make(map[string]*record),
		watches: make(map[*watch]struct{}),
	}
}

// Load returns at once. It is never old.
func (m *Memory) Load(ctx context.Context, key string) (Entry, error) {
	if err := m.ready(ctx, "load", key, CheckKey(key)); err != nil {
		return Entry{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if r := m.live(key, now); r != nil {
		return r.entry(now), nil
	}
	return Entry{}, nil
}

// List returns at once, with all entries at one instant, in no order. It looks at every
// entry of the store.
func (m *Memory) List(ctx context.Context, folder string) ([]Entry, error) {
	if err := m.ready(ctx, "list", folder, CheckFolder(folder)); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	var entries []Entry
	for key := range m.entries {
		if r := m.live(key, now); r != nil && strings.HasPrefix(key, folder) {
			entries = append(entries, r.entry(now))
		}
	}
	return entries, nil
}

// CompareAndSet returns at once. By then each stream of [Memory.Watch] has the event or
// is marked Lost.
func (m *Memory) CompareAndSet(ctx context.Context, key string, revision uint64, value []byte, ttl time.Duration) (uint64, error) {
	const op = "compare and set"
	fault := CheckKey(key)
	if fault == nil && ttl <= 0 {
		fault = ErrTTL
	}
	if err := m.ready(ctx, op, key, fault); err != nil {
		return 0, err
	}
	value = bytes.Clone(value)
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	m.purge(now)
	r := m.entries[key]
	if r == nil && revision != 0 || r != nil && r.revision != revision {
		return 0, &Error{Op: op, Key: key, Err: ErrConflict}
	}
	if r == nil {
		r = &record{key: key}
		m.entries[key] = r
		heap.Push(&m.expiry, r)
	}
	m.revision++
	r.value, r.revision, r.written = value, m.revision, now
	r.expires = now + min(ttl, maxTime-now)
	heap.Fix(&m.expiry, r.index)
	m.tell(r)
	return r.revision, nil
}

// ready returns what is wrong with a call before it begins.
func (m *Memory) ready(ctx context.Context, op, key string, fault error) error {
	if m.entries == nil {
		fault = errUnmade
	}
	if fault == nil {
		fault = ctx.Err()
	}
	if e, ok := fault.(*Error); ok {
		fault = e.Err
	}
	if fault == nil {
		return nil
	}
	return &Error{Op: op, Key: key, Err: fault}
}

const maxTime = time.Duration(1<<63 - 1)

// now is read with mu held if an entry is told or written. A clock that is read before
// the lock is taken would let a ttl begin before its write, or tell an entry whose ttl is
// over.
func (m *Memory) now() time.Duration { return time.Since(m.start) }

// live returns the record of key, nil if there is none or its ttl is over.
func (m *Memory) live(key string, now time.Duration) *record {
	if r := m.entries[key]; r != nil && now < r.expires {
		return r
	}
	return nil
}

// purge removes what has expired. Every entry is removed once, so that its cost belongs
// to the write that made it.
func (m *Memory) purge(now time.Duration) {
	for len(m.expiry) > 0 && m.expiry[0].expires <= now {
		delete(m.entries, heap.Pop(&m.expiry).(*record).key)
	}
}

func (r *record) entry(now time.Duration) Entry {
	return Entry{Key: r.key, Value: bytes.Clone(r.value), Revision: r.revision, Age: now - r.written}
}

// expiry is a heap of all records, the next to expire first.
type expiry []*record

func (h expiry) Len() int           { return len(h) }
func (h expiry) Less(i, j int) bool { return h[i].expires < h[j].expires }
func (h expiry) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *expiry) Push(x any) {
	r := x.(*record)
	r.index = len(*h)
	*h = append(*h, r)
}
func (h *expiry) Pop() any {
	old := *h
	r := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return r
}
