package lineage

import (
	"context"
	"slices"
)

// extras are what few items have. They belong to who has the item.
type extras struct {
	receipt  *Receipt        // what the source waits for
	deadline int64           // by when the item must be done, 0 if it need not be
	ctx      context.Context // whose values, deadline and end the item has, nil for none
	origin   Memory          // the value as it was remembered
	kin      *kin            // the contexts of the items that it was made of, for hooks
	past     *Past           // what happened before it entered the flow, nil for nothing
	nth      int32           // which of the values of its receipt it is
}

// extras returns the extras of the item, which are empty if it has none yet.
func (t *Trail) extras() *extras {
	s := t.slab
	all := s.extras.Load()
	if all == nil {
		s.extras.CompareAndSwap(nil, new([SlabSize]extras))
		all = s.extras.Load()
	}
	if bit := uint64(1) << t.place; s.has.Load()&bit == 0 {
		s.has.Or(bit)
	}
	return &all[t.place]
}

// peek returns the extras of the item, nil if it has none. There may be no trail.
func (t *Trail) peek() *extras {
	if t == nil || t.slab.has.Load()&(1<<t.place) == 0 {
		return nil
	}
	return &t.slab.extras.Load()[t.place]
}

// Entry is what a source says of items beside their values.
type Entry struct {
	Receipt *Receipt
	Limit   Limit  // its Late does not count
	Origin  Memory // nil for none
	Past    *Past  // nil for none
	Nth     int32  // which value of the receipt it is
}

// Enter gives an item that is new what its source says of it.
func (t *Trail) Enter(e *Entry) {
	*t.extras() = extras{receipt: e.Receipt, ctx: e.Limit.Ctx, deadline: e.Limit.Deadline, origin: e.Origin, past: e.Past, nth: e.Nth}
}

// Remember makes the item keep a value.
func (t *Trail) Remember(v Memory) { t.extras().origin = v }

// CarryContext gives the item a context.
func (t *Trail) CarryContext(ctx context.Context) { t.extras().ctx = ctx }

// LimitTo makes the item late at the earlier of its own deadline and by; 0 is none.
func (t *Trail) LimitTo(by int64) {
	x := t.extras()
	x.deadline = sooner(x.deadline, by)
}

// HasExtras reports whether the item has more than timings.
func (t *Trail) HasExtras() bool { return t.peek() != nil }

// forget ends the extras of an item that leaves the flow.
func (s *Slab) forget(place int, err error) {
	x := &s.extras.Load()[place]
	r := x.receipt
	*x = extras{} // the slab must not keep values alive
	s.has.And(^uint64(1 << place))
	r.Close(err)
}

// Inherit shares the extras of parent.
func (t *Trail) Inherit(parent *Trail) {
	x := t.extras()
	*x = *parent.extras()
	if m, ok := x.origin.(*memories); ok {
		m.shared.Store(true)
	}
	if x.receipt != nil {
		x.receipt.owed.Add(1)
	}
	if x.kin != nil { // each appends to its own
		x.kin = &kin{slices.Clip(x.kin.all)}
	}
}

// Receipt returns what the item owes, nil if it owes nothing. There may be no trail.
func (t *Trail) Receipt() *Receipt {
	if x := t.peek(); x != nil {
		return x.receipt
	}
	return nil
}

// Watch has settle called when everything that is made of the item has left the flow, before its
// source hears the same.
func (t *Trail) Watch(settle func(error)) {
	r := NewReceipt(1, settle)
	r.watches = true
	x := t.extras()
	if x.receipt != nil {
		r = &Receipt{parts: []*Receipt{r, x.receipt}}
		r.owed.Store(1)
	}
	x.receipt = r
}

// Yield ends the lineage of an item that becomes a part of another one. It returns what the item
// owes, nil if that is nothing.
func (t *Trail) Yield() (r *Receipt) {
	if x := t.peek(); x != nil {
		r, x.receipt = x.receipt, nil
	}
	t.Leave(nil)
	return r
}

// carry makes the item owe r beside what it owes already.
func (t *Trail) carry(r *Receipt) {
	x := t.extras()
	switch have := x.receipt; {
	case have == nil:
		x.receipt = r
	case have.parts != nil && have.owed.Load() == 1: // the item's alone
		have.parts = append(have.parts, r)
	default:
		joint := &Receipt{parts: []*Receipt{have, r}}
		joint.owed.Store(1)
		x.receipt = joint
	}
}

// Fold makes into continue the item as well, which leaves the flow. An item that was
// made of several is late when the last of them is, and waits for no single caller.
// Either trail may be missing; fold returns the trail of what was made.
func (t *Trail) Fold(into *Trail) *Trail {
	if into == nil {
		return t
	}
	if t == nil { // an item without a trail has no deadline
		if x := into.peek(); x != nil {
			x.deadline, x.ctx = 0, nil
		}
		return into
	}
	mine, theirs := t.peek(), into.peek()
	if mine != nil || theirs != nil {
		if mine == nil {
			mine = &extras{}
		}
		x := into.extras()
		if into.slab.pool.linked {
			x.kin = related(x, mine)
		}
		x.deadline, x.ctx = later(x.deadline, mine.deadline), nil
		x.origin = recall(x.origin, mine.origin)
		if mine.receipt != nil {
			r := mine.receipt
			mine.receipt = nil
			into.carry(r)
		}
	}
	t.Leave(nil)
	return into
}

// FoldAll is fold of several items into one.
func FoldAll(trails []*Trail, into *Trail) *Trail {
	for len(trails) > 0 {
		n := 1
		if first := trails[0]; first == nil || into == nil || into.peek() != nil {
			into = first.Fold(into)
		} else if s, k, mask := part(trails); s.has.Load()&mask == 0 {
			s.drop(int32(k))
			n = k
		} else {
			into = first.Fold(into)
		}
		trails = trails[n:]
	}
	return into
}

// Marry makes x continue y as well, which leaves the flow. It returns the trail of the pair.
func Marry(x, y *Trail) *Trail {
	if x != nil && x.peek() == nil && y.peek() == nil {
		y.Leave(nil)
		return x
	}
	by := sooner(x.Limit().Deadline, y.Limit().Deadline)
	t := y.Fold(x)
	if by != 0 { // a pair is of no use without one of the two
		t.extras().deadline = by
	}
	return t
}

// MarryAll is Marry of each of xs with its partner of ys. It puts the trails of the pairs into xs.
func MarryAll(xs, ys []*Trail) {
	if bare(xs) && bare(ys) {
		Release(ys, nil)
		return
	}
	for i, x := range xs {
		xs[i] = Marry(x, ys[i])
	}
}

// bare reports whether all items have a trail and none has extras.
func bare(trails []*Trail) bool {
	for len(trails) > 0 {
		if trails[0] == nil {
			return false
		}
		s, n, mask := part(trails)
		if s.has.Load()&mask != 0 {
			return false
		}
		trails = trails[n:]
	}
	return true
}

// Share makes t, which continues an item, also continue other. t owes and remembers
// what both do, and must be done when the first of them must be. If both have contexts,
// t has none.
func (t *Trail) Share(other *Trail) {
	o := other.peek()
	if o == nil {
		return
	}
	x := t.extras()
	x.deadline = sooner(x.deadline, o.deadline)
	x.origin = recall(x.origin, o.origin)
	if t.slab.pool.linked && o.ctx != x.ctx {
		x.kin = related(x, o)
	}
	if o.ctx != nil && o.receipt != x.receipt { // not two branches of one call
		x.ctx = nil
	}
	if o.receipt != nil {
		o.receipt.owed.Add(1)
		t.carry(o.receipt)
	}
}

// sooner returns the earlier of two deadlines, of which 0 is none.
func sooner(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// later returns the later of two deadlines, of which 0 is none.
func later(a, b int64) int64 {
	if a == 0 || b == 0 {
		return 0
	}
	return max(a, b)
}

// Limited reports whether anything ends the work on the item.
func (t *Trail) Limited() bool {
	x := t.peek()
	return x != nil && (x.deadline != 0 || x.ctx != nil || x.kin != nil)
}
