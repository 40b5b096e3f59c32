package kernel

import (
	"fmt"

	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/lineage"
)

// This file has the ways in which an item of a source enters the flow.

// Open waits while the source is paused. It returns false if the run was aborted.
func (o *Outlet) Open() bool {
	o.node.AwaitResumed(o.node.run.Ctx)
	return !o.node.run.Aborted()
}

// Stopping reports whether the source at the node should return: the intake has stopped, for the run
// or for this source.
func (n *Node) Stopping() bool { return n.run.Stopping() || n.unwanted.Load() }

// Emit begins to send a new item, and returns the place for its value. The source must write the
// value and call Publish. Emit blocks while the edge is full or the source is paused. ok is false
// if the run was aborted.
func (o *Outlet) Emit() (b *handoff.Batch, at int, ok bool) {
	if !o.Open() {
		return nil, 0, false
	}
	var m Meta
	if o.node.run.timed {
		m.left = o.node.run.now()
		m.trail = o.newTrail(m.left)
		if ctx := o.node.run.Enters(m.Limit().Ctx); ctx != nil {
			m.trail.CarryContext(ctx)
		}
	}
	o.entered(1)
	return o.place(&m)
}

// entered counts n new items. A source counts its items by what it has sent.
func (o *Outlet) entered(n int) {
	if !o.node.IsSource() {
		o.node.Derived.Add(int64(n))
		o.node.Out.Add(int64(n))
	}
}

// NewReceipt returns a receipt for n items. It calls settle once. A panic of settle becomes a fault
// of the source.
func (o *Outlet) NewReceipt(n int, settle func(error)) *lineage.Receipt {
	return new(lineage.Receipt).Owe(n, o.node, settle)
}

// Settle implements [lineage.Settler].
func (n *Node) Settle(ack func(error), err error) {
	defer n.run.settled.Add(1)
	if broken := n.Protect(func() error { ack(err); return nil }); broken != nil {
		n.run.Fail(fmt.Errorf("stage %q: acknowledgement: %w", n.Name, broken))
	}
}

// Bring sends new items that have more than a value, in order. write writes the values of the items
// from from up to to, to the places of b from at on. Items in one batch take one lock and one
// wake-up. Bring blocks while the edge is full. It does not check whether the source is paused or the
// run is aborted: see [Outlet.Open]. It changes entries.
func (o *Outlet) Bring(entries []lineage.Entry, write func(b *handoff.Batch, at, from, to int)) {
	for i := range entries { // hooks are user code, so they run without the lock
		entries[i].Limit.Ctx = o.node.run.Enters(entries[i].Limit.Ctx)
	}
	o.entered(len(entries))
	born := o.node.run.stamp() // an item has entered when it begins to wait for room
	sent := o.fill(len(entries), func(b *handoff.Batch, at, from, to int) {
		for i := range entries[from:to] {
			t := o.trails.New(born)
			t.Enter(&entries[from+i])
			b.SetTrail(at+i, t)
			b.Left[at+i] = born
		}
		write(b, at, from, to)
		if to < len(entries) {
			born = o.node.run.stamp()
		}
	})
	for _, e := range entries[sent:] {
		e.Receipt.Close(o.untaken())
	}
}
