package deadletter

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/weir-go/weir/stages"
)

// Replay is a source of the letters that are in a store when it begins. Their values
// enter a flow again, and each is remembered, as by operator.Remember.
//
//   - If the item is done, its letter is taken out.
//   - If the item fails again, a new letter takes the place of the old one. It tells
//     how the item failed this time, and has one more in [Letter.Replays]. If the
//     flow dead-letters the item, that makes the new letter. If the flow does not,
//     the replay puts it into its store; the old letter stays if the store refuses.
//   - If the item is inside when the run is aborted, or is handed back, its letter
//     stays as it is.
//
// A Replay serves one run.
type Replay[T any] struct {
	// Store has the letters.
	Store Store[T]
	// Where chooses letters. If it is nil, all are replayed. A Where that looks at
	// Replays bounds how often an item is tried that can never succeed.
	Where func(Letter[T]) bool

	replayed, done, failed, unsettled atomic.Int64
}

// Report is the account of a [Replay]. When the run has ended, Replayed = Done +
// Failed + Unsettled.
type Report struct {
	// Replayed is how many letters entered the flow.
	Replayed int64
	// Done is how many were delivered, or dropped on purpose.
	Done int64
	// Failed is how many failed again. It includes the dead-lettered ones.
	Failed int64
	// Unsettled is how many were inside when the run was aborted, or were handed
	// back. Their letters stay as they are.
	Unsettled int64
}

// Report returns the account as of now.
func (r *Replay[T]) Report() Report {
	return Report{r.replayed.Load(), r.done.Load(), r.failed.Load(), r.unsettled.Load()}
}

// Validate implements [stages.Validator].
func (r *Replay[T]) Validate() error {
	if r == nil || r.Store == nil {
		return errors.New("store of dead letters is nil")
	}
	return nil
}

// Run implements [stages.Source]. An error of the store stops the run, and so does
// a letter that is done and cannot be taken out.
func (r *Replay[T]) Run(ctx context.Context, out *stages.Outlet[T]) error {
	for l, err := range r.Store.Letters(ctx) {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		if r.Where != nil && !r.Where(l) {
			continue
		}
		settle := func(deadLettered bool, err error) error {
			// A call that the end of the run has cancelled says nothing about its letter.
			if !deadLettered && ctx.Err() != nil && errors.Is(err, context.Canceled) {
				err = stages.ErrAborted
			}
			return r.settle(context.WithoutCancel(ctx), l, deadLettered, err)
		}
		r.replayed.Add(1)
		if !out.EmitReplayed(settle, l.Replays+1, l.Value) {
			r.replayed.Add(-1)
			return nil
		}
	}
	return nil
}

// settle handles a letter whose item has left the flow. ctx does not end: finished work counts even
// if the run has been aborted meanwhile.
func (r *Replay[T]) settle(ctx context.Context, l Letter[T], deadLettered bool, err error) error {
	switch {
	case errors.Is(err, stages.ErrAborted), errors.Is(err, stages.ErrHandedBack):
		r.unsettled.Add(1)
		return nil
	case deadLettered:
		r.failed.Add(1)
	case err != nil:
		r.failed.Add(1)
		if r.Store.Put(ctx, again(l, err)) != nil {
			return nil // the old letter stays
		}
	default:
		r.done.Add(1)
	}
	if err := r.Store.Remove(ctx, l.ID); err != nil {
		return fmt.Errorf("letter %d is done and cannot be removed: %w", l.ID, err)
	}
	return nil
}

// again returns the failure of a letter's item. The item may have been part of another item when it
// failed.
func again[T any](l Letter[T], err error) *stages.ItemError {
	e := &stages.ItemError{Err: err, Value: l.Value, Replays: l.Replays + 1}
	var failed *stages.ItemError
	if errors.As(err, &failed) {
		e.Stage, e.Err, e.Attempts, e.Entered = failed.Stage, failed.Err, failed.Attempts, failed.Entered
	}
	return e
}
