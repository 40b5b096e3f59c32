package source

import (
	"context"
	"errors"
	"iter"

	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
)

// Seq is a source of the values of seq, in order. An iterator cannot be interrupted: when
// the intake stops, the source returns with the next value that seq yields, which still
// enters the flow.
func Seq[T any](seq iter.Seq[T]) stages.Source[T] { return &seqSource[T]{seq} }

type seqSource[T any] struct{ seq iter.Seq[T] }

// Validate implements [stages.Validator].
func (s *seqSource[T]) Validate() error {
	if s.seq == nil {
		return errors.New("sequence is nil")
	}
	return nil
}

func (s *seqSource[T]) Run(_ context.Context, out *stages.Outlet[T]) error {
	k := kernel.OutletOf(out)
	if k.Node().Run().Detached() { // a source that was left behind may continue later
		for v := range s.seq {
			if !out.Emit(v) || k.Node().Stopping() {
				break
			}
		}
		return nil
	}
	src := kernel.NewSource(k)
	defer src.End()
	var batch *handoff.Batch
	var values []T
	for v := range s.seq {
		if src.Room == 0 && !src.More() {
			break
		}
		if src.B != batch {
			batch, values = src.B, typed.Values[T](src.B)
		}
		values[src.At] = v
		if !src.Publish(1) {
			break
		}
	}
	return nil
}
