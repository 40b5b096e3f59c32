package stages

import (
	"context"
	"iter"
)

// Seq is a source of the values of seq, in order. An iterator cannot be
// interrupted: when the intake stops, the source returns with the next value
// that seq yields, which still enters the flow.
func Seq[T any](seq iter.Seq[T]) Source[T] { return &seqSource[T]{seq} }

type seqSource[T any] struct{ seq iter.Seq[T] }

func (s *seqSource[T]) Validate() error { return needs(s.seq == nil, "sequence is nil") }

func (s *seqSource[T]) Run(ctx context.Context, out *Outlet[T]) error {
	e := newEmitter(out)
	defer endEmitter(&e)
	for v := range s.seq {
		if !emit(&e, v) || stopping(out) {
			break
		}
	}
	return nil
}
