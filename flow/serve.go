package flow

import (
	"context"
	"errors"

	"github.com/weir-go/weir/stages"
)

// Service is a running flow whose inputs are calls. The methods of [Run] stop it, report on it
// and adjust it; [Run.Wait] must be called.
type Service[I, O any] struct {
	*Run
	calls  *calls[I, O]
	direct *direct[I, O] // nil if calls go through the edges of the flow
}

// Serve starts a flow as a service: build gets the stream of the questions, and returns the
// stream of the answers. Serve returns at once. The service works until it is stopped or ctx
// ends, which aborts it.
//
//	answers, err := flow.Serve(ctx, func(q *flow.Stream[Question]) *flow.Stream[Answer] {
//		return q.Guard(guard.Limit(64, guard.Shedding())).Map("answer", model.Answer, stages.Workers(16))
//	})
//	...
//	result := answers.Do(request.Context(), question)
//
// Calls come from any number of goroutines. Results leave in the order of the calls, unless a
// stage is [stages.Unordered]: then a slow call does not delay others.
func Serve[I, O any](ctx context.Context, build func(*Stream[I]) *Stream[O], opts ...RunOption) (*Service[I, O], error) {
	if build == nil {
		return nil, &GraphError{Faults: []error{errors.New("the function that builds the service is nil")}}
	}
	c := newCalls[I, O]()
	questions := From[I](c, stages.Name("calls"))
	end := build(questions)
	if end == nil || end.graph.root() != questions.graph.root() {
		return nil, &GraphError{Faults: []error{errors.New("the stream that build returned does not come from the stream of the calls")}}
	}
	g := to(end, "sink", stages.Sink[O](answers[I, O]{}), stages.Settings{Name: "results", Workers: 1})
	r, err := g.prepare(ctx, nil, opts)
	if err != nil {
		return nil, err
	}
	s := &Service[I, O]{Run: r, calls: c}
	if !r.byWorkers && r.isDirect() {
		s.direct = newDirect[I, O](r)
		c.direct = s.direct.serve
	}
	r.start()
	go r.finish()
	return s, nil
}

// Do sends v through the flow and returns its own result, with its timings: the first result
// if there are several. Items that were folded into one, such as a batch, share its result.
//
// Do blocks until there is a result, until ctx ends, or until the service has stopped: then
// the error is [ErrStopped]. If a guard sheds the call, errors.As finds a
// *[github.com/weir-go/weir/primitives/guard.ShedError] in the result's error, at once. A
// call that was inside when the flow was aborted fails with [stages.ErrAborted].
//
// When ctx ends, Do returns an error that matches the error of ctx. The flow may see a passed
// deadline a moment before ctx ends. Then the error matches [stages.ErrExpired] and
// context.DeadlineExceeded. The item is then expired: no stage begins work on it. The context of
// a function at work on the item, which has the values of ctx, ends. An item that waits in a
// section gives its place back at once. A call that a deduplicator shares continues until the
// last caller that waits for it has gone.
//
// If the flow is one section or one Map, the goroutine of the caller does the work. It takes the
// question through the layers, makes the call if a worker's place is free, and takes the answer
// back. So no other goroutine is woken, and Do returns only when the function has returned. The
// context of the function ends with ctx, unless other callers wait for the same answer. Then Do
// of the caller that makes the call returns only when the call has ended. With [ByWorkers] or
// [AbandonAfter] workers make the calls, and Do returns when ctx ends.
func (s *Service[I, O]) Do(ctx context.Context, v I) Result[O] {
	if s.direct != nil {
		return s.direct.do(ctx, v)
	}
	return s.calls.do(ctx, v)
}
