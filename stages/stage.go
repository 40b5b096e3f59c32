package stages

import (
	"context"
	"errors"
)

// Stage connects an inlet to an outlet. The flow runs it in a goroutine of its own; it may
// start more. (Neighbouring stages of this module can share a goroutine while they are
// cheap; see the package documentation.)
//
// Run must receive until the stream ends, account for every item it received (see [Item]), and
// return when its own goroutines have. A stage can return nil early, when it wants no more
// items: the flow stops the intake and drops the rest, as filtered. An error or a panic says
// that the stage is broken: the run stops with it, and what still arrives fails. The flow
// closes the outlet.
//
// ctx is for calls of user code and ends when the flow is aborted. A stage need not watch
// it, because its inlet also ends.
type Stage[I, O any] interface {
	Run(ctx context.Context, in *Inlet[I], out *Outlet[O]) error
}

// Source brings items into a flow. Run emits until it has no more, or until ctx ends, which is
// how the intake is stopped. It should still emit the values that it has already taken from
// elsewhere. It may block, but must return soon after ctx has ended. Its error stops the run.
type Source[T any] interface {
	Run(ctx context.Context, out *Outlet[T]) error
}

// Sink takes items out of a flow. Run receives until the stream ends and accounts for each
// item by [Inlet.Done] or [Inlet.Fail].
type Sink[T any] interface {
	Run(ctx context.Context, in *Inlet[T]) error
}

// FanOut connects an inlet to several outlets. The rules of [Stage] for Run hold. Items that
// have failed before leave by the first outlet.
type FanOut[T any] interface {
	Run(ctx context.Context, in *Inlet[T], outs []*Outlet[T]) error
}

// FanIn connects several inlets to an outlet. The rules of [Stage] for Run hold for each inlet.
// If two inlets share a stage above, Run must not wait for one inlet while the other is full.
// The stage above would wait for the full one, and the flow would deadlock.
type FanIn[T, O any] interface {
	Run(ctx context.Context, ins []*Inlet[T], out *Outlet[O]) error
}

// Pairing connects two inlets of different types to an outlet; see [FanIn].
type Pairing[A, B, O any] interface {
	Run(ctx context.Context, a *Inlet[A], b *Inlet[B], out *Outlet[O]) error
}

// FailureTaker is implemented by stages and sinks that want to see failed items: error
// policies, and sinks that deliver results with their errors.
type FailureTaker interface {
	// TakesFailures reports whether the inlet hands out failed items.
	TakesFailures() bool
}

// Staffed is implemented by stages whose workers can be set while they run.
type Staffed interface {
	// Staff returns how many workers the stage begins with.
	Staff() int
}

// TurnTaker is implemented by stages with several inlets that wait for one inlet while
// another fills up. A flow is not valid if two inlets of such a stage share a stage above.
type TurnTaker interface {
	// TakesTurns reports whether the stage does so.
	TakesTurns() bool
}

// PairTaker is implemented by stages with two inlets that wait for one inlet while the
// other fills up, unless the two depend on each other through the graph. Then the flow
// tells the stage so, and it takes items as they come.
type PairTaker interface {
	// TakesPairs reports whether the stage does so.
	TakesPairs() bool
}

// Bounded is implemented by sources that stop emitting while too many of their items are in the
// flow. Examples are a source of a broker that limits what is not acknowledged, and a source
// with an ack.Commits. A flow is not valid if a stage below such a source waits for more items
// than can come; see [Holder].
type Bounded interface {
	// MaxUnsettled returns how many items of the source can be in the flow at a time, 0 if
	// there is no bound.
	MaxUnsettled() int
}

// Holder is implemented by stages and sinks that know how many items they wait for. By each
// outlet, at most one item leaves for each item that comes.
type Holder interface {
	// Holds returns how many items must have come before the stage sends one on, however long
	// that takes. It is n for a batch of n items without a delay, and 1 for a Map.
	Holds() int
}

// Validator is implemented by stages, sources, sinks and layers that can be set up wrongly.
// A flow asks before it runs and reports all faults together.
type Validator interface {
	// Validate returns what is wrong, nil if nothing is. It may join several errors.
	Validate() error
}

// Describer is implemented by stages and layers that show more than their name in a picture of
// the graph.
type Describer interface {
	// Describe returns a short line, or nothing.
	Describe() string
}

// StageFunc is a function that is a [Stage].
type StageFunc[I, O any] func(ctx context.Context, in *Inlet[I], out *Outlet[O]) error

// Run calls f.
func (f StageFunc[I, O]) Run(ctx context.Context, in *Inlet[I], out *Outlet[O]) error {
	return f(ctx, in, out)
}

// SourceFunc is a function that is a [Source].
type SourceFunc[T any] func(ctx context.Context, out *Outlet[T]) error

// Run calls f.
func (f SourceFunc[T]) Run(ctx context.Context, out *Outlet[T]) error { return f(ctx, out) }

// SinkFunc is a function that is a [Sink].
type SinkFunc[T any] func(ctx context.Context, in *Inlet[T]) error

// Run calls f.
func (f SinkFunc[T]) Run(ctx context.Context, in *Inlet[T]) error { return f(ctx, in) }

// Lift adapts a plain function to the one shape of function that stages take.
func Lift[I, O any](f func(I) O) func(context.Context, I) (O, error) {
	return func(_ context.Context, v I) (O, error) { return f(v), nil }
}

// Validate implements [Validator].
func (f StageFunc[I, O]) Validate() error { return notNil(f == nil) }

// Validate implements [Validator].
func (f SourceFunc[T]) Validate() error { return notNil(f == nil) }

// Validate implements [Validator].
func (f SinkFunc[T]) Validate() error { return notNil(f == nil) }

func notNil(fault bool) error {
	if fault {
		return errors.New("function is nil")
	}
	return nil
}
