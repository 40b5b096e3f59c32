package stages

import (
	"context"
	"iter"
	"time"

	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/lineage"
	"github.com/weir-go/weir/internal/typed"
)

// core is the kernel's side of an inlet. Only packages of this module can reach it.
//
//lint:ignore U1000 they use its promoted method
type core = kernel.InletRef

// Inlet is the receiving end of an edge. It belongs to one goroutine.
//
// It hands out healthy items. Items that have failed before skip the stage: the inlet sends them
// to the stage's outlet, in their place among the items. The stage sees them only if it is a
// [FailureTaker]. When the flow is aborted the inlet fails every item that is left and reports
// the end of the stream, so a stage needs no code for that.
type Inlet[T any] struct {
	//lint:ignore U1000 see core
	core
	batch   *handoff.Batch // the current batch
	values  []T            // its values
	archive []lineage.Timing
}

// InletOf is the type *Inlet[T]. It pins a method's type parameter, which is always inferred: the
// compiler makes such a method only for the types that it is called for.
type InletOf[T any] interface{ *Inlet[T] }

// Next returns the next item. It blocks until there is one and returns false at the end
// of the stream.
func (in *Inlet[T]) Next[I InletOf[T]]() (Item[T], bool) {
	it, ok, _ := in.NextOr(nil)
	return it, ok
}

// All ranges over the items until the end of the stream.
func (in *Inlet[T]) All[I InletOf[T]]() iter.Seq[Item[T]] {
	return func(yield func(Item[T]) bool) {
		for {
			it, ok := in.Next()
			if !ok || !yield(it) {
				return
			}
		}
	}
}

// NextOr is Next for stages with a timer: it also returns when wake delivers. Then woken is true
// and there is no item. At the end of the stream both ok and woken are false.
func (in *Inlet[T]) NextOr[I InletOf[T]](wake <-chan time.Time) (it Item[T], ok, woken bool) {
	k := kernel.Of(in)
	if it.meta, ok, woken = k.Next(wake); ok {
		it.Value = in.at(k)
	}
	return it, ok, woken
}

// Read is Next for several items: it writes up to len(buf) items to buf and returns how many. It
// blocks until there is one item, and does not wait for more. At the end of the stream it returns
// 0. Read stops before an item that has failed, so failed items keep their places. If the stage
// takes failures ([FailureTaker]), a failed item comes alone.
//
// The stage receives all these items at the same time, so it should send them on by
// [Outlet.SendAll], which divides the time among them. By Read and SendAll an item costs the
// machine less than half of what it costs by Next and Send. That matters to a stage that works on
// an item for less than a microsecond.
func (in *Inlet[T]) Read[I InletOf[T]](buf []Item[T]) int {
	if len(buf) == 0 {
		return 0
	}
	it, ok := in.Next()
	if !ok {
		return 0
	}
	buf[0] = it
	if it.meta.Fault() != nil {
		return 1
	}
	k := kernel.Of(in)
	from, to := k.Neighbours(len(buf))
	for i := from + 1; i < to; i++ {
		buf[i-from] = Item[T]{Value: in.values[i], meta: k.MetaWith(&it.meta, i)}
	}
	return to - from
}

// at returns the value of the current item.
func (in *Inlet[T]) at[I InletOf[T]](k *kernel.Inlet) T {
	if k.B != in.batch {
		in.batch, in.values = k.B, typed.Values[T](k.B)
	}
	return in.values[k.Pos]
}

// Fail accounts for it as failed with err, or as expired if err is [ErrExpired]. The item leaves
// the stage as a failed item, so Fail can block as [Outlet.Send] does. At a sink, the run stops
// with that failure.
func (in *Inlet[T]) Fail[I InletOf[T]](it Item[T], err error) {
	kernel.Of(in).Fail(it.meta, it.Value, err)
}

// Drop accounts for it as dropped on purpose.
func (in *Inlet[T]) Drop[I InletOf[T]](it Item[T]) { kernel.Of(in).Drop(it.meta) }

// Fold accounts for it as a part of another item, which the stage sends on or holds. The item is
// acknowledged when the other one is done.
func (in *Inlet[T]) Fold[U any](it Item[T], into *Item[U]) { kernel.Of(in).Fold(it.meta, &into.meta) }

// Recover makes a failed item healthy again, with v as its value. It is for stages that
// take failures. The item still has to be accounted for.
func (in *Inlet[T]) Recover[I InletOf[T]](it Item[T], v T) Item[T] {
	return Item[T]{Value: v, meta: kernel.Of(in).Recover(it.meta)}
}

// DeadLetter accounts for a failed item as put aside as a dead letter.
func (in *Inlet[T]) DeadLetter[I InletOf[T]](it Item[T]) { kernel.Of(in).DeadLetter(it.meta) }

// Done accounts for an item that a sink has accepted. If the sink takes failures, Done
// accounts for a failed item that it has delivered as such.
func (in *Inlet[T]) Done[I InletOf[T]](it Item[T]) { kernel.Of(in).Done(it.meta) }

// Context returns the context for a call of user code for it. That is ctx, the context of the
// run, unless the item has a deadline or a context of its own. end must be called when the call
// has returned.
func (in *Inlet[T]) Context[I InletOf[T]](ctx context.Context, it Item[T]) (_ context.Context, end func()) {
	l := it.meta.Limit()
	if !l.Bounded() {
		return ctx, func() {}
	}
	run := kernel.Of(in).Node().Run()
	c := l.Within(run.Ctx, run.Clock)
	return c, c.End
}

// Timings returns the timings of an item that is about to leave the flow: the stages that
// it has passed, and the time since its entry. They belong to the caller. 64 items share
// an allocation.
func (in *Inlet[T]) Timings[I InletOf[T]](it Item[T]) Timings {
	if cap(in.archive)-len(in.archive) < pathOf(kernel.Of(in)) {
		in.archive = make([]lineage.Timing, 0, handoff.BatchSize*pathOf(kernel.Of(in)))
	}
	from := len(in.archive)
	all, total := kernel.Of(in).Timings(it.meta, in.archive)
	in.archive = all
	return Timings{spans: all[from:len(all):len(all)], total: total}
}

// pathOf returns the number of timings for which to reserve room.
func pathOf(k *kernel.Inlet) int { return len(k.Node().Run().Nodes()) }
