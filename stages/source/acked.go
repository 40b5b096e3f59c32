package source

import (
	"context"
	"errors"
	"io"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/stages"
)

// Delivery is a value that a queue has handed out, with what the queue says of it. Its other
// fields are those of a [stages.Receipt].
type Delivery[T any] struct {
	Value T
	// Ack is called once, with nil or a failure; [stages.HandedBack] tells whether the value
	// should be handed out again. It is nil if the queue waits for no acknowledgement.
	Ack        func(error)
	Context    context.Context
	Deliveries int
	Lot        *stages.Lot
}

// Acked is a source of what read brings, with an acknowledgement for each value: the pull loop
// of a queue.
//
//	read:  [a b]------[c]----EOF
//	out:   --a-b--------c----|
//	acks:  ------b-a-------c-      as they are done
//
// read blocks until there is something, and is called again when the edge below has taken what
// it brought. After a call that brings nothing the next one follows at once. The context of
// read ends when the intake stops. What it brings, also together with an error, enters the flow.
// [io.EOF] ends the stream, and any other error stops the run.
//
// Each delivery is acknowledged once before the run ends: with [stages.ErrAborted] if the flow
// was aborted before it took the delivery. How many are not acknowledged yet is bounded by the
// edges and stages of the flow. For one acknowledgement of many values together, see
// [stages.Outlet.Deliver].
func Acked[T any](read func(context.Context) ([]Delivery[T], error)) stages.Source[T] {
	return &ackedSource[T]{read}
}

type ackedSource[T any] struct {
	read func(context.Context) ([]Delivery[T], error)
}

// Validate implements [stages.Validator].
func (s *ackedSource[T]) Validate() error {
	if s.read == nil {
		return errors.New("read function is nil")
	}
	return nil
}

func (s *ackedSource[T]) Run(ctx context.Context, out *stages.Outlet[T]) error {
	for ctx.Err() == nil {
		batch, err := s.read(ctx)
		for _, d := range batch {
			s.emit(out, d)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// emit sends one value. If an aborted flow does not take the value, the value counts as failed.
func (s *ackedSource[T]) emit(out *stages.Outlet[T], d Delivery[T]) {
	r := stages.Receipt{Ack: d.Ack, Context: d.Context, Deliveries: d.Deliveries, Lot: d.Lot}
	if !out.Deliver(r, d.Value) && d.Ack != nil {
		k := kernel.OutletOf(out)
		k.NewReceipt(1, d.Ack).Settle(k.Node().Run().AbortError())
	}
}
