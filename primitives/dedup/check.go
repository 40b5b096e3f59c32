package dedup

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
	// Stale: a value is kept, and is due for renewal; others are served with it
	// meanwhile. The caller owns the renewal, and must end it as at First.
	Stale
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
	case Stale:
		return "stale"
	}
	return "invalid"
}

// Check is the answer to the question whether work for a key needs doing.
type Check[V any] struct {
	State State
	Value V     // where State is Cached or Stale
	Err   error // where State is Cached and the result is an error: a [*KeptError]
	Token Token // where State is First or Stale
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
func (d *Dedup[K, V]) Check(key K, opts ...CallOption) Check[V] { return d.Join(key, nil, opts...) }

// Join is [Dedup.Check] which at [InProgress] also enlists f, unless it is nil,
// to be told the result. Followers are told in the order in which they joined.
// At any other state f is not touched. There is no way out for a follower: one
// that has lost interest is told all the same and looks away.
func (d *Dedup[K, V]) Join(key K, f Follower[V], opts ...CallOption) Check[V] {
	h, ok := d.hash(key)
	if !ok {
		return Check[V]{}
	}
	now := d.asked(d.call(opts))
	s := d.shard(h)
	s.mu.Lock()
	i := s.table.find(uint32(h), key)
	if i == 0 {
		t := s.begin(s.add(uint32(h), key), now)
		s.mu.Unlock()
		return Check[V]{State: First, Token: t}
	}
	if s.table.entries[i].expires == 0 {
		s.join(i, f)
		s.mu.Unlock()
		return Check[V]{State: InProgress}
	}
	v, i, found, err := d.find(s, h, key, i, now)
	switch found {
	case hit:
		if err == nil {
			v = d.share(v)
		}
		return Check[V]{State: Cached, Value: v, Err: err}
	case due:
		t := s.begin(i, now)
		s.mu.Unlock()
		return Check[V]{State: Stale, Value: d.share(v), Token: t}
	case absent:
		t := s.begin(s.add(uint32(h), key), now)
		s.mu.Unlock()
		return Check[V]{State: First, Token: t}
	}
	s.join(i, f) // its result has just gone, or is gone while it is being renewed
	s.mu.Unlock()
	return Check[V]{State: InProgress}
}

// CheckAll is [Dedup.Check] for every key in turn. The answers are in the order
// of the keys; a new key that is repeated is First and then InProgress. It is
// not one atomic step: others may come in between.
func (d *Dedup[K, V]) CheckAll(keys []K, opts ...CallOption) []Check[V] {
	checks := make([]Check[V], len(keys))
	for i, key := range keys {
		checks[i] = d.Check(key, opts...)
	}
	return checks
}

// Complete ends the flight of t with the result v: keeps it for the ttl, and
// tells the followers, before it returns. Only the current owner's token acts.
// For one that was used before, or belongs to another deduplicator, Complete
// changes nothing and returns false.
//
// To keep a result beyond the cap evicts the oldest. After a [Dedup.Clear] or
// [Dedup.Forget] during the flight the followers are told and nothing is kept.
func (d *Dedup[K, V]) Complete(t Token, v V, opts ...CallOption) bool {
	if d.clone != nil {
		v = d.clone(v)
	}
	end := ending[V]{value: v}
	d.decide(&end, nil, d.call(opts))
	return d.finish(t, &end)
}

// Fail ends the flight of t with the error err, and tells the followers, before
// it returns. It keeps nothing, so that the next caller of the key is First, but
// where the policy has an [ErrorTTL]; a value that was to be renewed stays. A nil
// err is told as [ErrFailed]. The token acts as in [Dedup.Complete].
func (d *Dedup[K, V]) Fail(t Token, err error, opts ...CallOption) bool {
	if err == nil {
		err = d.fault(ErrFailed)
	}
	end := ending[V]{err: err}
	d.decide(&end, nil, d.call(opts))
	return d.finish(t, &end)
}

// finish ends the flight of t and tells those who wait for it.
func (d *Dedup[K, V]) finish(t Token, end *ending[V]) bool {
	if int(t.shard) >= len(d.shards) {
		return false
	}
	s := &d.shards[t.shard]
	s.mu.Lock()
	l, ok := s.land(t, end)
	s.mu.Unlock()
	if !l.empty() {
		l.tell(end.value, end.err, d.clone)
		s.recycle(l.followers)
	}
	return ok
}
