package operator

import (
	"context"
	"errors"
	"fmt"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/stages"
)

// DeadLetter gives each failed item to put, which keeps it somewhere, and takes it out of the
// stream. If put returns [stages.HandBack], the item goes back to its source. If put returns another error, the item stays failed, with both errors, and is not lost.
// Healthy items pass. The order is kept, and put is called from one goroutine. put never gets
// an item that goes back to its source: one that fails with [stages.ErrHandedBack] or
// [stages.ErrAborted].
func DeadLetter[T any](put func(context.Context, *stages.ItemError) error) stages.Stage[T, T] {
	return &deadLetter[T]{put: put}
}

type deadLetter[T any] struct {
	single
	put func(context.Context, *stages.ItemError) error
}

// TakesFailures implements [stages.FailureTaker].
func (s *deadLetter[T]) TakesFailures() bool { return true }

// Validate implements [stages.Validator].
func (s *deadLetter[T]) Validate() error { return needs(s.put == nil, "function is nil") }

func (s *deadLetter[T]) Run(_ context.Context, in *stages.Inlet[T], out *stages.Outlet[T]) error {
	k := kernel.Of(in)
	policy(k, kernel.OutletOf(out), s.put, func(m kernel.Meta, err error) {
		switch {
		case err == nil:
			k.DeadLetter(m)
		case errors.Is(err, stages.ErrHandedBack) && m.Acked():
			k.HandBack(m, err)
		default:
			k.Remain(m, unkept(m.Fault().Err, k.Node().Name, err))
		}
	})
	return nil
}

// unkept returns the failure of an item that could not be stored as a dead letter.
func unkept(cause error, stage string, err error) error {
	return fmt.Errorf("%w (and stage %q could not keep it: %w)", cause, stage, err)
}
