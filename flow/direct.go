package flow

import (
	"context"
	"errors"
	"sync"

	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/turn"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
)

// direct runs calls through the only section of a flow, on the goroutine of the caller.
type direct[I, O any] struct {
	run            *kernel.Run
	calls, results *kernel.Node
	at             *kernel.Node // node of the section
	ready          chan struct{}
	section        *turn.Section // set when ready is closed; nil if it could not be opened
}

// isDirect reports whether the flow consists of calls, one section and results only.
func (r *Run) isDirect() bool {
	if len(r.graph.nodes) != 3 || r.kernel.Detached() {
		return false
	}
	d, ok := r.graph.nodes[1].what.(interface{ Direct() bool })
	return ok && d.Direct()
}

func newDirect[I, O any](r *Run) *direct[I, O] {
	nodes := r.kernel.Nodes()
	d := &direct[I, O]{
		run: r.kernel, calls: nodes[0], at: nodes[1], results: nodes[2],
		ready: make(chan struct{}),
	}
	var once sync.Once
	turn.OnSection(d.at, func(s *turn.Section) {
		once.Do(func() {
			d.section = s
			close(d.ready)
		})
	})
	return d
}

// serve is the source of the calls. It lets callers in until the intake stops, and returns when the
// last caller has gone.
func (d *direct[I, O]) serve(ctx context.Context) {
	<-ctx.Done()
	if <-d.ready; d.section != nil {
		<-d.section.Shut()
	}
}

// do runs one call.
func (d *direct[I, O]) do(ctx context.Context, v I) Result[O] {
	if err := ctx.Err(); err != nil {
		return Result[O]{Err: err}
	}
	if err := d.await(ctx); err != nil {
		return Result[O]{Err: err}
	}
	if !d.calls.AwaitResumed(ctx) {
		return Result[O]{Err: ctx.Err()}
	}
	if d.run.Stopping() || d.section == nil {
		return Result[O]{Err: ErrStopped}
	}
	var out O
	o, ok := d.section.Do(ctx, // counts before the call leaves: after that the run can end
		func(b *handoff.Batch, i int) {
			d.calls.Out.Add(1) // a source counts the items that it has sent as its input
			typed.Values[I](b)[i] = v
		},
		func(b *handoff.Batch, i int) {
			d.results.In.Add(1)
			d.results.Out.Add(1)
			out = typed.Values[O](b)[i]
		})
	if !ok {
		return Result[O]{Err: ErrStopped}
	}
	return d.result(ctx, out, o)
}

// await waits until the section is open.
func (d *direct[I, O]) await(ctx context.Context) error {
	select {
	case <-d.ready:
		return nil
	default: // a select of three takes longer
	}
	select {
	case <-d.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-d.run.Intake.Done():
		return ErrStopped
	}
}

// result returns the result of a call.
func (d *direct[I, O]) result(ctx context.Context, v O, o turn.Outcome) Result[O] {
	r := Result[O]{Value: v, Err: o.Err}
	if d.run.Timed() {
		r.Timings = stages.TimingsOf(o.Total, stages.Timing{Stage: d.at.Name, Wait: o.Wait, Work: o.Work, Attempts: o.Attempts})
	}
	switch {
	case o.Err == nil:
		d.results.Accepted(0, int64(o.Total))
	case errors.Is(o.Err, stages.ErrDrop):
		r.Err = ErrNoResult
	case ctx.Err() != nil && errors.Is(o.Err, stages.ErrExpired):
		return Result[O]{Err: ctx.Err()}
	}
	r.Err = byAbort(d.run, r.Err)
	return r
}
