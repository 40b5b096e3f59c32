package flow

import (
	"context"
	"os"
	"os/signal"
	"sync/atomic"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/weir-go/weir/stages"
)

// Run is a graph at work. Its methods may be called from any goroutine.
type Run struct {
	graph   *Graph
	rt      *stages.Runtime
	nodes   map[*node]*stages.Node
	outs    map[*wire]any // *stages.Outlet of the wire's type
	ins     map[*wire]any // *stages.Inlet of the wire's type
	reports []*Report
	started time.Time
	work    conc.WaitGroup
	watch   conc.WaitGroup
	ended   chan struct{}
	late    atomic.Pointer[[]Busy] // who was busy when the drain timed out

	// set before ended is closed
	report *Report
	err    error
}

// Start validates the graph and starts it. It returns at once; [Run.Wait] must
// be called. The end of ctx aborts the run.
func (g *Graph) Start(ctx context.Context, opts ...RunOption) (*Run, error) {
	r, err := g.prepare(ctx, nil, opts)
	if err != nil {
		return nil, err
	}
	r.start()
	go r.finish()
	return r, nil
}

// Run validates the graph, starts it and waits until it has ended: all sources
// are exhausted, and all that they brought has left. It returns the report
// together with the first fault, which may be a failed item that no error
// policy took, or the reason of an abort. The end of ctx aborts the run. A
// graph that is invalid has no report.
func (g *Graph) Run(ctx context.Context, opts ...RunOption) (*Report, error) {
	r, err := g.Start(ctx, opts...)
	if err != nil {
		return nil, err
	}
	return r.Wait()
}

// prepare makes the edges. Where end is given it leads out of the graph, to an
// inlet at a node named "results".
func (g *Graph) prepare(ctx context.Context, end *wire, opts []RunOption) (*Run, error) {
	g = g.root()
	var s runSettings
	for _, o := range opts {
		o(&s)
	}
	if s.faults != nil {
		return nil, &GraphError{Faults: s.faults}
	}
	if err := g.validate(end); err != nil {
		return nil, err
	}
	r := &Run{
		graph: g, reports: s.reports, started: time.Now(), ended: make(chan struct{}),
		nodes: map[*node]*stages.Node{}, outs: map[*wire]any{}, ins: map[*wire]any{},
	}
	names := make([]string, 0, len(g.nodes)+1)
	for _, n := range g.nodes {
		names = append(names, n.name)
	}
	if end != nil {
		names = append(names, g.free("results"))
	}
	r.rt = stages.NewRuntime(ctx, s.untimed, names...)
	if s.abandon > 0 {
		r.rt.Detach()
	}
	for i, n := range g.nodes {
		r.nodes[n] = r.rt.Nodes()[i]
		if n.staff != nil {
			r.nodes[n].Begin(n.staff)
		}
		if n.pairs && g.tied(n) != nil {
			r.nodes[n].Entangle()
		}
	}
	r.connect(end)
	r.supervise(s)
	return r, nil
}

func (r *Run) connect(end *wire) {
	for _, w := range r.graph.wires {
		to, bound := r.nodes[w.to], w.bound
		if w == end {
			to, bound = r.rt.Nodes()[len(r.graph.nodes)], DefaultBuffer
		}
		r.outs[w], r.ins[w] = w.link(r.rt, r.nodes[w.from], to, bound)
	}
}

func outletOf[T any](r *Run, w *wire) *stages.Outlet[T] { return r.outs[w].(*stages.Outlet[T]) }
func inletOf[T any](r *Run, w *wire) *stages.Inlet[T]   { return r.ins[w].(*stages.Inlet[T]) }

// supervise starts what watches the run from outside.
func (r *Run) supervise(s runSettings) {
	for _, stop := range s.stop {
		r.watch.Go(func() {
			select {
			case <-stop:
				r.rt.Stop()
			case <-r.ended:
			}
		})
	}
	if s.drain > 0 {
		r.watch.Go(func() { r.limitDrain(s.drain) })
	}
	if s.abandon > 0 {
		r.watch.Go(func() { r.limitAbort(s.abandon) })
	}
	if len(s.signals) > 0 {
		heard := make(chan os.Signal, 2)
		signal.Notify(heard, s.signals...) // here, so that none is missed once Start has returned
		r.watch.Go(func() { r.heed(heard) })
	}
}

// limitDrain aborts the run when it has not ended d after its intake stopped.
func (r *Run) limitDrain(d time.Duration) {
	select {
	case <-r.rt.Stopped():
	case <-r.ended:
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		late := &DrainError{Timeout: d, Busy: r.busy()}
		r.late.Store(&late.Busy)
		r.rt.Abort(late)
	case <-r.ended:
	}
}

// start starts all nodes.
func (r *Run) start() {
	for _, n := range r.graph.nodes {
		r.work.Go(n.start(r))
	}
}

// during starts all nodes and waits for them, and does the work of one that is not
// the graph's meanwhile, in this goroutine, which may end in it.
func (r *Run) during(work func()) {
	defer r.finish() // also when the work ends its goroutine
	r.start()
	work()
}

// with starts all nodes and one that is not the graph's, and waits for them.
func (r *Run) with(work func()) (*Report, error) {
	r.start()
	r.work.Go(work)
	r.finish()
	return r.Wait()
}

// finish waits for all nodes and closes the books.
func (r *Run) finish() {
	r.work.Wait()
	r.err = r.rt.Err()
	if cause := context.Cause(r.rt.Context()); cause != nil {
		r.err = cause
	}
	r.report = r.Snapshot()
	if left := r.left(); left != nil {
		r.report.settle(left)
		r.err = &AbandonedError{Left: left, Err: r.err}
	}
	for _, to := range r.reports {
		*to = *r.report
	}
	close(r.ended)
	r.watch.Wait()
	r.rt.Close()
}

// Stop stops the intake: sources return, what is inside drains, and the run
// ends. It returns at once and may be called often.
func (r *Run) Stop() { r.rt.Stop() }

// Abort ends the run without draining: the context of user functions ends, no
// function is called any more, and each item inside fails with
// [stages.ErrAborted] and cause, so that it is still accounted for. It returns
// at once; the first cause counts, and is what Wait returns.
func (r *Run) Abort(cause error) { r.rt.Abort(cause) }

// Wait waits until the run has ended and nothing that it started is running,
// and returns what [Graph.Run] returns. It may be called often.
func (r *Run) Wait() (*Report, error) {
	<-r.ended
	r.watch.Wait()
	return r.report, r.err
}
