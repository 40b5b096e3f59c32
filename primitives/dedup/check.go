package dedup

// State is what a [Check] found.
type State uint8

const (
	// Invalid: the key cannot be hashed, or is not equal to itself: see [ErrKey].
	// Nothing was registered.
	Invalid State = iota
	// First: the key is new and now in flight. The caller owns it, and must end it with
	// [Dedup.Complete] or [Dedup.Fail].
	First
	// InProgress: another caller owns the key and has not ended it yet.
	InProgress
	// Cached: a result is kept.
	Cached
	// Stale: a value is kept and is due for renewal. Other callers are served the value.
	// The caller owns the renewal, and must end it as at First.
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

// Check tells whether work for a key needs doing.
type Check[V any] struct {
	State State
	Value V     // if State is Cached or Stale
	Err   error // a [*KeptError] if State is Cached, an [*Error] if it is Invalid
	Token Token // if State is First or Stale
}

// Token is the ownership of one key in flight. It is a value, and of all its copies the
// first use counts. The zero Token owns nothing.
type Token struct {
	gen    uint64 // never used twice in a shard
	flight uint32
	shard  uint32
}

// A Follower is called with the result of another caller's work, see [Dedup.Join].
type Follower[V any] interface {
	// Done is called exactly once, in the goroutine that ends the flight, with the
	// result of the flight: v counts if err is nil. No lock is held, so Done may use the
	// deduplicator. It must not block: the other followers and the owner wait for it.
	Done(v V, err error)
}

// Check asks for key, and at [First] registers it as in flight. It never waits: it is
// the step-by-step form of [Dedup.Do] for code that owns the call itself. A key stays in
// flight until its owner ends it, however long that takes. An owner that forgets to end
// it blocks all callers that wait for the key. Check allocates nothing, except when the
// deduplicator grows.
func (d *Dedup[K, V]) Check(key K, opts ...CallOption) Check[V] { return d.Join(key, nil, opts...) }

// Join is [Dedup.Check] that at [InProgress] also enlists f, unless f is nil, to be told
// the result. Followers are told in the order in which they joined. At any other state f
// is not used. A follower cannot leave: it is told in any case, and may ignore that.
func (d *Dedup[K, V]) Join(key K, f Follower[V], opts ...CallOption) Check[V] {
	h, ok := d.hash(key)
	if !ok {
		return Check[V]{Err: d.refusal(key)}
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
		checks := [1]Check[V]{{State: Stale, Value: v, Token: s.begin(i, now)}}
		s.mu.Unlock()
		if d.clone != nil {
			d.copyAll(checks[:])
		}
		return checks[0]
	case absent:
		t := s.begin(s.add(uint32(h), key), now)
		s.mu.Unlock()
		return Check[V]{State: First, Token: t}
	}
	s.join(i, f) // its result has expired just now, or while it was being renewed
	s.mu.Unlock()
	return Check[V]{State: InProgress}
}

// CheckAll is [Dedup.Check] for every key in turn. The answers are in the order of the
// keys. A new key that is repeated is First and then InProgress. CheckAll is not one
// atomic step: other callers may come between two keys. If [Hooks].Clone panics, the keys
// that CheckAll has registered are free again.
func (d *Dedup[K, V]) CheckAll(keys []K, opts ...CallOption) []Check[V] {
	checks := make([]Check[V], len(keys))
	finished := false
	defer func() {
		for i := 0; i < len(checks) && !finished; i++ { // Clone has left: the checks are lost
			d.finish(checks[i].Token, &ending[V]{err: errUnfinished})
		}
	}()
	d.JoinAll(checks, keys, nil, opts...)
	finished = true
	return checks
}

// Complete ends the flight of t with the result v. Before it returns it keeps v for the
// ttl and tells the followers. Only the token of the current owner acts. For a token
// that was used before, or belongs to another deduplicator, Complete changes nothing and
// returns false.
//
// A result beyond the cap evicts the oldest. After a [Dedup.Clear] or [Dedup.Forget]
// during the flight the followers are told and nothing is kept. If Clone or Weigh of
// [Hooks] panics, the flight goes on, and the owner must end it with [Dedup.Fail].
func (d *Dedup[K, V]) Complete(t Token, v V, opts ...CallOption) bool {
	if d.clone != nil {
		v = d.clone(v)
	}
	end := ending[V]{value: v}
	d.decide(&end, nil, d.call(opts))
	return d.finish(t, &end)
}

// Fail ends the flight of t with the error err, and tells the followers before it
// returns. It keeps err only if the policy has an [ErrorTTL]; otherwise the next caller
// of the key is First. A value whose renewal fails stays. For a nil err the followers get
// [ErrFailed]. The token acts as in [Dedup.Complete].
func (d *Dedup[K, V]) Fail(t Token, err error, opts ...CallOption) bool {
	if err == nil {
		err = d.named(ErrFailed)
	}
	end := ending[V]{err: err}
	decided := false
	defer func() {
		if !decided { // the classifier has left
			d.finish(t, &ending[V]{err: err})
		}
	}()
	d.decide(&end, nil, d.call(opts))
	decided = true
	return d.finish(t, &end)
}

// finish ends the flight of t and tells its followers.
func (d *Dedup[K, V]) finish(t Token, end *ending[V]) bool {
	if int(t.shard) >= len(d.shards) {
		return false
	}
	s := &d.shards[t.shard]
	s.mu.Lock()
	l, ok := s.land(t, end)
	s.mu.Unlock()
	if !l.empty() {
		d.tell(l, end.value, end.err)
		s.recycle(l.followers)
	}
	return ok
}
