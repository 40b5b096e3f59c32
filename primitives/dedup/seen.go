package dedup

import (
	"errors"
)

// Set remembers keys, to drop what comes twice. It is a [Dedup] without values and
// without flights: a key counts as seen from the moment it is asked for. It is made
// by [NewSet] and is safe for concurrent use. A key costs 24 bytes and its own size,
// and the index half as much; the garbage collector does not look into a set of
// keys that hold no pointers.
type Set[K comparable] struct{ d *Dedup[K, struct{}] }

// NewSet returns an empty set that remembers keys for the ttl of p, or a
// [*PolicyError] that lists what is wrong: a ttl of 0 would remember nothing, and
// the options about values and errors mean nothing here.
func NewSet[K comparable](p Policy) (*Set[K], error) {
	fault := p.validate(0, true)
	var valid *PolicyError
	if errors.As(fault, &valid) {
		fault = valid.Err
	}
	if p.made && p.ttl == 0 {
		fault = errors.Join(fault, errors.New("a set with a ttl of 0 remembers nothing"))
	}
	if g := p.given; g.weight || g.errors || g.stale || g.early || g.classify {
		fault = errors.Join(fault, errors.New("a set has neither values nor errors that options could be about"))
	}
	if fault != nil {
		return nil, &PolicyError{Name: p.name, Err: fault}
	}
	d, err := New[K, struct{}](p)
	return &Set[K]{d}, err
}

// Seen reports whether key has been seen before, not longer ago than the ttl, and
// remembers it if not. Of several who ask at once, one is told false. To be seen
// again does not prolong the time: the ttl counts from the call that was told
// false. Beyond the cap the key seen first is forgotten. A key that is not equal to
// itself, or cannot be hashed, is never seen. Seen waits for nobody and reads the
// clock once, or not at all with [At].
func (s *Set[K]) Seen(key K, opts ...CallOption) bool {
	d := s.d
	h, ok := d.hash(key)
	if !ok || key != key {
		return false
	}
	var end ending[struct{}]
	if d.decide(&end, nil, d.call(opts)); end.now == 0 { // a ttl of 0 for this key
		end.now = d.now()
	}
	sh := d.shard(h)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if i := sh.table.find(uint32(h), key); i != 0 {
		if end.now < sh.table.entries[i].expires {
			sh.hits++
			return true
		}
		sh.expire(i)
	}
	sh.misses++
	sh.completed++
	if end.expires != 0 {
		sh.keep(sh.add(uint32(h), key), &end)
	}
	sh.shrink()
	return false
}

// Forget makes key as one that was never seen, and reports whether it was.
func (s *Set[K]) Forget(key K) bool { return s.d.Forget(key) }

// Clear forgets all keys. The counters are not reset.
func (s *Set[K]) Clear() { s.d.Clear() }

// Snapshot returns the present picture: Cached is the number of keys remembered,
// Hits and Misses are the calls of Seen that were told true and false.
func (s *Set[K]) Snapshot() Snapshot { return s.d.Snapshot() }
