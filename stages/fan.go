package stages

import (
	"context"
	"time"

	"github.com/sourcegraph/conc"
)

// FanOut connects an inlet to several outlets. What [Stage] says of Run holds
// here, too. Items that have failed before leave by the first outlet.
type FanOut[T any] interface {
	Run(ctx context.Context, in *Inlet[T], outs []*Outlet[T]) error
}

// FanIn connects several inlets to an outlet. What [Stage] says of Run holds
// here, too, for each inlet. Where what arrives comes of one stage above, it
// must not wait for one inlet while another is full: that stage would wait for
// the full one for good.
type FanIn[T, O any] interface {
	Run(ctx context.Context, ins []*Inlet[T], out *Outlet[O]) error
}

// Pairing connects two inlets of different types to an outlet; see [FanIn].
type Pairing[A, B, O any] interface {
	Run(ctx context.Context, a *Inlet[A], b *Inlet[B], out *Outlet[O]) error
}

// RunFanOut runs s between in and outs as [RunStage] does.
func RunFanOut[T any](s FanOut[T], in *Inlet[T], outs []*Outlet[T]) {
	in.bypass = outs[0].pass
	in.takes = takesFailures(s)
	defer func() {
		for _, out := range outs {
			out.close()
		}
	}()
	in.node.serve(s)
	settle(in, in.rt, in.node, func() error { return s.Run(in.rt.ctx, in, outs) })
}

// RunFanIn runs s between ins and out as [RunStage] does.
func RunFanIn[T, O any](s FanIn[T, O], ins []*Inlet[T], out *Outlet[O]) {
	var all inlets
	for _, in := range ins {
		in.bypass = out.pass
		in.takes = takesFailures(s)
		all = append(all, in)
	}
	defer out.close()
	out.node.serve(s)
	settle(all, out.rt, out.node, func() error { return s.Run(out.rt.ctx, ins, out) })
}

// RunPairing runs s between a and b and out as [RunStage] does.
func RunPairing[A, B, O any](s Pairing[A, B, O], a *Inlet[A], b *Inlet[B], out *Outlet[O]) {
	a.bypass, b.bypass = out.pass, out.pass
	a.takes, b.takes = takesFailures(s), takesFailures(s)
	defer out.close()
	out.node.serve(s)
	settle(inlets{a, b}, out.rt, out.node, func() error { return s.Run(out.rt.ctx, a, b, out) })
}

// inlets are those of one stage.
type inlets []finisher

// finish settles all of them at once: one may have to be emptied before another
// ends.
func (all inlets) finish(err error) {
	var wg conc.WaitGroup
	for _, in := range all {
		wg.Go(func() { in.finish(err) })
	}
	wg.Wait()
}

// Side says what [Either] has come back with.
type Side uint8

const (
	// Neither: both streams have ended.
	Neither Side = iota
	// Left: the next item of the first inlet.
	Left
	// Right: the next item of the second inlet.
	Right
	// Woken: no item, the wake channel has delivered.
	Woken
)

// Either returns the next item of one of two inlets of the same stage, whichever
// has one; where both have, neither is kept waiting. It blocks until there is
// one, wake, which may be nil, delivers, or both streams have ended.
func Either[A, B any](a *Inlet[A], b *Inlet[B], wake <-chan time.Time) (Item[A], Item[B], Side) {
	for {
		select {
		case <-wake:
			return Item[A]{}, Item[B]{}, Woken
		default:
		}
		atA, atB := atHand(a), atHand(b)
		switch {
		case atA > 0 && atA >= atB:
			if it, ok := takeNext(a); ok {
				return it, Item[B]{}, Left
			}
		case atB > 0:
			if it, ok := takeNext(b); ok {
				return Item[A]{}, it, Right
			}
		default:
			sa, sb := pollInlet(a), pollInlet(b)
			if sa == ended && sb == ended {
				return Item[A]{}, Item[B]{}, Neither
			}
			if sa != ready && sb != ready && either(a, b, wake) {
				return Item[A]{}, Item[B]{}, Woken
			}
		}
	}
}

// either blocks until there is a batch at one of the inlets, an inlet has ended,
// or wake delivers, which it reports.
func either[A, B any](a *Inlet[A], b *Inlet[B], wake <-chan time.Time) (woken bool) {
	since := a.rt.stamp()
	a.edge.drySince.Store(since)
	b.edge.drySince.Store(since)
	select {
	case batch, ok := <-channelOf(a):
		a.hand, a.over = batch, !ok
	case batch, ok := <-channelOf(b):
		b.hand, b.over = batch, !ok
	case <-wake:
		woken = true
	}
	waited := a.rt.stamp() - since
	wasDry(&a.edge.level, waited)
	wasDry(&b.edge.level, waited)
	return woken
}
