package fleet

import (
	"time"

	"github.com/weir-go/weir/primitives/dedup"
)

// BreakerSnapshot is what a node knows of its fleet at one instant. What its own
// breaker is doing is told by [breaker.Breaker.Snapshot].
type BreakerSnapshot struct {
	// Name is the name of the policy, Node that of this node.
	Name, Node string
	// Running says that [Breaker.Run] runs, Degraded that the store is down.
	Running, Degraded bool
	// Down says that the fleet has decided that the service is down, and that
	// nobody has found out yet that it is up; OpenFor is how long nobody is to try.
	Down    bool
	OpenFor time.Duration
	// Votes of Quorum nodes needed say that the service is down.
	Votes, Quorum int
	// Epoch is how many verdicts there have been, see [ProbeOnce].
	Epoch uint64
	// Lease is for how long this node may yet probe for the fleet.
	Lease time.Duration
	// Ignored counts how often an entry could not be read, and Old how often it was older
	// than what was known.
	Ignored, Old uint64
	// HookPanics is the number of times the hook of [OnEvent] panicked.
	HookPanics uint64
}

// Snapshot returns at once and does not ask the store.
func (b *Breaker) Snapshot() BreakerSnapshot {
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
	s.Ignored, s.Old = b.view.ignored, b.view.old
	return s
}

// DedupSnapshot is the condition of a node's [Dedup] at one instant. The counts
// are since [NewDedup].
type DedupSnapshot struct {
	// Name is the name of the policy, Node that of this node.
	Name, Node string
	// Degraded says that the store is down.
	Degraded bool
	// Runs is how often this node did the work under a claim, Alone how often
	// without one, and Taken how often it got the result of another node.
	Runs, Alone, Taken uint64
	// Unshared counts results that other nodes did not get: they could not be
	// encoded or written, or the claim had been lost.
	Unshared uint64
	// Ignored counts how often an entry could not be read.
	Ignored uint64
	// HookPanics is the number of times the hook of [OnEvent] panicked.
	HookPanics uint64
	// Local is what the part within the process tells. The runs in it are those
	// that a caller here led, wherever the work was done.
	Local dedup.Snapshot
}

// Snapshot does not ask the store. It costs what [dedup.Dedup.Snapshot] does.
func (d *Dedup[K, V]) Snapshot() DedupSnapshot {
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
