package kernel

import (
	"github.com/weir-go/weir/internal/account"
	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/lineage"
)

// HealthyRun takes the next healthy items at hand, at most most, and returns their places in B. It
// takes none if no item is at hand, if the next one has failed, or if the run was aborted. It does
// not block. The caller counts them, as [Outlet.Forward] does.
func (in *Inlet) HealthyRun(most int) (from, to int) {
	defer in.hold()()
	from = in.Pos + 1
	if in.dead || most <= 0 || !in.Pending() || in.node.run.Aborted() {
		return from, from
	}
	to = from + in.B.Plain(from, from+min(most, in.end-from))
	in.Pos = to - 1
	return from, to
}

// Neighbours takes and receives the healthy items at hand right after the current one. It returns
// the places in B of the current item and of these, at most most.
func (in *Inlet) Neighbours(most int) (from, to int) {
	from = in.Pos
	if _, to = in.HealthyRun(most - 1); to > from+1 {
		in.node.In.Add(int64(to - from - 1))
	}
	return from, to
}

// Receive is MetaAt for an item taken by [Inlet.Take]. It counts the item as received unless it has
// failed before.
func (in *Inlet) Receive(place int) Meta {
	m := metaOf(in.B, place)
	if m.fault == nil {
		in.node.In.Add(1)
	}
	return m
}

// MetaAt returns what the item at a taken place of B has beside its value.
func (in *Inlet) MetaAt(place int) Meta { return metaOf(in.B, place) }

// MetaWith is MetaAt for an item that was received together with m.
func (in *Inlet) MetaWith(m *Meta, place int) Meta {
	n := metaOf(in.B, place)
	n.began = m.began
	return n
}

// DoneRun accounts for the received places from up to to of B as accepted by a sink.
func (in *Inlet) DoneRun(from, to int) {
	n, trails := in.node, in.B.Trails[from:to]
	t := account.Tally{Out: int64(to - from)}
	if n.Distributed() {
		now := n.run.now()
		for _, trail := range trails {
			if trail != nil {
				t.Aged(&n.Books, trail.Born(), now)
			}
		}
	}
	t.Publish(&n.Books)
	if in.B.Has(handoff.HasTrail) {
		lineage.Release(trails, nil)
	}
}

// FoldRun accounts for the received, healthy places from up to to of B as parts of another item.
func (in *Inlet) FoldRun(from, to int, into *Meta) {
	in.node.Folded.Add(int64(to - from))
	if !in.B.Has(handoff.HasTrail) {
		if into.trail != nil && from < to { // an item without a trail has no deadline
			into.trail = (*lineage.Trail)(nil).Fold(into.trail)
		}
		return
	}
	into.trail = lineage.FoldAll(in.B.Trails[from:to], into.trail)
}
