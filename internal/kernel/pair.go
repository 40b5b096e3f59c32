package kernel

import (
	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/lineage"
)

// SendPairs sends the first k values of made. Value i was made of item i of a's head and item i of
// b's head, which must be healthy. A pair continues the lineage of both items, and has the earlier
// of their deadlines. SendPairs uses up the items and empties made.
func (o *Outlet) SendPairs(made *handoff.Batch, a, b *Shelf, k int) {
	if k == 0 {
		return
	}
	n := o.node
	x, i, _ := a.Head()
	y, j, _ := b.Head()
	n.In.Add(2 * int64(k))
	n.Folded.Add(int64(k))
	if marks := (x.Marks.Load() | y.Marks.Load()) &^ handoff.HasFault; marks&handoff.HasTrail != 0 {
		copy(made.Trails, x.Trails[i:i+k])
		copy(made.Left, x.Left[i:i+k])
		lineage.MarryAll(made.Trails[:k], y.Trails[j:j+k])
		made.Mark(marks)
	}
	n.stamp(made, Span(0, k))
	o.copy(made, Span(0, k), nil)
	n.Out.Add(int64(k))
	made.Vals.Clear(0, k)
	made.Reset()
	a.Use(k)
	b.Use(k)
}

// FailPair accounts for the first items of a and b. If one has failed, the healthy one is folded
// into it. If both have failed, both pass. If neither has, they become one failed item, with err.
func FailPair(a, b *Shelf, err error) {
	x, i, _ := a.Head()
	y, j, _ := b.Head()
	p, q := metaOf(x, i), metaOf(y, j)
	n := a.In.node
	switch {
	case p.fault != nil && q.fault != nil:
		a.In.Pass(&p)
		b.In.Pass(&q)
	case q.fault != nil:
		n.In.Add(1)
		a.In.Fold(p, &q)
		b.In.Pass(&q)
	case p.fault != nil:
		n.In.Add(1)
		b.In.Fold(q, &p)
		a.In.Pass(&p)
	default:
		n.In.Add(2)
		n.Folded.Add(1)
		p.trail = lineage.Marry(p.trail, q.trail)
		a.In.Fail(p, x.Vals.Value(i), err)
	}
	a.Use(1)
	b.Use(1)
}

// PassHead sends on the first item of the shelf, which must have failed.
func (s *Shelf) PassHead() {
	b, i, _ := s.Head()
	m := metaOf(b, i)
	s.In.Pass(&m)
	s.Use(1)
}

// Folded accounts for the item as a part of the items that were derived from it.
func (in *Inlet) Folded(m Meta) {
	in.node.Folded.Add(1)
	m.trail.Leave(nil)
}
