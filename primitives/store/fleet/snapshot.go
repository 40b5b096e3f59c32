package fleet

import (
	"time"

	"github.com/weir-go/weir/primitives/dedup"
)

// BreakerSnapshot is what a node knows of its fleet at one time. The figures of its own
// breaker are those of [breaker.Breaker.Snapshot].
type BreakerSnapshot struct {
	// Name is the name of the policy, Node that of this node.
	Name, Node string
	// Running says that [Breaker.Run] runs, Degraded that the store is down.
	Running, Degraded bool
	// Down says that the fleet has decided that the service is down, and that no node
	// has found it up since. OpenFor is how long no node may try.
	Down    bool
	OpenFor time.Duration
	// Votes is the number of nodes that say that the service is down. Quorum is the
	// number that opens the breakers of all.
	Votes, Quorum int
	// Epoch is the number of verdicts so far, see [ProbeOnce].
	Epoch uint64
	// Lease is how long this node may still probe for the fleet.
	Lease time.Duration
	// Ignored counts entries that could not be read, and Old entries that were older than
	// what was known.
	Ignored, Old uint64
	// Wiped counts how often the store has lost its data. See [Wiped].
	Wiped uint64
	// HookPanics is the number of times the hook of [OnEvent] panicked.
	HookPanics uint64
}

// Snapshot returns at once and does not ask the store.
func (b *Breaker) Snapshot() BreakerSnapshot {
	if b.client == nil {
		return BreakerSnapshot{}
	}
	now := b.client.now()
	s := BreakerSnapshot{
		Name: b.name, Node: b.policy.node, Running: b.running.Load(), Quorum: b.policy.quorum,
		Degraded: b.client.isDegraded(), HookPanics: b.client.hookPanics(),
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	o := b.view.opening(now, b.policy.quorum)
	s.Down, s.OpenFor = o.down, max(o.until-now, 0)
	s.Votes, s.Epoch = b.view.count(now), b.view.epoch
	s.Lease = max(b.leased-now, 0)
	s.Ignored, s.Old, s.Wiped = b.view.ignored, b.view.old, b.wiped
	return s
}

// DedupSnapshot holds the figures of a node's [Dedup] at one time. The counts begin with
// [NewDedup].
type DedupSnapshot struct {
	// Name is the name of the policy, Node that of this node.
	Name, Node string
	// Degraded says that the store is down.
	Degraded bool
	// Runs counts how often this node did the work under a claim, and Alone how often
	// without one. Taken counts how often it got the result of another node.
	Runs, Alone, Taken uint64
	// Unshared counts results that other nodes did not get, because they could not be
	// encoded or written or the claim was lost.
	Unshared uint64
	// Ignored counts entries that could not be read.
	Ignored uint64
	// HookPanics is the number of times the hook of [OnEvent] panicked.
	HookPanics uint64
	// Local holds the figures of the deduplicator within the process. Its runs are those
	// that a caller of this node led, even if another node did the work.
	Local dedup.Snapshot
}

// Snapshot does not ask the store. It costs what [dedup.Dedup.Snapshot] does.
func (d *Dedup[K, V]) Snapshot() DedupSnapshot {
	if d.client == nil {
		return DedupSnapshot{}
	}
	return DedupSnapshot{
		Name: d.name, Node: d.policy.node, Degraded: d.client.isDegraded(),
		Runs: d.runs.Load(), Alone: d.alone.Load(), Taken: d.taken.Load(),
		Unshared: d.unshared.Load(), Ignored: d.unread.Load(),
		HookPanics: d.client.hookPanics(), Local: d.local.Snapshot(),
	}
}

func (c *client) hookPanics() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.panics
}
