package kernel

import (
	"github.com/weir-go/weir/internal/account"
	"github.com/weir-go/weir/internal/handoff"
)

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
		m.left = end
		if m.trail != nil {
			m.trail.Record(n.Index, 1, begin, work)
		}
	}
	t.Publish(&n.Books)
}

// Held books that the item has waited in the stage until now. It counts no call.
func (n *Node) Held(m *Meta) {
	if m.trail == nil || !n.run.timed {
		return
	}
	now := n.run.now()
	var t account.Tally
	t.Waited(&n.Books, now-m.left)
	t.Publish(&n.Books)
	m.trail.Record(n.Index, 1, now, 0)
	m.left = now
}

// Hand is [Outlet.Send] for an item whose time in the stage is booked already.
func (o *Outlet) Hand(m *Meta) (b *handoff.Batch, at int, ok bool) {
	if m.fault == nil {
		o.node.Out.Add(1)
	}
	return o.place(m)
}

// SendLate is [Outlet.Send] for an item with which the stage did nothing but wait.
func (o *Outlet) SendLate(m *Meta) (b *handoff.Batch, at int, ok bool) {
	n := o.node
	if m.fault != nil {
		return o.place(m)
	}
	n.Out.Add(1)
	if m.trail != nil && n.run.timed {
		now := n.run.now()
		t := account.Tally{Attempts: 1}
		t.Waited(&n.Books, now-m.left)
		t.Publish(&n.Books)
		m.trail.Record(n.Index, 1, now, 0)
		m.left = now
	}
	return o.place(m)
}
