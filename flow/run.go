package flow

import (
	"cmp"
	"context"
	"errors"
	"os"
	"os/signal"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/stages"
)

// Run is a running graph. Its methods may be called from any goroutine.
type Run struct {
	graph     *Graph
	name      string
	kernel    *kernel.Run
	edges     []*kernel.Edge // in the order of the graph's wires
	results   *kernel.Node   // node of the sink outside of the graph; nil if there is none
	reports   []*Report
	started   time.Time
	drain     time.Duration    // 0 for no limit
	drains    map[*node]*drain // of topics, by both of their nodes
	byWorkers bool             // workers make the calls of a service
	work      conc.WaitGroup
	watch     conc.WaitGroup
	watching  sync.Mutex // held to add to watch, and to close ended
	ended     chan struct{}
	late      atomic.Pointer[[]Busy] // what was busy when the drain timed out

	// Set before ended is closed:
	report *Report
	err    error
}

// Start validates the graph and starts it. It returns at once; [Run.Wait] must be called.
// The end of ctx aborts the run.
func (g *Graph) Start(ctx context.Context, opts ...RunOption) (*Run, error) {
	r, err := g.prepare(ctx, nil, opts)
	if err != nil {
		return nil, err
	}
	r.start()
	go r.finish()
	return r, nil
}

// Run validates the graph, starts it and waits until it has ended: all sources are
// exhausted, and everything that they brought has left. It returns the report together with
// the first fault, which may be a failed item that no error policy took, or the reason of an
// abort. The end of ctx aborts the run. A graph that is not valid has no report.
func (g *Graph) Run(ctx context.Context, opts ...RunOption) (*Report, error) {
	r, err := g.prepare(ctx, nil, opts)
	if err != nil {
		return nil, err
	}
	r.start()
	r.finish()
	return r.Wait()
}

// prepare makes the nodes and edges of a run. If end is given, it leads to a node outside of the
// graph, with the name "results".
func (g *Graph) prepare(ctx context.Context, end *wire, opts []RunOption) (*Run, error) {
	g = g.root()
	s, err := apply(opts)
	if err != nil {
		return nil, err
	}
	if err := g.validate(end); err != nil {
		return nil, err
	}
	if g, err = g.selected(s.only, end); err != nil {
		return nil, err
	}
	r := &Run{
		graph: g, name: s.name, byWorkers: s.workers, drain: s.drain, reports: s.reports, started: time.Now(), ended: make(chan struct{}),
		kernel: kernel.NewRun(ctx, !s.untimed, s.abandon > 0),
		edges:  make([]*kernel.Edge, len(g.wires)),
	}
	r.kernel.SetName(s.name)
	r.hook(s.watch.hooks)
	if s.watch.distributions {
		r.kernel.Distribute()
	}
	r.drains = g.drains()
	for _, n := range g.nodes {
		r.place(n)
	}
	for _, c := range g.cuts {
		if c.local {
			r.nodeOf(c.to).Follow(r.nodeOf(c.from))
		}
	}
	if end != nil {
		r.results = r.kernel.NewNode(g.free("results"))
	}
	for i, w := range g.wires {
		to, bound := r.results, defaultBound
		if w != end {
			to, bound = r.nodeOf(w.to), w.bound
		}
		r.edges[i] = r.kernel.Link(r.nodeOf(w.from), to, bound, w.columns)
	}
	r.announce(s.onStart)
	r.supervise(s)
	return r, nil
}

// nodeOf returns the node of the run that does the work of n. The nodes of the graph come first.
func (r *Run) nodeOf(n *node) *kernel.Node {
	return r.kernel.Nodes()[slices.Index(r.graph.nodes, n)]
}

// edgeOf returns the edge of the run for w.
func (r *Run) edgeOf(w *wire) *kernel.Edge { return r.edges[slices.Index(r.graph.wires, w)] }

// place makes the node of a source, stage or sink.
func (r *Run) place(n *node) {
	k := r.kernel.NewNode(n.name)
	k.Serves(n.what)
	if n.staff != nil {
		k.Staff(n.staff.Staff())
	}
	if n.pairs && r.graph.tied(n) != nil {
		k.Entangle()
	}
}

// supervise starts the goroutines that observe the run from outside.
func (r *Run) supervise(s *runSettings) {
	if follows(s.watch.hooks) {
		r.watch.Go(func() { r.follow(s.watch.hooks) })
	}
	for _, drain := range s.watch.drains {
		r.watch.Go(func() { drain(r) })
	}
	for _, stop := range s.stop {
		r.watch.Go(func() {
			select {
			case <-stop:
				r.kernel.Stop()
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
		signal.Notify(heard, s.signals...) // called here so that no signal is missed after Start has returned
		r.watch.Go(func() { r.heed(heard) })
	}
}

// limitDrain aborts the run if it has not ended d after its intake stopped.
func (r *Run) limitDrain(d time.Duration) {
	select {
	case <-r.kernel.Intake.Done():
	case <-r.ended:
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		late := &DrainError{Timeout: d, Busy: r.busy()}
		r.late.Store(&late.Busy)
		r.kernel.Abort(late)
	case <-r.ended:
	}
}

// start starts all nodes.
func (r *Run) start() {
	for i, n := range r.graph.nodes {
		k := r.kernel.Nodes()[i]
		serve := r.serve(k, n)
		r.work.Go(func() {
			k.Label()
			serve()
		})
	}
}

// serve returns the function of the goroutine of k, the node of n. It makes the edges before any
// node runs.
func (r *Run) serve(k *kernel.Node, n *node) func() {
	outs := make([]*kernel.Outlet, len(n.outs))
	for i, w := range n.outs {
		outs[i] = kernel.NewOutlet(r.edgeOf(w))
	}
	d := r.drains[n]
	if len(n.ins) == 0 && d != nil {
		return func() {
			k.RunDrained(outs[0], d.above, func(ctx context.Context) error { return n.run(ctx, nil, outs) })
		}
	}
	if len(n.ins) == 0 {
		return func() {
			k.RunSource(outs[0], func(ctx context.Context) error { return n.run(ctx, nil, outs) })
		}
	}
	var way *kernel.Outlet // outlet for failed items
	if len(outs) > 0 {
		way = outs[0]
	}
	ins := make([]*kernel.Inlet, len(n.ins))
	for i, w := range n.ins {
		ins[i] = kernel.NewInlet(r.edgeOf(w), way, n.takes)
	}
	return func() {
		if d != nil {
			defer close(d.ended)
		}
		k.Serve(ins, outs, func() error { return n.run(r.kernel.Ctx, ins, outs) })
	}
}

// serveEnd runs the sink outside of the graph.
func (r *Run) serveEnd(end *wire, takes bool, run func(context.Context, *kernel.Inlet) error) {
	in := kernel.NewInlet(r.edgeOf(end), nil, takes)
	r.results.Serve([]*kernel.Inlet{in}, nil, func() error { return run(r.kernel.Ctx, in) })
}

// during starts all nodes and waits for them. Meanwhile it does work, which belongs to a node
// outside of the graph, in this goroutine. work may end the goroutine.
func (r *Run) during(work func()) {
	defer r.finish() // also if work ends the goroutine
	r.start()
	work()
}

// with starts all nodes and a node outside of the graph, and waits for them.
func (r *Run) with(work func()) (*Report, error) {
	r.start()
	r.work.Go(func() {
		r.results.Label()
		work()
	})
	r.finish()
	return r.Wait()
}

// finish waits for all nodes and completes the report.
func (r *Run) finish() {
	r.work.Wait()
	finished := r.finishAll()
	r.err = r.kernel.Err()
	if cause := context.Cause(r.kernel.Ctx); cause != nil {
		r.err = cause
	}
	if r.err == nil {
		r.err = finished
	} else if finished != nil {
		r.err = errors.Join(r.err, finished)
	}
	r.report = r.Snapshot()
	if r.kernel.Detached() {
		r.settleLeft()
	}
	for _, to := range r.reports {
		*to = *r.report
	}
	r.end()
	r.watch.Wait()
	r.kernel.Close()
}

// settleLeft completes the report with what was left behind.
func (r *Run) settleLeft() {
	if left := r.left(); left != nil {
		r.report.settle(left)
		r.err = &AbandonedError{Left: left, Err: r.err}
	}
}

// finishTimeout is the time for Finish in a run without a drain timeout.
const finishTimeout = 10 * time.Second

// finishAll calls Finish of all stages that have it, and returns their errors.
func (r *Run) finishAll() error {
	if !slices.ContainsFunc(r.graph.nodes, (*node).finishes) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.kernel.Ctx), cmp.Or(r.drain, finishTimeout))
	defer cancel()
	errs := make([]error, len(r.graph.nodes))
	var all conc.WaitGroup
	for i, n := range r.graph.nodes {
		if f, ok := n.what.(stages.Finisher); ok {
			all.Go(func() { errs[i] = r.kernel.Nodes()[i].Finish(func() error { return f.Finish(ctx) }) })
		}
	}
	all.Wait()
	return errors.Join(errs...)
}

func (n *node) finishes() bool {
	_, ok := n.what.(stages.Finisher)
	return ok
}

// Stop stops the intake: sources return, the items inside drain, and the run ends. Stop returns at
// once and may be called repeatedly.
func (r *Run) Stop() { r.kernel.Stop() }

// Abort ends the run without draining. The context of user functions ends, and from then on no
// function begins. Each item inside fails with [stages.ErrAborted] and cause, and goes back to its
// source: no error policy and no dead-letter stage gets it. Abort returns at once. The first cause
// counts, and is what Wait returns.
func (r *Run) Abort(cause error) { r.kernel.Abort(cause) }

// Wait waits until the run has ended and nothing that it started is running, and returns
// what [Graph.Run] returns. It may be called repeatedly.
func (r *Run) Wait() (*Report, error) {
	<-r.ended
	r.watch.Wait()
	return r.report, r.err
}
