package operator

import (
	"context"
	"iter"

	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
)

// FlatMap calls f for each item and sends on every value of the sequence that f returns, in
// order and as they come. The sequence may be long: it is not held in memory. A nil sequence is
// an empty one.
//
//	in:   --1--------3------>
//	f:      x => x times x
//	out:  --1--------3-3-3-->
//
// An item with an empty sequence counts as filtered. An error of f fails the item. A panic in f
// or in the sequence fails the item as well; values that the sequence yielded before have been
// sent on. FlatMap stops ranging when the flow is aborted, when the item's time is up (see
// [Deadline]), and when no stage below wants more.
func FlatMap[I, O any](f func(context.Context, I) (iter.Seq[O], error)) stages.Stage[I, O] {
	return &flatMapper[I, O]{f}
}

type flatMapper[I, O any] struct {
	f func(context.Context, I) (iter.Seq[O], error)
}

// Validate implements [stages.Validator].
func (m *flatMapper[I, O]) Validate() error { return needs(m.f == nil, "function is nil") }

func (m *flatMapper[I, O]) Run(_ context.Context, in *stages.Inlet[I], out *stages.Outlet[O]) error {
	k, o := kernel.Of(in), kernel.OutletOf(out)
	children := kernel.NewChildren(o)
	defer children.Close()
	e := &expansion[I, O]{f: typed.Detached(k.Node(), m.f), in: k, run: k.Node().Run(), children: children}
	e.yield = e.send
	flatten(k, o, children, e.expand)
	return nil
}

// expansion ranges over the sequences.
type expansion[I, O any] struct {
	f        func(context.Context, I) (iter.Seq[O], error)
	in       *kernel.Inlet
	run      *kernel.Run
	children *kernel.Children
	yield    func(O) bool // send as a func value, allocated once

	ctx     context.Context // of the current item
	err     error           // why the sequence was not ranged over to its end
	ranging bool
	batch   *handoff.Batch
	values  []O // of batch
}

// expand sends the values of the current item's sequence.
func (e *expansion[I, O]) expand(ctx context.Context) error {
	e.ctx, e.err, e.ranging = ctx, nil, false
	seq, err := e.f(ctx, typed.At[I](e.in))
	if err != nil || seq == nil {
		return err
	}
	e.ranging = true
	seq(e.yield) // a range statement would allocate for each item
	e.ranging = false
	return e.err
}

// send is the body of the loop over a sequence.
func (e *expansion[I, O]) send(v O) bool {
	if !e.ranging {
		panic("sequence continued after its end")
	}
	c := e.children
	if e.ranging = e.mayGoOn() && (c.Room > 0 || c.More()); !e.ranging {
		return false
	}
	if c.B != e.batch {
		e.batch, e.values = c.B, typed.Values[O](c.B)
	}
	e.values[c.At] = v
	e.ranging = c.Publish()
	return e.ranging
}

// mayGoOn reports whether the flow takes another value. It always takes the first value of an item,
// unless the flow is aborted.
func (e *expansion[I, O]) mayGoOn() bool {
	switch {
	case e.ctx.Err() == nil:
	case e.run.Aborted():
		e.err = e.run.AbortError()
	case e.children.Any():
		e.err = e.ctx.Err()
	}
	return e.err == nil
}

// flatten calls expand for each item until the stream has ended or no stage below wants more.
// expand sends the children of the current item.
func flatten(k *kernel.Inlet, o *kernel.Outlet, children *kernel.Children, expand func(context.Context) error) {
	for !o.Unwanted() {
		if !k.Ready() {
			children.Idle()
		}
		m, ok, _ := k.Next(nil)
		if !ok {
			return
		}
		children.Begin(&m)
		_, ok = k.Try(&m, expand)
		switch n := children.End(); {
		case !ok: // it has failed
		case n > 0:
			o.Flattened(m)
		default:
			k.Drop(m)
		}
	}
}
