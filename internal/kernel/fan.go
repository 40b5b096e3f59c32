package kernel

import (
	"github.com/weir-go/weir/internal/account"
	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/lineage"
)

// Fan sends the items of an inlet to several outlets, up to 64 at a time. It looks at no value.
//
// Owner: the goroutine of the stage.
type Fan struct {
	In *Inlet

	outs  []*Outlet
	sets  []Mask             // the places for each outlet
	twins [][]*lineage.Trail // trails of the copies for each outlet but the first, by place
}

// NewFan returns a fan. Items that have failed leave by the first of outs.
func NewFan(in *Inlet, outs []*Outlet) *Fan {
	return &Fan{In: in, outs: outs, sets: make([]Mask, len(outs)), twins: make([][]*lineage.Trail, len(outs))}
}

// Take takes the next items, healthy or not, and returns their places in In.B. It blocks until
// there are items. ok is false at the end of the stream.
func (f *Fan) Take() (from, to int, ok bool) { return f.In.Take(handoff.BatchSize) }

// Assign adds taken places to the set of an outlet.
func (f *Fan) Assign(out int, m Mask) { f.sets[out] |= m }

// Flush sends all sets, each to its outlet, and empties them. It counts the healthy items.
func (f *Fan) Flush() {
	all := Mask(0)
	for _, m := range f.sets {
		all |= m
	}
	if all == 0 {
		return
	}
	n := f.In.node
	passed := n.stamp(f.In.B, all)
	n.In.Add(passed)
	f.send()
	n.Out.Add(passed)
}

// send sends all sets and empties them.
func (f *Fan) send() {
	for i, o := range f.outs {
		if m := f.sets[i]; m != 0 {
			f.sets[i] = 0
			o.copy(f.In.B, m, f.twins[i])
		}
	}
}

// Copy sends the places from from up to to to the first outlet. Each other outlet that is wanted
// gets copies of the healthy ones. Each copy has a lineage of its own that continues the item's.
func (f *Fan) Copy(from, to int) {
	all := Span(from, to)
	n := f.In.node
	passed := n.stamp(f.In.B, all)
	n.In.Add(passed)
	f.sets[0] = all
	copies := int64(0)
	for i, o := range f.outs {
		if i > 0 && !o.Unwanted() && passed > 0 {
			f.sets[i] = healthy(f.In.B, all)
			f.twins[i] = o.children(f.In.B, f.sets[i], f.twins[i])
			copies += passed
		}
	}
	n.Derived.Add(copies)
	f.send() // all copies exist by now: items of the first set may leave the flow at once
	n.Out.Add(passed + copies)
}

// Fail accounts for the healthy item at a taken place as failed with err. It first sends the sets
// so far. The item leaves by the first outlet. attempts is the number of calls of user code for it.
func (f *Fan) Fail(place int, err error, attempts int) {
	f.Flush()
	f.In.node.In.Add(1)
	f.In.FailAt(place, err, attempts)
}

// healthy returns which places of b in m are healthy.
func healthy(b *handoff.Batch, m Mask) Mask {
	if !b.Has(handoff.HasFault) {
		return m
	}
	healthy := Mask(0)
	for ; m != 0; m &= m - 1 {
		if i := m.First(); b.Faults[i] == nil {
			healthy |= One(i)
		}
	}
	return healthy
}

// stamp books that the node has passed the places of b in m on without any work. It returns the
// number of healthy ones.
func (n *Node) stamp(b *handoff.Batch, m Mask) int64 {
	m = healthy(b, m)
	passed := int64(m.Len())
	t := account.Tally{Attempts: passed}
	now := n.run.stamp()
	for m != 0 && n.run.timed && b.Has(handoff.HasTrail) {
		from, to := m.Run()
		m = m.Without(from, to)
		t.Waits(&n.Books, b.Left[from:to], now, 0)
		lineage.RecordGroup(b.Trails[from:to], lineage.Record{Begin: now, Node: n.Index, Attempts: 1})
	}
	t.Publish(&n.Books)
	return passed
}

// children returns trails that continue those of the places in m, by place. It uses to if that is
// not nil.
func (o *Outlet) children(b *handoff.Batch, m Mask, to []*lineage.Trail) []*lineage.Trail {
	if !b.Has(handoff.HasTrail) {
		return nil
	}
	if to == nil {
		to = make([]*lineage.Trail, handoff.BatchSize)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for ; m != 0; m &= m - 1 {
		i := m.First()
		to[i] = nil
		if parent := b.Trails[i]; parent != nil {
			to[i] = o.trails.Child(parent)
		}
	}
	return to
}
