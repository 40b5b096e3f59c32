package dedup

// Purge removes all expired results and returns their number. There is no need
// to call it: expired results are never served, and each result that is kept
// removes two expired ones. It gives the memory of an idle deduplicator back.
// It locks one shard at a time, for as long as it takes to remove the expired
// results of that shard, or to look at all of them where their ttls differ.
func (d *Dedup[K, V]) Purge() int {
	n, now := 0, d.now()
	for i := range d.shards {
		s := &d.shards[i]
		s.mu.Lock()
		n += s.purge(now)
		s.mu.Unlock()
	}
	return n
}

// EvictOldest removes the result that was kept first of those that have not
// expired, and reports whether there was one. It looks at the oldest of every
// shard, and of them takes the one that expires first: where all ttls are the
// same, and the cap leaves room for several shards, that is the oldest of all.
func (d *Dedup[K, V]) EvictOldest() bool {
	for {
		var oldest *shard[K, V]
		var expires int64
		now := d.now()
		for i := range d.shards {
			s := &d.shards[i]
			s.mu.Lock()
			if i := s.oldest(now); i != 0 {
				if ends := s.table.entries[i].ends(); oldest == nil || ends < expires {
					oldest, expires = s, ends
				}
			}
			s.shrink()
			s.mu.Unlock()
		}
		if oldest == nil {
			return false
		}
		oldest.mu.Lock()
		ok := oldest.oldest(now) != 0
		if ok {
			oldest.evict()
			oldest.shrink()
		}
		oldest.mu.Unlock()
		if ok { // or else somebody was faster: look again
			return true
		}
	}
}

// Forget removes what is kept for key and parts the key from its flight, if it
// is in one: that run goes on and tells those who wait for it already, but keeps
// nothing, however late it ends, since its result may be from before whatever
// made Forget necessary. The next caller is the first. Forget reports whether
// there was anything to forget.
func (d *Dedup[K, V]) Forget(key K) bool {
	h, ok := d.hash(key)
	if !ok {
		return false
	}
	now := d.now()
	s := d.shard(h)
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.table.find(uint32(h), key)
	if i == 0 {
		return false
	}
	e := &s.table.entries[i]
	f := &s.flights[e.flight]
	found := false
	if e.expires != 0 && now >= e.ends() {
		s.expire(i)
	} else if e.expires != 0 {
		s.drop(i) // and the entry, unless it is in flight
		found = true
	}
	if f.gen != 0 {
		s.part(f)
		found = true
	}
	s.shrink()
	return found
}

// Clear removes all results, and forgets all keys in flight: their runs go on
// and tell those who wait for them already, but keep nothing, since their
// results may be from before whatever made Clear necessary. The next caller of
// such a key is First. The counters are not reset.
func (d *Dedup[K, V]) Clear() {
	for i := range d.shards {
		s := &d.shards[i]
		s.mu.Lock()
		s.clear()
		s.mu.Unlock()
	}
}
