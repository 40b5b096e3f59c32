package stages

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
)

var (
	// ErrStopped is the error of a call that came when the flow took no more.
	ErrStopped = errors.New("stages: the flow has stopped")

	// ErrNoResult is the error of a call whose item was dropped, dead-lettered
	// or lost in a reduction: nothing of it reached the sink.
	ErrNoResult = errors.New("stages: the call's item has no result")
)

// Calls makes a service of a flow: a source whose items are calls of
// [Calls.Do], and the sink that gives each call the result of its own item. It
// is for one run.
type Calls[I, O any] struct {
	arrivals chan *visit[I, O]
	stopped  chan struct{}
}

// NewCalls returns a source and a sink that belong together.
func NewCalls[I, O any]() *Calls[I, O] {
	return &Calls[I, O]{arrivals: make(chan *visit[I, O]), stopped: make(chan struct{})}
}

// visit is a call on its way through the flow.
type visit[I, O any] struct {
	ctx  context.Context
	rt   *Runtime // set by the source
	in   I
	done atomic.Bool // somebody has given the answer
	back chan answer[O]
}

type answer[O any] struct {
	value   O
	err     error
	timings Timings
}

// give gives the answer; the first one counts. A function that heeds its context
// ends with the context's error at an abort, which the caller could take for that
// of his own context: so the answer says that it was the abort.
func (c *visit[I, O]) give(a answer[O]) {
	if !c.done.CompareAndSwap(false, true) {
		return
	}
	if a.err != nil && c.rt.ctx.Err() != nil && errors.Is(a.err, context.Canceled) && !errors.Is(a.err, ErrAborted) {
		a.err = fmt.Errorf("%w: %w", c.rt.abortError(), a.err)
	}
	c.back <- a
}

// Do sends v through the flow and returns what becomes of it, with its timings:
// the first result where there are several. Items that were folded into one,
// such as a batch, share its result.
//
// It blocks until there is a result, while the flow takes no more as well, or
// until ctx ends, whose error it returns. The item is then expired: no stage
// begins work on it, and the context of one at work, which has the values of
// ctx, ends. A failed item's error is an *[ItemError]; the cause may be a
// [github.com/weir-go/weir/primitives/guard.ShedError], or an open breaker's.
// When the flow has stopped the error is [ErrStopped]; a call that was inside when
// the flow was aborted fails with [ErrAborted].
func (c *Calls[I, O]) Do(ctx context.Context, v I) (O, Timings, error) {
	var none O
	if err := ctx.Err(); err != nil {
		return none, Timings{}, err
	}
	call := &visit[I, O]{ctx: ctx, in: v, back: make(chan answer[O], 1)}
	select {
	case c.arrivals <- call:
	case <-ctx.Done():
		return none, Timings{}, ctx.Err()
	case <-c.stopped:
		return none, Timings{}, ErrStopped
	}
	select {
	case a := <-call.back:
		return a.value, a.timings, a.err
	case <-ctx.Done():
		return none, Timings{}, ctx.Err()
	}
}

// Source returns where the calls enter the flow.
func (c *Calls[I, O]) Source() Source[I] { return &callSource[I, O]{c} }

type callSource[I, O any] struct{ calls *Calls[I, O] }

func (s *callSource[I, O]) Run(ctx context.Context, out *Outlet[I]) error {
	defer close(s.calls.stopped)
	for {
		select {
		case call := <-s.calls.arrivals:
			call.rt = out.rt
			if !emitCall(out, call.ctx, call, func(err error) { call.settle(err) }, call.in) {
				call.give(answer[O]{err: out.rt.abortError()})
				return nil
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// settle ends a call that got no result.
func (c *visit[I, O]) settle(err error) {
	if err == nil {
		err = ErrNoResult
	}
	c.give(answer[O]{err: err})
}

// emitCall is [Outlet.EmitAcked] for the item of a call.
func emitCall[T any](out *Outlet[T], caller context.Context, call any, settle func(error), v T) bool {
	if !openFor(out) {
		return false
	}
	r := &receipt{settle: settle, call: call}
	r.owed.Store(1)
	t := keepTrail(out, out.rt.stamp())
	t.owe(r)
	t.await(caller)
	countIn(out, 1)
	put(out.edge, Item[T]{Value: v, trail: t})
	return true
}

// await makes the item wait for no longer than its caller does.
func (t *trail) await(caller context.Context) {
	if caller.Done() != nil {
		t.has |= hasCaller
		t.extras().caller = caller
	}
}

// Sink returns where the results leave the flow.
func (c *Calls[I, O]) Sink() Sink[O] { return &callSink[I, O]{} }

type callSink[I, O any] struct{}

// TakesFailures implements [FailureTaker].
func (*callSink[I, O]) TakesFailures() bool { return true }

func (*callSink[I, O]) Run(_ context.Context, in *Inlet[O]) error {
	for it := range in.All() {
		a := answer[O]{value: it.Value, err: it.Err(), timings: in.Timings(it)}
		it.trail.receipt().calls(func(call any) {
			if c, ok := call.(*visit[I, O]); ok {
				c.give(a)
			}
		})
		in.Done(it)
	}
	return nil
}
