package lineage

import (
	"context"
	"slices"
)

// extras are what few items have. Owner: the goroutine that has the item.
type extras struct {
	receipt  *Receipt        // what the source waits for
	deadline int64           // the item must be done by then; 0 for none
	ctx      context.Context // its values, deadline and end also hold for the item; nil for none
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

// peek returns the extras of the item, nil if it has none. The trail may be nil.
func (t *Trail) peek() *extras {
	if t == nil || t.slab.has.Load()&(1<<t.place) == 0 {
		return nil
	}
	return &t.slab.extras.Load()[t.place]
}

// Entry is what a source says about an item beside its value.
type Entry struct {
	Receipt *Receipt
	Limit   Limit  // its Late does not count
	Origin  Memory // nil for none
	Past    *Past  // nil for none
	Nth     int32  // which value of the receipt it is
}

// Enter sets what the source of a new item says about it.
func (t *Trail) Enter(e *Entry) {
	*t.extras() = extras{receipt: e.Receipt, ctx: e.Limit.Ctx, deadline: e.Limit.Deadline, origin: e.Origin, past: e.Past, nth: e.Nth}
}

// Remember makes the item keep a value.
func (t *Trail) Remember(v Memory) { t.extras().origin = v }

// CarryContext gives the item a context.
func (t *Trail) CarryContext(ctx context.Context) { t.extras().ctx = ctx }

// LimitTo sets the deadline of the item to by, unless its own is earlier. 0 is no deadline.
func (t *Trail) LimitTo(by int64) {
	x := t.extras()
	x.deadline = sooner(x.deadline, by)
}

// HasExtras reports whether the item has more than timings.
func (t *Trail) HasExtras() bool { return t.peek() != nil }

// forget clears the extras of an item that leaves the flow, and closes its receipt.
func (s *Slab) forget(place int, err error) {
	x := &s.extras.Load()[place]
	r := x.receipt
	*x = extras{} // the slab must not keep values alive
	s.has.And(^uint64(1 << place))
	r.Close(err)
}

// Inherit gives the item the extras of parent. The item then owes the receipt as well.
func (t *Trail) Inherit(parent *Trail) {
	x := t.extras()
	*x = *parent.extras()
	if m, ok := x.origin.(*memories); ok {
		m.shared.Store(true)
	}
	if x.receipt != nil {
		x.receipt.owed.Add(1)
	}
	if x.kin != nil { // each of the two appends to a list of its own
		x.kin = &kin{slices.Clip(x.kin.all)}
	}
}

// Receipt returns what the item owes, nil if it owes nothing. The trail may be nil.
func (t *Trail) Receipt() *Receipt {
	if x := t.peek(); x != nil {
		return x.receipt
	}
	return nil
}

// Watch makes the item call settle when everything that is made of it has left the flow. The source
// hears of it after that.
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

// Yield ends the lineage of an item that becomes a part of another one. It returns the receipt of
// the item, nil if there is none.
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
	case have.parts != nil && have.owed.Load() == 1: // no other item has it
		have.parts = append(have.parts, r)
	default:
		joint := &Receipt{parts: []*Receipt{have, r}}
		joint.owed.Store(1)
		x.receipt = joint
	}
}

// Fold ends the item of t, which becomes a part of into. An item that was made of several has the
// latest of their deadlines, and the context of none. Either trail may be nil. Fold returns the
// trail of the result.
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

// FoldAll folds several items into one. It returns the trail of the result.
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

// Marry makes x a pair of x and y, and ends the item of y. It returns the trail of the pair.
func Marry(x, y *Trail) *Trail {
	if x != nil && x.peek() == nil && y.peek() == nil {
		y.Leave(nil)
		return x
	}
	by := sooner(x.Limit().Deadline, y.Limit().Deadline)
	t := y.Fold(x)
	if by != 0 { // a pair without one of its items is useless: the earlier deadline counts
		t.extras().deadline = by
	}
	return t
}

// MarryAll joins each item of xs with its partner in ys by Marry. It puts the trails of the pairs
// into xs.
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

// Share makes the item of t also continue other, which stays in the flow. The item then owes and
// remembers what both do, and has the earlier deadline. If other has a context, the item has none,
// unless both have one receipt.
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
	if o.ctx != nil && o.receipt != x.receipt { // not two branches of one item
		x.ctx = nil
	}
	if o.receipt != nil {
		o.receipt.owed.Add(1)
		t.carry(o.receipt)
	}
}

// sooner returns the earlier of two deadlines. 0 is no deadline.
func sooner(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// later returns the later of two deadlines. 0 is no deadline.
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
