package stages

import (
	"context"
	"errors"
	"io"
)

// Delivery is a value that a queue has handed out, with the acknowledgement that
// the queue waits for.
type Delivery[T any] struct {
	Value T
	// Ack is called once: with nil when all that has come of the value was
	// delivered, dropped on purpose or dead-lettered, and with the first failure
	// when any of it failed for good. It is called from any goroutine of the flow,
	// which waits for it; a panic stops the run. Nil where nobody waits.
	Ack func(error)
}

// Acked is a source of what read brings, an acknowledgement for each value: the
// pull loop of a queue.
//
//	read:  [a b]------[c]----EOF
//	out:   --a-b--------c----|
//	acks:  ------b-a-------c-      as they are done
//
// read blocks until there is something, and is called again when the edge below
// has taken what it brought; a call that brings nothing makes the next one
// follow at once. Its context ends when the intake stops. What it brings, also
// together with an error, enters the flow. [io.EOF] ends the stream, and any
// other error stops the run.
//
// Each delivery is acknowledged once before the run ends, with [ErrAborted] also
// where the flow was aborted before it took it. How many are not acknowledged
// yet is bounded by the edges and stages of the flow; to bound it further, and to
// commit in order what is done out of order, see [Commits]. For one
// acknowledgement of many values together, see [Outlet.EmitAcked].
func Acked[T any](read func(context.Context) ([]Delivery[T], error)) Source[T] {
	return &ackedSource[T]{read}
}

type ackedSource[T any] struct {
	read func(context.Context) ([]Delivery[T], error)
}

func (s *ackedSource[T]) Validate() error { return needs(s.read == nil, "read function is nil") }

func (s *ackedSource[T]) Run(ctx context.Context, out *Outlet[T]) error {
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

// emit brings one value in. What an aborted flow does not take has failed.
func (s *ackedSource[T]) emit(out *Outlet[T], d Delivery[T]) {
	if d.Ack == nil {
		out.Emit(d.Value)
		return
	}
	if !out.EmitAcked(d.Ack, d.Value) {
		settleSource(out, d.Ack, out.rt.abortError())
	}
}
