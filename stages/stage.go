package stages

import "context"

// Stage connects an inlet to an outlet. It is run by the flow in a goroutine of
// its own and may start more. (Some stages of this package let a neighbour work
// for them; see Goroutines above.)
//
// Run must receive until the stream ends, account for every item it received
// (see [Item]), and return when its own goroutines have. A stage that returns
// nil early wants no more: the flow stops the intake and drops the rest, as
// filtered. An error, or a panic, says that the stage is broken: the run stops
// with it, and what still arrives fails. The flow closes the outlet.
//
// ctx is for calls of user code and ends when the flow is aborted. A stage need
// not watch it: its inlet ends then, too.
type Stage[I, O any] interface {
	Run(ctx context.Context, in *Inlet[I], out *Outlet[O]) error
}

// Source brings items into a flow. Run emits until it has no more, or until ctx
// ends, which is how the intake is stopped; what it has already taken from
// elsewhere it should still emit. It blocks as long as it likes but must return
// soon after ctx has ended. Its error stops the run.
type Source[T any] interface {
	Run(ctx context.Context, out *Outlet[T]) error
}

// Sink takes items out of a flow. Run receives until the stream ends and
// accounts for each item by [Inlet.Done] or [Inlet.Fail].
type Sink[T any] interface {
	Run(ctx context.Context, in *Inlet[T]) error
}

// FailureTaker is implemented by stages and sinks that want to see failed
// items: error policies, and sinks that deliver results with their errors.
type FailureTaker interface {
	// TakesFailures reports whether failed items are handed out by the inlet.
	TakesFailures() bool
}

// Staffed is implemented by stages whose workers can be set, see
// [Node.SetWorkers], so that they can be from the beginning.
type Staffed interface {
	// Staff returns how many workers the stage begins with.
	Staff() int
}

// Validator is implemented by stages, sources, sinks and layers that can be set
// up wrongly. A flow asks before it runs and reports all faults together.
type Validator interface {
	Validate() error
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
