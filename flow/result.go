package flow

import (
	"context"
	"fmt"
	"iter"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
)

// Result is what leaves a flow: a value or the failure of an item, and in both cases
// its timings.
type Result[T any] struct {
	Value T
	// Err is nil, or a *[stages.ItemError]: the stage that failed, the cause, the
	// attempts and the value as that stage received it. If the last result has another
	// error, the run could not start, or it broke.
	Err     error
	Timings stages.Timings
}

// Results runs the graph and ranges over what leaves the stream, failed items included.
// When the loop ends, the run has ended and no goroutine of it is left. Leaving the
// loop early aborts the run. A run that is invalid, or ends with a fault that is not an
// item's, yields that error last. Each range over the sequence is a run of its own.
func (s *Stream[T]) Results[S StreamOf[T]](ctx context.Context, opts ...RunOption) iter.Seq[Result[T]] {
	return func(yield func(Result[T]) bool) { yieldTo(ctx, s, opts, yield) }
}

// yieldTo ranges over the results. It is apart from Results, which the compiler inlines and which
// should therefore be short.
func yieldTo[T any](ctx context.Context, s *Stream[T], opts []RunOption, yield func(Result[T]) bool) {
	r, err := s.graph.prepare(ctx, s.wire, opts)
	if err != nil {
		yield(Result[T]{Err: err})
		return
	}
	y := &yielder[T]{yield: yield, abort: r.Abort}
	r.results.InPlace()
	r.during(func() {
		r.serveEnd(s.wire, true, func(_ context.Context, in *kernel.Inlet) error { return y.run(inletOf[T](in)) })
	})
	if y.panicked != nil {
		panic(y.panicked)
	}
	if !y.left && r.err != nil {
		yield(Result[T]{Err: r.err})
	}
}

// yielder is the sink of Results. It runs in the goroutine of the loop, and stays there even if the
// run leaves other sinks behind.
type yielder[T any] struct {
	yield    func(Result[T]) bool
	abort    func(error)
	left     bool // the loop has ended
	panicked any  // panic of the loop, which is raised again when the run has ended
}

func (y *yielder[T]) run(in *stages.Inlet[T]) error {
	y.left = true
	defer func() {
		if y.left {
			y.panicked = recover()
			y.abort(errAbandoned)
		}
	}()
	for it := range in.All() {
		result := Result[T]{Value: it.Value, Err: it.Err(), Timings: in.Timings(it)}
		in.Done(it)
		if !y.yield(result) {
			return nil
		}
	}
	y.left = false
	return nil
}

// Chan runs the graph and returns a channel of what leaves the stream, failed
// items included, which is closed when the run has ended. The receiver must
// either receive until then or end ctx, which aborts the run; results that
// were not received by then are dropped. A run that is invalid, or ends with a
// fault that is not an item's, sends that error last.
func (s *Stream[T]) Chan[S StreamOf[T]](ctx context.Context, opts ...RunOption) <-chan Result[T] {
	ch := make(chan Result[T])
	go func() {
		defer close(ch)
		yieldTo(ctx, s, opts, func(result Result[T]) bool {
			select {
			case ch <- result:
				return true
			default:
			}
			select {
			case ch <- result:
				return true
			case <-ctx.Done():
				return false
			}
		})
	}()
	return ch
}

// Collect runs the graph and returns the values that left the stream. The first
// failed item stops the intake, as in [Graph.Run]; what is inside drains, and
// what has been collected by the end is returned with the error.
func (s *Stream[T]) Collect[B SliceOf[T]](ctx context.Context, opts ...RunOption) (B, error) {
	var values []T
	_, err := runInto(ctx, s, sink.Append(&values), opts)
	return values, err
}

// ForEach runs the graph and calls f for each value that leaves the stream, in
// order, one at a time; see [sink.ForEach].
func (s *Stream[T]) ForEach[S StreamOf[T]](ctx context.Context, f func(context.Context, T) error, opts ...RunOption) (*Report, error) {
	return runInto(ctx, s, sink.ForEach(f), opts)
}

// runInto runs the graph with a sink that is not a part of the graph.
func runInto[T any](ctx context.Context, s *Stream[T], end stages.Sink[T], opts []RunOption) (*Report, error) {
	if v, ok := end.(stages.Validator); ok {
		if err := v.Validate(); err != nil {
			return nil, &GraphError{Faults: []error{fmt.Errorf("stage %q: %w", "results", err)}}
		}
	}
	r, err := s.graph.prepare(ctx, s.wire, opts)
	if err != nil {
		return nil, err
	}
	return r.with(func() {
		r.serveEnd(s.wire, false, func(ctx context.Context, in *kernel.Inlet) error { return end.Run(ctx, inletOf[T](in)) })
	})
}
