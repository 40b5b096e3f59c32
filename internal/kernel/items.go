package kernel

import (
	"github.com/weir-go/weir/internal/account"
	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/lineage"
)

// Items are several items that a stage sends in one call.
type Items struct {
	Len  int
	Meta func(i int) *Meta // what item i has beside its value
	// Write writes the values of the items from from up to to, to the places of b from at on.
	Write func(b *handoff.Batch, at, from, to int)
}

// SendAll sends several items and publishes them. Items that were received together take one lock,
// one clock reading and one entry in the account.
func (o *Outlet) SendAll(items *Items) {
	for from := 0; from < items.Len; {
		to, first := from+1, items.Meta(from)
		for to < items.Len && items.Meta(to).alike(first) {
			to++
		}
		o.sendRun(items, from, to)
		from = to
	}
}

// alike reports whether two items were received together, and both are healthy or both have failed.
func (m *Meta) alike(other *Meta) bool {
	return m.began == other.began && (m.fault == nil) == (other.fault == nil)
}

// sendRun is SendAll for items that are alike.
func (o *Outlet) sendRun(items *Items, from, to int) {
	n, m := o.node, items.Meta(from)
	healthy, begin, each := m.fault == nil, m.began, int64(0)
	if n.run.timed {
		each = (n.run.now() - begin) / int64(to-from)
	}
	sent := o.fill(to-from, func(b *handoff.Batch, at, sent, end int) {
		k, first := end-sent, from+sent
		for i := range k {
			put(b, at+i, items.Meta(first+i))
		}
		items.Write(b, at, first, first+k)
		if !healthy {
			return
		}
		n.Out.Add(int64(k))
		if n.run.timed && b.Has(handoff.HasTrail) {
			n.workedOn(b, at, at+k, begin, each)
			begin += int64(k) * each
		}
	})
	for i := from + sent; i < to; i++ {
		if healthy {
			n.Out.Add(1)
		}
		items.Meta(i).trail.Leave(o.untaken())
	}
}

// workedOn books the stage in the lineage of the places from up to to of b. The stage worked on
// them one after another, from begin on.
func (n *Node) workedOn(b *handoff.Batch, from, to int, begin, each int64) {
	k := int64(to - from)
	t := account.Tally{Attempts: k, Longest: each}
	t.Waits(&n.Books, b.Left[from:to], begin, each)
	t.Worked(&n.Books, k, k*each)
	lineage.RecordGroup(b.Trails[from:to], lineage.Record{Begin: begin, Each: each, Node: n.Index, Attempts: 1})
	t.Publish(&n.Books)
}

// Together books one call for the items with the indices in which. The call began at begin and ends
// now.
func (n *Node) Together(items []Meta, which []int, begin int64) {
	if !n.run.timed || len(which) == 0 {
		return
	}
	end := n.run.now()
	work := end - begin
	t := account.Tally{Attempts: 1, Longest: work}
	t.Worked(&n.Books, 1, work)
	for _, i := range which {
		m := &items[i]
		t.Waited(&n.Books, begin-m.left)
		m.left, m.booked = end, true
		if m.trail != nil {
			m.trail.Record(n.Index, 1, begin, work)
		}
	}
	t.Publish(&n.Books)
}
