package stages

import (
	"context"
	"fmt"
)

// MaxDrift is how many items one inlet of a [Zip] may be ahead of the other
// where both come of one stage above.
const MaxDrift = 1 << 16

// Zip joins the first item of one inlet with the first of the other, the second
// with the second, and so on. It ends when one of them has ended and its items
// are used up; what is left of the other counts as filtered.
//
//	a:    --1-----2--3----->
//	b:    -----a--b-----c-->
//	join:   (x, y) => xy
//	out:  -----1a-2b----3c->
//
// An item that failed on its way by one inlet keeps its place: its partner is
// folded into the failure. One that failed before the ways parted has no
// partner, and passes. A pair has the timings of a's item, the acknowledgements
// of both, and the earlier deadline.
//
// Where both inlets come of one stage above, as in a diamond, or depend on each
// other by another way through the graph, each must send on as many items as it
// gets. Where one drops items the other would be kept waiting and then what is
// above, for good; instead Zip breaks the run when one is [MaxDrift] ahead.
func Zip[A, B, O any](join func(A, B) O) Pairing[A, B, O] { return &zipper[A, B, O]{join} }

type zipper[A, B, O any] struct{ join func(A, B) O }

func (z *zipper[A, B, O]) Validate() error { return needs(z.join == nil, "join function is nil") }

// TakesFailures implements [FailureTaker]: a failure has a place in the order.
func (z *zipper[A, B, O]) TakesFailures() bool { return true }

// TakesPairs implements [PairTaker].
func (z *zipper[A, B, O]) TakesPairs() bool { return true }

func (z *zipper[A, B, O]) Run(_ context.Context, a *Inlet[A], b *Inlet[B], out *Outlet[O]) error {
	common, onlyA, onlyB := forked(a.joint, b.joint)
	p := pairs[A, B, O]{
		join: z.join, greedy: common || a.node.entangled, out: out,
		left: waiting[A]{in: a, mine: onlyA}, right: waiting[B]{in: b, mine: onlyB},
	}
	err := ErrGoexit // unless run returns
	defer func() {
		p.left.empty(err)
		p.right.empty(err)
	}()
	return outlive(a.node, func() error {
		err = p.run()
		return err
	})
}

// pairs is a Zip at work.
type pairs[A, B, O any] struct {
	join   func(A, B) O
	greedy bool // take what comes, so that the stage above both can go on
	out    *Outlet[O]
	left   waiting[A]
	right  waiting[B]
}

func (p *pairs[A, B, O]) run() error {
	for p.next() {
		for p.left.len() > 0 && p.right.len() > 0 {
			p.pair(p.left.pop(), p.right.pop())
		}
		if d := max(p.left.len(), p.right.len()); d >= MaxDrift {
			return fmt.Errorf("zip: one way is %d items ahead of the other: do they have the same number of items?", d)
		}
	}
	return nil
}

// next takes an item in. It returns false when no pair can come any more.
func (p *pairs[A, B, O]) next() bool {
	if p.left.ended() || p.right.ended() {
		return false
	}
	if !p.greedy {
		if p.left.len() == 0 {
			return p.left.wait(p.out.pass)
		}
		return p.right.wait(p.out.pass)
	}
	x, y, side := Either(p.left.in, p.right.in, nil)
	switch side {
	case Left:
		p.left.put(x, p.out.pass)
	case Right:
		p.right.put(y, p.out.pass)
	}
	return side != Neither
}

// pair joins two items into one. A failure takes its partner with it.
func (p *pairs[A, B, O]) pair(x Item[A], y Item[B]) {
	a, b := p.left.in, p.right.in
	switch {
	case x.failed() && y.failed():
		passBy(a, x.fault, x.trail)
		passBy(b, y.fault, y.trail)
	case y.failed():
		a.Fold(x, &y)
		passBy(b, y.fault, y.trail)
	case x.failed():
		b.Fold(y, &x)
		passBy(a, x.fault, x.trail)
	default:
		by := sooner(x.trail.deadline(), y.trail.deadline())
		b.Fold(y, &x)
		if by != 0 { // a pair is of no use without one of the two
			x.trail.limit(by)
		}
		v, err := protectOr(a.node, func() (O, error) { return p.join(x.Value, y.Value), nil },
			func() { a.Fail(x, ErrGoexit) })
		if err != nil {
			a.Fail(x, err)
			return
		}
		sendLate(p.out, x.With(v))
	}
}

// waiting is what has come by one inlet and has no partner yet.
type waiting[T any] struct {
	in    *Inlet[T]
	mine  map[string]bool // the stages above this inlet alone
	items []Item[T]
	first int
}

func (w *waiting[T]) len() int    { return len(w.items) - w.first }
func (w *waiting[T]) ended() bool { return w.in.over && w.len() == 0 }

// wait takes the next item, and reports whether there was one.
func (w *waiting[T]) wait(pass func(*ItemError, *trail)) bool {
	it, ok := w.in.Next()
	if ok {
		w.put(it, pass)
	}
	return ok
}

// put keeps an item. A failure from above both ways has no partner.
func (w *waiting[T]) put(it Item[T], pass func(*ItemError, *trail)) {
	if it.failed() && !w.mine[it.fault.Stage] {
		pass(it.fault, it.trail)
		return
	}
	if w.first > 0 && w.first == len(w.items) {
		w.items, w.first = w.items[:0], 0
	}
	if w.first > batchSize && 2*w.first > len(w.items) {
		n := copy(w.items, w.items[w.first:])
		clear(w.items[n:])
		w.items, w.first = w.items[:n], 0
	}
	w.items = append(w.items, it)
}

func (w *waiting[T]) pop() Item[T] {
	it := w.items[w.first]
	w.items[w.first] = Item[T]{}
	w.first++
	return it
}

// empty accounts for what has found no partner.
func (w *waiting[T]) empty(err error) {
	for w.len() > 0 {
		switch it := w.pop(); {
		case it.failed():
			passBy(w.in, it.fault, it.trail)
		case err != nil:
			w.in.Fail(it, err)
		default:
			w.in.Drop(it)
		}
	}
}
