package stages

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/lineage"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/primitives/outcome"
)

// Receipt is what a source tells about the values that it brings in. Each field may be left out.
// Everything that is made from the values carries it.
type Receipt struct {
	// Ack is called once, when everything that was made from the values has left the flow. Its
	// error is nil if all of it was delivered, dropped on purpose or dead-lettered. Else it is the
	// first failure; [HandedBack] tells whether the source should hand the values out again. Ack is
	// called from any goroutine of the flow, which waits for it. A panic of Ack stops the run.
	Ack func(error)
	// Context is the context of the values. The functions, layers and policies that are called
	// for a value see what it holds, such as a trace or a tenant. Calls also see its deadline
	// and its end. When it ends, the value fails with [ErrExpired] and the cause. If the cause
	// matches [ErrHandedBack], the value goes back to its source. An item that is made of
	// several, such as a batch, has no context.
	Context context.Context
	// Deliveries is how often the queue has handed the values out, this time included. It is 0
	// if that is not known. [ItemError.Deliveries] shows it.
	Deliveries int
	// Lot is a group of values that the source can call in. It needs an Ack.
	Lot *Lot
	// ID identifies the values at the source, such as the position in a log. It is the same at each
	// delivery, and different for different values. Topics suppress repeats by it. It needs an Ack.
	ID string
	// Journey is what happened to the values in other parts of the graph, or nil.
	Journey *Journey
}

// Deliver brings the values into the flow, in order, with one receipt. It is for sources.
//
// It blocks while the edge is full. It returns false only if the flow was aborted and took none of
// the values; then Ack is not called. An aborted flow can still take some of several values; then
// Ack is called. Without values Ack is called at once. A call costs one allocation.
func (out *Outlet[T]) Deliver[O OutletOf[T]](r Receipt, vs ...T) bool {
	k := kernel.OutletOf(out)
	if !k.Open() {
		return false
	}
	e := r.entry(k)
	if r.Ack != nil {
		e.Receipt = r.receipt(k, &lineage.Receipt{}, len(vs))
		if len(vs) == 0 {
			e.Receipt.Settle(nil)
		}
	}
	for i, v := range vs {
		e.Nth = int32(i)
		typed.Bring(k, e, v)
	}
	return true
}

// receipt makes made, which is new, the receipt for n values of the source.
func (r *Receipt) receipt(k *kernel.Outlet, made *lineage.Receipt, n int) *lineage.Receipt {
	made.Owe(n, k.Node(), r.Ack).WithDeliveries(r.Deliveries).WithID(r.ID)
	if r.Lot != nil {
		made.WithLot(&r.Lot.lot, k.Node().Run().Recall())
	}
	return made
}

// DeliverAll is [Outlet.Deliver] of each value with a receipt of its own: rs[i] is that of vs[i]. It
// is for sources that get many values at once. The stages below see them together, so it costs
// less than a call for each.
//
// It returns how many values it has taken, the first ones: all of them unless the flow was aborted.
// The Ack of the others is not called. If one of the slices is longer, its rest is ignored.
func (out *Outlet[T]) DeliverAll[O OutletOf[T]](rs []Receipt, vs []T) (taken int) {
	k, n := kernel.OutletOf(out), min(len(rs), len(vs))
	var entries [deliverBlock]lineage.Entry // allocated on the stack
	for taken < n && k.Open() {
		some := rs[taken:min(n, taken+deliverBlock)]
		var block []lineage.Receipt // allocated together, which costs less
		for i := range some {
			entries[i] = some[i].entry(k)
			if some[i].Ack != nil {
				if block == nil {
					block = make([]lineage.Receipt, len(some))
				}
				entries[i].Receipt = some[i].receipt(k, &block[i], 1)
			}
		}
		k.Bring(entries[:len(some)], func(b *handoff.Batch, at, from, to int) {
			copy(typed.Values[T](b)[at:], vs[taken+from:taken+to])
		})
		taken += len(some)
	}
	return taken
}

// deliverBlock is the largest number of values that are sent together. The receipt of a value in
// the flow keeps the others in memory.
const deliverBlock = 16

// Lot is a group of values of a source, such as the values of a partition that another consumer
// will get. The zero value is ready for use. Its method may be called from any goroutine.
type Lot struct{ lot lineage.Lot }

// Flush makes the stages hold back no value of the lot. A Batch, a MapBatch, a ForEachBatch, a
// Window and a Debounce send on at once what contains such a value; a window leaves as Partial.
// Values of the lot that are delivered later are not held back either. Flush does not wait. Stages
// that wait for other items (Reduce, Join, Zip) or for a time (Delay, the wait of a retry) are not
// affected.
func (l *Lot) Flush() { l.lot.Call() }

// HandBack returns an error that gives an item back to its source, and asks the source to hand it
// out again after a delay. A function, a policy or a sink returns it for an item that it cannot do
// now. The item fails with [ErrHandedBack], and the run continues. after is the delay; 0 means at
// once. A source that cannot delay an item hands it out when it can.
//
// The source must wait for an acknowledgement of the item. If it does not, nothing can hand the
// item out again, and at a sink it is a failure like any other.
func HandBack(after time.Duration) error { return &HandBackError{After: after} }

// HandBackError is the failure of an item that goes back to its source. It matches
// [ErrHandedBack].
type HandBackError struct {
	// After is how long the source should wait before it hands the item out again.
	After time.Duration
	// Err is why the item goes back, nil if that is not known.
	Err error
}

// Error says after how long, and why.
func (e *HandBackError) Error() string {
	s := ErrHandedBack.Error()
	if e.After > 0 {
		s = fmt.Sprintf("%s for %v", s, e.After)
	}
	if e.Err != nil {
		s = fmt.Sprintf("%s: %v", s, e.Err)
	}
	return s
}

// Is reports whether target is ErrHandedBack.
func (e *HandBackError) Is(target error) bool { return target == ErrHandedBack }

// Unwrap returns why the item goes back.
func (e *HandBackError) Unwrap() error { return e.Err }

// Outcome tells breakers and retries that the error says nothing about the service.
func (e *HandBackError) Outcome() outcome.Outcome { return outcome.Outcome{Kind: outcome.Ignored} }

// HandedBack reports whether the error of an acknowledgement asks the source to hand the value
// out again: it was handed back, or the flow was aborted. after is the delay that [HandBack]
// asked for.
func HandedBack(err error) (after time.Duration, ok bool) {
	var back *HandBackError
	if errors.As(err, &back) {
		after = back.After
	}
	return after, errors.Is(err, ErrHandedBack) || errors.Is(err, ErrAborted)
}
