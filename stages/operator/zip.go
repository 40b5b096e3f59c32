package operator

import (
	"context"
	"errors"
	"fmt"

	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
)

// MaxDrift is how many items one inlet of a [Zip] may be ahead of the other if both come from
// one stage above.
const MaxDrift = 1 << 16

// Zip joins the first item of one inlet with the first of the other, the second with the
// second, and so on. It ends when one of the inlets has ended and its items are used up. The
// items left at the other inlet count as filtered.
//
//	a:    --1-----2--3----->
//	b:    -----a--b-----c-->
//	join:   (x, y) => xy
//	out:  -----1a-2b----3c->
//
// An item that failed in one branch keeps its place: its partner is folded into the failure. An
// item that failed before the branches parted has no partner, and passes. A pair has the
// timings of a's item, the acknowledgements of both, and the earlier deadline.
//
// Both inlets can come from one stage above, as in a diamond, or depend on each other by
// another path through the graph. Then both branches must send on the same number of items. If
// one drops items, the other waits, and so does the stage above both. To avoid that deadlock,
// Zip ends the run with an error when one inlet is [MaxDrift] items ahead.
func Zip[A, B, O any](join func(A, B) O) stages.Pairing[A, B, O] { return &zipper[A, B, O]{join: join} }

type zipper[A, B, O any] struct {
	single
	join func(A, B) O
}

// Validate implements [stages.Validator].
func (z *zipper[A, B, O]) Validate() error {
	if z.join == nil {
		return errors.New("join function is nil")
	}
	return nil
}

// TakesFailures implements [stages.FailureTaker]: a failed item keeps its place in the order.
func (z *zipper[A, B, O]) TakesFailures() bool { return true }

// TakesPairs implements [stages.PairTaker].
func (z *zipper[A, B, O]) TakesPairs() bool { return true }

func (z *zipper[A, B, O]) Run(_ context.Context, a *stages.Inlet[A], b *stages.Inlet[B], out *stages.Outlet[O]) error {
	p := newPairs(kernel.Of(a), kernel.Of(b), kernel.OutletOf(out), typed.Of[O]())
	p.join = func(x, y *handoff.Batch, i, j, n int) {
		xs, ys, made := typed.Values[A](x)[i:i+n], typed.Values[B](y)[j:j+n], typed.Values[O](p.made)
		for k := range xs {
			if p.run.Aborted() {
				return
			}
			made[k] = z.join(xs[k], ys[k])
			p.done = k + 1
		}
	}
	return p.pair()
}

// pairs is a running Zip.
type pairs struct {
	left, right         kernel.Shelf
	onlyLeft, onlyRight map[string]bool // names of the stages above only one of the inlets
	out                 *kernel.Outlet
	node                *kernel.Node
	run                 *kernel.Run
	greedy              bool // take all items that come, so that a stage above both inlets can continue

	join func(x, y *handoff.Batch, i, j, n int) // joins up to n pairs into made
	made *handoff.Batch
	done int // pairs joined so far
}

func newPairs(a, b *kernel.Inlet, out *kernel.Outlet, results handoff.Columns) *pairs {
	common, onlyA, onlyB := kernel.Forked(a, b)
	n := out.Node()
	return &pairs{
		left: kernel.Shelf{In: a}, right: kernel.Shelf{In: b}, onlyLeft: onlyA, onlyRight: onlyB,
		out: out, node: n, run: n.Run(), greedy: common || n.Entangled(), made: handoff.NewBatch(results, results.Most),
	}
}

// pair makes pairs until no more can come. It accounts for items without a partner.
func (p *pairs) pair() (err error) {
	defer func() { // also if user code ends the goroutine
		left := err
		if p.run.Aborted() {
			left = p.run.AbortError()
		}
		p.left.Empty(left)
		p.right.Empty(left)
	}()
	for !p.run.Aborted() && p.next() {
		p.some()
		if d := max(p.left.Len(), p.right.Len()); d >= MaxDrift {
			return fmt.Errorf("zip: one inlet is %d items ahead of the other: both branches must send on the same number of items", d)
		}
	}
	return nil
}

// next waits until both shelves have an item, or, in the greedy mode, until one of them has more.
// It returns false when no pair can come any more.
func (p *pairs) next() bool {
	l, r := &p.left, &p.right
	switch {
	case l.Ended() || r.Ended():
		return false
	case l.Len() > 0 && r.Len() > 0:
		return true
	case !p.greedy && l.Len() == 0:
		return l.Fill()
	case !p.greedy:
		return r.Fill()
	}
	l.PutAside()
	r.PutAside()
	switch first, _ := kernel.Either(l.In, r.In, nil); first {
	case nil:
		return false
	case l.In:
		l.FillNow()
	default:
		r.FillNow()
	}
	return true
}

// some makes the pairs of the items on both shelves.
func (p *pairs) some() {
	for !p.run.Aborted() && partnered(&p.left, p.onlyLeft) && partnered(&p.right, p.onlyRight) {
		x, i, to := p.left.Head()
		y, j, end := p.right.Head()
		n := min(x.Plain(i, to), y.Plain(j, end), p.made.Size())
		if n == 0 {
			kernel.FailPair(&p.left, &p.right, nil)
			continue
		}
		p.joined(x, y, i, j, n)
	}
}

// partnered removes from the front failed items of stages above both inlets: they have no partner.
// It reports whether an item is left.
func partnered(s *kernel.Shelf, own map[string]bool) bool {
	for s.Len() > 0 {
		b, i, _ := s.Head()
		if f := b.Fault(i); f == nil || own[f.Stage] {
			return true
		}
		s.PassHead()
	}
	return false
}

// joined joins up to n healthy pairs and sends them. If a join panics, that pair fails.
func (p *pairs) joined(x, y *handoff.Batch, i, j, n int) {
	p.done = 0
	returned := false
	defer func() {
		if !returned {
			p.send()
			kernel.FailPair(&p.left, &p.right, stages.ErrGoexit)
		}
	}()
	err := p.node.Protect(func() error {
		p.join(x, y, i, j, n)
		return nil
	})
	returned = true
	p.send()
	if err != nil {
		kernel.FailPair(&p.left, &p.right, err)
	}
}

func (p *pairs) send() {
	k := p.done
	p.done = 0
	p.out.SendPairs(p.made, &p.left, &p.right, k)
}
