package dedup

import "time"

// Snapshot holds the figures of a [Dedup] at one time. The counts begin with the
// deduplicator and never fall. They balance, even while calls run:
//
//	Misses + Renewals = InFlight + Completed + Failed
type Snapshot struct {
	Name       string
	TTL        time.Duration // 0 if results are not kept
	MaxEntries int           // 0 for no cap
	MaxWeight  int64         // 0 for no cap
	Cached     int           // results kept and not expired, errors among them
	Weight     int64         // of these
	InFlight   int           // runs that have not ended, forgotten ones among them
	Hits       uint64        // calls that got a kept result
	Stale      uint64        // of these, served during a renewal
	Misses     uint64        // calls that found nothing, and led or were First
	Renewals   uint64        // calls that found a result due for renewal, and led or were Stale
	Shared     uint64        // calls that found their key in flight
	Completed  uint64        // runs that ended with a value
	Failed     uint64        // runs that ended with an error
	Evicted    uint64        // results removed before their time, to make room
	Expired    uint64        // expired results removed
	Oversize   uint64        // results not kept because each alone exceeds MaxWeight
}

// Snapshot returns the present figures. Each shard is consistent in itself; the shards
// are read one after the other. Expired results are removed first, at the cost of
// [Dedup.Purge].
func (d *Dedup[K, V]) Snapshot() Snapshot {
	p := d.policy
	sum := Snapshot{Name: p.name, TTL: p.ttl, MaxEntries: p.entries, MaxWeight: p.weight}
	now := d.now()
	for i := range d.shards {
		s := &d.shards[i]
		s.mu.Lock()
		s.purge(now)
		sum.Cached += s.kept
		sum.Weight += s.weighs
		sum.InFlight += s.flying
		sum.Hits += s.hits
		sum.Stale += s.stale
		sum.Misses += s.misses
		sum.Renewals += s.renewed
		sum.Shared += s.shared
		sum.Completed += s.completed
		sum.Failed += s.failed
		sum.Evicted += s.evicted
		sum.Expired += s.expired
		sum.Oversize += s.oversize
		s.mu.Unlock()
	}
	return sum
}
