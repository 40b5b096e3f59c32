package stages

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
)

// Replay is a source of the dead letters that are in a store when it begins: their
// values enter a flow again. One is taken out of the store when it is done; where
// it fails again it stays, or, where the flow dead-letters it, there is a new
// letter in its place, with one more [Letter.Replays]. A Replay serves one run.
type Replay[T any] struct {
	// Store is where the letters are.
	Store LetterStore[T]
	// Where chooses letters; nil is all. One that looks at Replays ends what would
	// be tried for ever.
	Where func(Letter[T]) bool

	replayed, done, failed, aborted atomic.Int64
}

// ReplayReport is the account of a [Replay]: when the run has ended, Replayed =
// Done + Failed + Aborted.
type ReplayReport struct {
	// Replayed is how many letters entered the flow.
	Replayed int64
	// Done is how many were delivered, or dropped on purpose.
	Done int64
	// Failed is how many failed again, dead-lettered ones included.
	Failed int64
	// Aborted is how many were inside when the run was aborted. They stay.
	Aborted int64
}

// Report returns the account as of now.
func (r *Replay[T]) Report() ReplayReport {
	return ReplayReport{r.replayed.Load(), r.done.Load(), r.failed.Load(), r.aborted.Load()}
}

// Validate implements [Validator].
func (r *Replay[T]) Validate() error {
	return needs(r == nil || r.Store == nil, "store of dead letters is nil")
}

// Run implements [Source]. An error of the store, also when a letter cannot be
// taken out, stops the run.
func (r *Replay[T]) Run(ctx context.Context, out *Outlet[T]) error {
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
		if !r.emit(out, l) {
			return nil
		}
	}
	return nil
}

// emit brings a letter's value in. It remembers it, so that a new letter has it
// whatever becomes of it in the flow.
func (r *Replay[T]) emit(out *Outlet[T], l Letter[T]) bool {
	if !openFor(out) {
		return false
	}
	receipt := &receipt{replays: l.Replays + 1}
	receipt.settle = func(err error) {
		settleSource(out, func(err error) { r.settle(out, l.ID, receipt, err) }, err)
	}
	receipt.owed.Store(1)
	t := keepTrail(out, out.rt.stamp())
	t.owe(receipt)
	t.remember(&remembered[T]{l.Value})
	r.replayed.Add(1)
	countIn(out, 1)
	put(out.edge, Item[T]{Value: l.Value, trail: t})
	return true
}

// settle notes what has become of a letter.
func (r *Replay[T]) settle(out *Outlet[T], id uint64, receipt *receipt, err error) {
	switch {
	case errors.Is(err, ErrAborted):
		r.aborted.Add(1)
		return
	case err != nil:
		r.failed.Add(1)
		return
	case receipt.buried.Load():
		r.failed.Add(1)
	default:
		r.done.Add(1)
	}
	// The run may be aborted by now; what is done is done.
	if err := r.Store.Remove(context.WithoutCancel(out.rt.ctx), id); err != nil {
		out.rt.fail(fmt.Errorf("stage %q: letter %d is done and cannot be removed: %w", out.node.name, id, err))
	}
}
