package flow

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/lineage"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
)

var (
	// ErrStopped is the error of a call that came after the service had stopped.
	ErrStopped = errors.New("flow: the service has stopped")

	// ErrNoResult is the error of a call from which no item reached the end of the flow. Its item
	// was dropped, dead-lettered, folded into another item, or a repeat at a [Stream.Unique].
	ErrNoResult = errors.New("flow: the call's item has no result")
)

// calls is a service of a flow, for one run. It is the source whose items are calls of do, and it
// has the sink that gives each call the result of its own item.
type calls[I, O any] struct {
	arrivals chan *visit[I, O]
	stopped  chan struct{}
	direct   func(ctx context.Context) // serves callers that do the work themselves; nil if there are none
}

func newCalls[I, O any]() *calls[I, O] {
	return &calls[I, O]{arrivals: make(chan *visit[I, O]), stopped: make(chan struct{})}
}

// visit is a call on its way through the flow.
type visit[I, O any] struct {
	ctx  context.Context
	run  *kernel.Run // set by the source
	in   I
	done atomic.Bool // the answer is given
	back chan Result[O]
}

// give gives the answer. Only the first answer counts.
func (c *visit[I, O]) give(a Result[O]) {
	if c.done.CompareAndSwap(false, true) {
		a.Err = byAbort(c.run, a.Err)
		c.back <- a
	}
}

// byAbort returns the error of a call. A function that heeds its context ends with the error of
// that context at an abort. The caller could take it for the error of its own context. So the
// returned error says that the run was aborted.
func byAbort(run *kernel.Run, err error) error {
	if err != nil && run.Aborted() && errors.Is(err, context.Canceled) && !errors.Is(err, stages.ErrAborted) {
		return fmt.Errorf("%w: %w", run.AbortError(), err)
	}
	return err
}

// do sends v through the flow and returns its result.
func (c *calls[I, O]) do(ctx context.Context, v I) Result[O] {
	if err := ctx.Err(); err != nil {
		return Result[O]{Err: err}
	}
	call := &visit[I, O]{ctx: ctx, in: v, back: make(chan Result[O], 1)}
	select {
	case c.arrivals <- call:
	case <-ctx.Done():
		return Result[O]{Err: ctx.Err()}
	case <-c.stopped:
		return Result[O]{Err: ErrStopped}
	}
	select {
	case a := <-call.back:
		return a
	case <-ctx.Done():
		return Result[O]{Err: ctx.Err()}
	}
}

// Run implements [stages.Source].
func (c *calls[I, O]) Run(ctx context.Context, out *stages.Outlet[I]) error {
	defer close(c.stopped)
	if c.direct != nil {
		c.direct(ctx)
		return nil
	}
	k := kernel.OutletOf(out)
	for {
		select {
		case call := <-c.arrivals:
			call.run = k.Node().Run()
			if !c.enter(k, call) {
				call.give(Result[O]{Err: call.run.AbortError()})
				return nil
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// enter sends a call into the flow. It returns false if the run was aborted.
func (c *calls[I, O]) enter(k *kernel.Outlet, call *visit[I, O]) bool {
	if !k.Open() {
		return false
	}
	settle := func(err error) {
		if err == nil {
			err = ErrNoResult
		}
		call.give(Result[O]{Err: err})
	}
	e := lineage.Entry{Receipt: k.NewReceipt(1, settle).WithCall(call)}
	if call.ctx != context.Background() && call.ctx != context.TODO() {
		e.Limit.Ctx = call.ctx
	}
	typed.Bring(k, e, call.in)
	return true
}

// answers is the sink of calls.
type answers[I, O any] struct{}

// TakesFailures implements [stages.FailureTaker].
func (answers[I, O]) TakesFailures() bool { return true }

func (answers[I, O]) Run(_ context.Context, in *stages.Inlet[O]) error {
	k := kernel.Of(in)
	for it := range in.All() {
		a := Result[O]{Value: it.Value, Err: it.Err(), Timings: in.Timings(it)}
		k.Callers(func(call any) {
			if c, ok := call.(*visit[I, O]); ok {
				c.give(a)
			}
		})
		in.Done(it)
	}
	return nil
}
