package dedup

import "fmt"

// JoinAll is [Dedup.Join] for every key in turn. checks[i] becomes the answer for
// keys[i]. At [InProgress] followers[i] is enlisted, unless it is nil. A new key that
// is repeated is First and then InProgress. JoinAll panics if checks is shorter than
// keys, or if followers is neither nil nor as long as keys.
//
// It reads the clock at most once. It takes a lock once for neighbours that share it: in a
// deduplicator of one shard, see [Shards], once for up to 64 keys. It allocates
// nothing in steady state.
//
// If [Hooks].Clone panics, the other checks are answered before the panic propagates.
// The check of that value is [Invalid].
func (d *Dedup[K, V]) JoinAll(checks []Check[V], keys []K, followers []Follower[V], opts ...CallOption) {
	if len(checks) < len(keys) || followers != nil && len(followers) < len(keys) {
		panic(fmt.Sprintf("dedup: JoinAll of %d keys with %d checks and %d followers", len(keys), len(checks), len(followers)))
	}
	if len(keys) == 1 && d.clone == nil { // without what prepares for many
		var f Follower[V]
		if followers != nil {
			f = followers[0]
		}
		checks[0] = d.Join(keys[0], f, opts...)
		return
	}
	c := d.call(opts)
	if c.now == 0 {
		c.now = d.now()
	}
	for at := 0; at < len(keys); at += most {
		end := min(at+most, len(keys))
		var some []Follower[V]
		if followers != nil {
			some = followers[at:end]
		}
		d.joinSome(checks[at:end], keys[at:end], some, c.now)
	}
	if d.clone != nil {
		d.copyAll(checks[:len(keys)])
	}
}

// most is how many keys a batch is done at a time.
const most = 64

// joinSome is JoinAll for up to 64 keys. The hashes come first, so that nothing keeps
// the processor from looking ahead in the loop that follows.
func (d *Dedup[K, V]) joinSome(checks []Check[V], keys []K, followers []Follower[V], now int64) {
	var hashes [most]uint64
	valid := true
	for i, key := range keys {
		var ok bool
		hashes[i], ok = d.hash(key)
		if ok {
			checks[i] = Check[V]{State: First} // until it is looked at
			continue
		}
		checks[i] = Check[V]{Err: d.refusal(key)}
		valid = false
	}
	var held *shard[K, V]
	if len(d.shards) == 1 {
		held = d.hold(nil, &d.shards[0])
		held.lookUp(hashes[:len(keys)])
	}
	for i, key := range keys {
		if !valid && checks[i].State == Invalid {
			continue
		}
		held = d.hold(held, d.shard(hashes[i]))
		var f Follower[V]
		if followers != nil {
			f = followers[i]
		}
		d.joinLocked(&checks[i], held, hashes[i], key, f, now)
	}
	d.hold(held, nil)
}

// joinLocked is the part of Join that needs the lock of s.
func (d *Dedup[K, V]) joinLocked(c *Check[V], s *shard[K, V], h uint64, key K, f Follower[V], now int64) {
	i := s.table.find(uint32(h), key)
	found := absent
	switch {
	case i == 0:
	case s.table.entries[i].expires == 0:
		found = flying
	default:
		c.Value, i, found, c.Err = d.judge(s, i, now)
	}
	switch found {
	case absent:
		c.Token = s.begin(s.add(uint32(h), key), now)
	case flying:
		c.State = InProgress
		s.join(i, f)
	case due:
		c.State, c.Token = Stale, s.begin(i, now)
	case hit:
		c.State = Cached
	}
}

// CompleteAll is [Dedup.Complete] for every token in turn, with values[i] for
// tokens[i]. It returns how many of them acted. Followers are told as soon as their
// flight has ended. It reads the clock and takes locks as [Dedup.JoinAll] does, and
// panics if values is shorter than tokens.
//
// If a follower or a hook panics, the other tokens act before the panic propagates. A
// token whose value could not be cloned or weighed has not acted.
func (d *Dedup[K, V]) CompleteAll(tokens []Token, values []V, opts ...CallOption) int {
	if len(values) < len(tokens) {
		panic(fmt.Sprintf("dedup: CompleteAll of %d tokens and %d values", len(tokens), len(values)))
	}
	if d.clone != nil || d.weigh != nil || d.policy.jitter > 0 { // each has an end of its own
		return d.completeEach(tokens, values, opts)
	}
	if len(tokens) == 1 {
		if d.Complete(tokens[0], values[0], opts...) {
			return 1
		}
		return 0
	}
	var end ending[V]
	d.decide(&end, nil, d.call(opts))
	return d.completeAll(tokens, values, &end)
}

// completeEach goes on with the next token if a follower or a hook leaves.
func (d *Dedup[K, V]) completeEach(tokens []Token, values []V, opts []CallOption) (n int) {
	i := 0
	defer func() {
		if i < len(tokens) {
			d.completeEach(tokens[i+1:], values[i+1:], opts)
		}
	}()
	for ; i < len(tokens); i++ {
		if d.Complete(tokens[i], values[i], opts...) {
			n++
		}
	}
	return n
}

// completeAll ends flights of which all but the value is decided. It goes on with the
// next token if a follower leaves.
func (d *Dedup[K, V]) completeAll(tokens []Token, values []V, end *ending[V]) (n int) {
	var held *shard[K, V]
	if len(d.shards) == 1 {
		held = d.hold(nil, &d.shards[0])
		held.lookAt(tokens)
	}
	i := 0
	defer func() {
		if i < len(tokens) {
			d.completeAll(tokens[i+1:], values[i+1:], end)
		}
	}()
	for ; i < len(tokens); i++ {
		t := tokens[i]
		if int(t.shard) >= len(d.shards) {
			continue
		}
		held = d.hold(held, &d.shards[t.shard])
		end.value = values[i]
		l, ok := held.land(t, end)
		if ok {
			n++
		}
		if !l.empty() {
			held.mu.Unlock()
			d.tell(l, end.value, nil)
			held.recycle(l.followers)
			held = nil
		}
	}
	d.hold(held, nil)
	return n
}

// hold unlocks one shard and locks another, if they differ. Either may be nil.
func (d *Dedup[K, V]) hold(held, next *shard[K, V]) *shard[K, V] {
	if held == next {
		return held
	}
	if held != nil {
		held.mu.Unlock()
	}
	if next != nil {
		next.mu.Lock()
	}
	return next
}
