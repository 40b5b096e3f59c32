package stages

import "context"

// Broadcast sends each item to all outlets, each with a lineage of its own that
// continues the item's. The values are copied as Go copies them: what a pointer
// or a slice refers to is shared.
//
//	in:   --1---2---3-->
//	out:  --1---2---3-->
//	out:  --1---2---3-->
//
// The slowest branch sets the pace for all. An outlet that nobody wants any
// more is left out. A source that waits for an item hears when all branches are
// done with it.
func Broadcast[T any]() FanOut[T] { return &broadcaster[T]{} }

type broadcaster[T any] struct{}

func (*broadcaster[T]) Run(_ context.Context, in *Inlet[T], outs []*Outlet[T]) error {
	lots := make([]lot[T], len(outs))
	for {
		group := in.group(batchSize)
		if group == nil {
			return nil
		}
		books := openFan(in, group)
		for i := range group {
			it := &group[i]
			if !passes(&books, it) {
				addTo(&lots[0], *it)
				continue
			}
			copies := 0
			for o, out := range outs {
				if o > 0 && !out.joint.unwanted.Load() {
					addTo(&lots[o], Item[T]{Value: it.Value, trail: out.mint.child(it.trail)})
					copies++
				}
			}
			books.tally.derived += int64(copies)
			books.tally.out += int64(copies)
			addTo(&lots[0], *it)
		}
		closeBooks(&books)
		sendLots(lots, outs)
	}
}

// lot is what is about to be sent to one outlet.
type lot[T any] struct{ items []Item[T] }

func addTo[T any](l *lot[T], it Item[T]) { l.items = append(l.items, it) }

func sendLot[T any](l *lot[T], out *Outlet[T]) {
	out.sendAll(l.items)
	clear(l.items)
	l.items = l.items[:0]
}

func sendLots[T any](lots []lot[T], outs []*Outlet[T]) {
	for o, out := range outs {
		sendLot(&lots[o], out)
	}
}

// fan is what a fan-out has done with a group of items: one stamp and one entry
// in the books serve them all.
type fan[T any] struct {
	in      *Inlet[T]
	now     int64
	tally   tally
	aborted bool
}

func openFan[T any](in *Inlet[T], group []Item[T]) fan[T] {
	f := fan[T]{in: in, aborted: in.rt.aborted.Load()}
	if in.rt.timed {
		f.now = in.rt.now()
	}
	return f
}

// passes books the item, and reports whether it is healthy: it is then on its
// way to one outlet. An item that has failed, also now because the flow is
// aborted, leaves by the first.
func passes[T any](f *fan[T], it *Item[T]) bool {
	if it.failed() {
		return false
	}
	f.tally.in++
	if f.aborted {
		f.tally.failed++
		it.fault = f.in.rt.newItemError(f.in.node, f.in.rt.abortError(), 0, it.Value, it.trail)
		return false
	}
	f.tally.out++
	if t := it.trail; t != nil && f.in.rt.timed {
		f.tally.attempts++
		f.tally.wait += max(f.now-t.left, 0)
		t.add(f.in.node, 1, max(f.now, t.left), max(f.now, t.left))
	}
	return true
}

func closeBooks[T any](f *fan[T]) { f.tally.publish(f.in.node) }
