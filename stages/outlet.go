package stages

import (
	"fmt"

	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/lineage"
	"github.com/weir-go/weir/internal/typed"
)

// outCore is the kernel's side of an outlet. Only packages of this module can reach it.
//
//lint:ignore U1000 they use its promoted method
type outCore = kernel.OutletRef

// Outlet is the sending end of an edge. Any number of goroutines may send. The order of
// the items is the order of the calls.
type Outlet[T any] struct {
	//lint:ignore U1000 see outCore
	outCore
}

// OutletOf is the type *Outlet[T]. It pins a method's type parameter, as [InletOf] does.
type OutletOf[T any] interface{ *Outlet[T] }

// Send sends it to the next stage. It blocks while the edge is full, which is how backpressure
// reaches the stage. It always succeeds: either the next stage takes the item, or the flow
// accounts for it.
func (out *Outlet[T]) Send[O OutletOf[T]](it Item[T]) {
	typed.Send(kernel.OutletOf(out), &it.meta, it.Value)
}

// SendAll is Send of several items, in order. It blocks while the edge is full; then items of other
// senders may come between them. SendAll does not keep the slice.
//
// Items that were received together by [Inlet.Read] have equal shares of the time since then, as if
// the stage had worked on one after the other.
func (out *Outlet[T]) SendAll[O OutletOf[T]](items []Item[T]) {
	kernel.OutletOf(out).SendAll(&kernel.Items{
		Len:  len(items),
		Meta: func(i int) *kernel.Meta { return &items[i].meta },
		Write: func(b *handoff.Batch, at, from, to int) {
			values := typed.Values[T](b)[at:]
			for i, it := range items[from:to] {
				values[i] = it.Value
			}
		},
	})
}

// Derive sends v as an item of its own that continues the lineage of it. It blocks as
// [Outlet.Send] does. The stage still has to account for it, whether it derived one item or many.
func (out *Outlet[T]) Derive[P any](it Item[P], v T) {
	k := kernel.OutletOf(out)
	child := k.Derive(&it.meta)
	typed.Send(k, &child, v)
}

// Emit brings v into the flow. It is for sources. It blocks while the edge is full. It returns
// false only if the flow was aborted; then v was not taken, and the source should return. When
// the intake stops, the context of the source ends instead, and the flow still takes what the
// source emits until it returns.
func (out *Outlet[T]) Emit[O OutletOf[T]](v T) bool { return typed.Emit(kernel.OutletOf(out), v) }

// EmitAcked is [Outlet.Deliver] with an acknowledgement alone.
func (out *Outlet[T]) EmitAcked[O OutletOf[T]](ack func(error), vs ...T) bool {
	return out.Deliver(Receipt{Ack: ack}, vs...)
}

// EmitReplayed brings the value of a dead letter into the flow again, remembered as an
// operator.Remember stage does it. replays is how often the value has been replayed, this time
// included: a failure shows it. settle is called as by [Outlet.EmitAcked], and told whether a new
// dead letter was made of the value. Its error stops the run.
func (out *Outlet[T]) EmitReplayed[O OutletOf[T]](settle func(deadLettered bool, err error) error, replays int, v T) bool {
	k := kernel.OutletOf(out)
	if !k.Open() {
		return false
	}
	var r *lineage.Receipt
	r = k.NewReceipt(1, func(err error) {
		if err := settle(r.Buried(), err); err != nil {
			k.Node().Run().Fail(fmt.Errorf("stage %q: %w", k.Node().Name, err))
		}
	}).WithReplays(replays)
	typed.Bring(k, lineage.Entry{Receipt: r, Origin: typed.Memory(v)}, v)
	return true
}
