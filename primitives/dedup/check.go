package dedup

import "time"

// State is what a [Check] found.
type State uint8

const (
	// Invalid: the key cannot be hashed, see [ErrKey]. Nothing was registered.
	Invalid State = iota
	// First: the key is new and now in flight. The caller owns it, and must end
	// it with [Dedup.Complete] or [Dedup.Fail].
	First
	// InProgress: somebody else owns the key and has not ended it yet.
	InProgress
	// Cached: a result is kept.
	Cached
)

// String returns the name of s in lower case.
func (s State) String() string {
	switch s {
	case First:
		return "first"
	case InProgress:
		return "in progress"
	case Cached:
		return "cached"
	}
	return "invalid"
}

// Check is the answer to the question whether work for a key needs doing.
type Check[V any] struct {
	State State
	Value V     // where State is Cached
	Token Token // where State is First
}

// Token is the ownership of one key in flight. It is a value; of all its copies
// the first use counts. The zero Token owns nothing.
type Token struct {
	gen    uint64 // never used twice in a shard
	flight uint32
	shard  uint32
}

// A Follower waits for the result of somebody else's work, see [Dedup.Join].
type Follower[V any] interface {
	// Done is called exactly once, by whoever ends the flight, with its result:
	// v counts where err is nil. No lock is held, so Done may use the
	// deduplicator; it must not block, because the other followers and the owner
	// wait for it to return.
	Done(v V, err error)
}

// Check asks for key, and at [First] registers it as in flight. It never
// waits: it is the step-by-step form of [Dedup.Do] for those who own the call
// themselves. A key in flight stays so until it is ended, however long that
// takes; the owner that forgets to end it holds up all who wait for it. It
// allocates nothing, but for the growth of the deduplicator.
func (d *Dedup[K, V]) Check(key K) Check[V] { return d.Join(key, nil) }

// Join is [Dedup.Check] which at [InProgress] also enlists f, unless it is nil,
// to be told the result. Followers are told in the order in which they joined.
// At any other state f is not touched. There is no way out for a follower: one
// that has lost interest is told all the same and looks away.
func (d *Dedup[K, V]) Join(key K, f Follower[V]) Check[V] {
	h, ok := d.hash(key)
	if !ok {
		return Check[V]{}
	}
	s := d.shard(h)
	v, i, hit := d.find(s, tag(h), key)
	if hit {
		return Check[V]{State: Cached, Value: v}
	}
	c := Check[V]{State: InProgress}
	if i == 0 {
		c = Check[V]{State: First, Token: s.begin(tag(h), key)}
	} else {
		s.join(i, f)
	}
	s.mu.Unlock()
	return c
}

// CheckAll is [Dedup.Check] for every key in turn. The answers are in the order
// of the keys; a new key that is repeated is First and then InProgress. It is
// not one atomic step: others may come in between.
func (d *Dedup[K, V]) CheckAll(keys []K) []Check[V] {
	checks := make([]Check[V], len(keys))
	for i, key := range keys {
		checks[i] = d.Check(key)
	}
	return checks
}

// Complete ends the flight of t with the result v: keeps it for the ttl, and
// tells the followers, before it returns. Only the current owner's token acts.
// For one that was used before, or belongs to another deduplicator, Complete
// changes nothing and returns false.
//
// To keep a result beyond the cap evicts the oldest. After a [Dedup.Clear]
// during the flight the followers are told and nothing is kept.
func (d *Dedup[K, V]) Complete(t Token, v V, opts ...CallOption) bool {
	return d.finish(t, v, nil, d.keep(opts))
}

// Fail ends the flight of t with the error err: keeps nothing, so that the next
// caller of the key is First, and tells the followers, before it returns. A nil
// err is told as [ErrFailed]. The token acts as in [Dedup.Complete].
func (d *Dedup[K, V]) Fail(t Token, err error) bool {
	if err == nil {
		err = d.fault(ErrFailed)
	}
	var zero V
	return d.finish(t, zero, err, 0)
}

// finish ends the flight of t and tells those who wait for it.
func (d *Dedup[K, V]) finish(t Token, v V, err error, keep time.Duration) bool {
	l, ok := d.land(t, v, err, keep)
	if !l.empty() {
		l.tell(v, err)
		d.shards[t.shard].recycle(l.followers)
	}
	return ok
}

// land ends the flight of t, and returns those who must be told.
func (d *Dedup[K, V]) land(t Token, v V, err error, keep time.Duration) (landing[V], bool) {
	if int(t.shard) >= len(d.shards) {
		return landing[V]{}, false
	}
	s := &d.shards[t.shard]
	if err != nil || keep <= 0 {
		keep = 0
	}
	var now int64
	if keep > 0 {
		now = d.now()
	}
	s.mu.Lock()
	if s.flight(t) == nil {
		s.mu.Unlock()
		return landing[V]{}, false
	}
	l := s.land(t.flight, v, err, now, keep)
	s.mu.Unlock()
	return l, true
}
