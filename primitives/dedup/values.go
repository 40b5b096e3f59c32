package dedup

// Purge removes all expired results and returns their number. It need not be called:
// expired results are never served, and each result that is kept removes two expired
// ones. It gives back the memory of an idle deduplicator. It locks one shard at a time,
// while it removes the expired results of that shard. If ttls differ, it looks at all
// results.
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

// EvictOldest removes the oldest result that has not expired, and reports whether there
// was one. It looks at the oldest result of every shard, and removes the one of them that
// expires first. If all ttls are the same, that is the oldest of all.
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
		if ok { // otherwise another caller was faster: look again
			return true
		}
	}
}

// Forget removes what is kept for key, and parts the key from its flight if it is in
// one. That run goes on and tells its present followers. It keeps nothing, because its
// result may be older than the reason for Forget. The next caller is the first. Forget
// reports whether there was anything to forget.
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

// Clear removes all results, and forgets all keys in flight as [Dedup.Forget] does. The
// counters are not reset.
func (d *Dedup[K, V]) Clear() {
	for i := range d.shards {
		s := &d.shards[i]
		s.mu.Lock()
		s.clear()
		s.mu.Unlock()
	}
}
