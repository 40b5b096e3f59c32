package flow

import (
	"context"

	"github.com/weir-go/weir/stages"
)

// Service is a flow at work whose input are calls. The methods of [Run] stop
// it, report on it and set it while it works; [Run.Wait] must be called.
type Service[I, O any] struct {
	*Run
	calls *stages.Calls[I, O]
}

// Serve starts a flow as a service: build gets the stream of what is asked, and
// returns the stream of the answers. It returns at once; the service works until
// it is stopped or ctx ends, which aborts it.
//
//	answers, err := flow.Serve(ctx, func(q *flow.Stream[Question]) *flow.Stream[Answer] {
//		return q.Guard(guard.Limit(64, guard.Shedding())).Map("answer", model.Answer, flow.Workers(16))
//	})
//	...
//	result := answers.Do(request.Context(), question)
//
// Calls come from any number of goroutines. Their order is kept unless a stage
// is [Unordered]: then a slow call holds up no other.
func Serve[I, O any](ctx context.Context, build func(*Stream[I]) *Stream[O], opts ...RunOption) (*Service[I, O], error) {
	calls := stages.NewCalls[I, O]()
	g := build(From(calls.Source(), Name("calls"))).To(calls.Sink(), Name("results"))
	r, err := g.Start(ctx, opts...)
	if err != nil {
		return nil, err
	}
	return &Service[I, O]{Run: r, calls: calls}, nil
}

// Do sends v through the flow and returns its own result, with its timings; see
// [stages.Calls.Do]. It blocks until there is one, ctx ends, or the service has
// stopped: then the error is [stages.ErrStopped]. Where a guard sheds the call,
// errors.As finds a *[github.com/weir-go/weir/primitives/guard.ShedError] in the result's, at once.
//
// When ctx ends Do returns. A function at work on the item sees its own context end,
// and an item that waits in a section for another's call, for its next try or for an
// open breaker gives its place back at once; one that waits for a rate or for a guard
// further in does when its turn has come. A call that a deduplicator shares goes on
// until the last of those who wait for it has gone.
func (s *Service[I, O]) Do(ctx context.Context, v I) Result[O] {
	value, timings, err := s.calls.Do(ctx, v)
	return Result[O]{Value: value, Err: err, Timings: timings}
}
