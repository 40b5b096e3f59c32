package dedup

// JoinAll is [Dedup.Join] for every key in turn, for those who have many at hand:
// checks[i] becomes the answer for keys[i], and at [InProgress] followers[i] is
// enlisted, unless it is nil. checks is as long as keys; followers is, too, or nil.
// A new key that is repeated is First and then InProgress.
//
// It reads the clock once, and takes the lock once for neighbours that share it: in
// a deduplicator of one shard, see [Shards], once for up to 64 keys. It allocates
// nothing.
func (d *Dedup[K, V]) JoinAll(checks []Check[V], keys []K, followers []Follower[V], opts ...CallOption) {
	c := d.call(opts)
	if c.now == 0 {
		c.now = d.now()
	}
	const most = 64
	for len(keys) > most {
		d.joinSome(checks[:most], keys[:most], followers[:min(most, len(followers))], c.now)
		checks, keys, followers = checks[most:], keys[most:], followers[min(most, len(followers)):]
	}
	d.joinSome(checks, keys, followers, c.now)
}

// joinSome is JoinAll for up to 64 keys. The hashes come first: what follows is
// free of anything that keeps the processor from looking ahead.
func (d *Dedup[K, V]) joinSome(checks []Check[V], keys []K, followers []Follower[V], now int64) {
	var hashes [64]uint64
	valid := true
	for i, key := range keys {
		var ok bool
		hashes[i], ok = d.hash(key)
		if checks[i] = (Check[V]{}); ok {
			checks[i].State = First // until it is looked at
		}
		valid = valid && ok
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
	if d.clone == nil {
		return
	}
	for i := range checks {
		if c := &checks[i]; c.Err == nil && (c.State == Cached || c.State == Stale) {
			c.Value = d.clone(c.Value)
		}
	}
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
// flight has ended. It reads the clock and takes locks as [Dedup.JoinAll] does.
func (d *Dedup[K, V]) CompleteAll(tokens []Token, values []V, opts ...CallOption) int {
	c := d.call(opts)
	if d.clone != nil || d.weigh != nil || d.policy.jitter > 0 { // each has an end of its own
		n := 0
		for i, t := range tokens {
			if d.Complete(t, values[i], opts...) {
				n++
			}
		}
		return n
	}
	var end ending[V]
	d.decide(&end, nil, c)
	var held *shard[K, V]
	if len(d.shards) == 1 {
		held = d.hold(nil, &d.shards[0])
		held.lookAt(tokens)
	}
	n := 0
	for i, t := range tokens {
		if int(t.shard) >= len(d.shards) {
			continue
		}
		held = d.hold(held, &d.shards[t.shard])
		end.value = values[i]
		l, ok := held.land(t, &end)
		if ok {
			n++
		}
		if !l.empty() {
			held.mu.Unlock()
			l.tell(end.value, nil, nil)
			held.recycle(l.followers)
			held = nil
		}
	}
	d.hold(held, nil)
	return n
}

// hold lets one shard go and locks another, where they differ; either may be nil.
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
