package dedup

import (
	"errors"
)

// Set remembers keys, to drop what comes twice. It is a [Dedup] without values and
// without flights: a key counts as seen from the moment it is asked for. It is made by
// [NewSet] or [SetOf] and is safe for concurrent use. A key costs 24 bytes and its own
// size, and the index half as much. The garbage collector does not look into a set of
// keys that hold no pointers.
type Set[K comparable] struct{ d Dedup[K, struct{}] }

// NewSet returns an empty set that remembers keys for the ttl of p, or a [*PolicyError]
// that lists what is wrong. A ttl of 0 is refused, because it remembers nothing, and so
// are the options about values and errors.
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
	return &Set[K]{*Of[K, struct{}](p)}, nil
}

// SetOf is [NewSet] for a policy that is written in the program. It returns a set even if
// p is invalid. [Set.Err] returns what is wrong with p, and so does each [Set.Seen].
func SetOf[K comparable](p Policy) *Set[K] {
	s, err := NewSet[K](p)
	if err != nil {
		return &Set[K]{Dedup[K, struct{}]{policy: Policy{name: p.name}, fault: err}}
	}
	return s
}

// Err returns nil if s can be used, and otherwise what [Set.Seen] fails with: the
// policy given to [SetOf] was invalid, or s is the zero Set.
func (s *Set[K]) Err() error { return s.d.Err() }

// Seen reports whether key was seen within the ttl, and remembers it if not. Of several
// callers at once, exactly one gets false. The ttl counts from the call that was told
// false: a key that is seen again is not remembered for longer. Beyond the cap the key
// that was seen first is forgotten. A key that cannot be hashed, or is not equal to
// itself, returns false and [ErrKey]. Seen returns at once and reads the clock once, or
// not at all with [At].
func (s *Set[K]) Seen(key K, opts ...CallOption) (bool, error) {
	d := &s.d
	h, ok := d.hash(key)
	if !ok {
		return false, d.refusal(key)
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
			return true, nil
		}
		sh.expire(i)
	}
	sh.misses++
	sh.completed++
	if end.expires != 0 {
		sh.keep(sh.add(uint32(h), key), &end)
	}
	sh.shrink()
	return false, nil
}

// Forget removes key from the set, and reports whether it was there.
func (s *Set[K]) Forget(key K) bool { return s.d.Forget(key) }

// Clear forgets all keys. The counters are not reset.
func (s *Set[K]) Clear() { s.d.Clear() }

// Snapshot returns the present figures. Cached is the number of keys remembered. Hits and
// Misses are the numbers of calls of Seen that were told true and false.
func (s *Set[K]) Snapshot() Snapshot { return s.d.Snapshot() }
