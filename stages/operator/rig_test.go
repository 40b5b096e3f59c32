package operator_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
)

var (
	errFlaky = errors.New("flaky")
	errGone  = errors.New("gone")
	errOdd   = errors.New("odd")
)

// rig is a run of one stage between a source of values and a sink that takes everything.
type rig[I, O any] struct {
	out    []O
	failed []*stages.ItemError
	times  []stages.Timings
	left   []time.Duration // until the items' deadlines; 0 without
	order  []string        // every value and failure, as they came
	err    error
	nodes  []*kernel.Node // source, stage, sink, and the stage before
	took   time.Duration
}

// through runs the stage and checks that nothing was lost.
func through[I, O any](t testing.TB, src stages.Source[I], s stages.Stage[I, O], control ...func(*kernel.Run)) *rig[I, O] {
	t.Helper()
	return drive(t, false, src, s, control...)
}

// drive is through with the choice of a run without timings.
func drive[I, O any](t testing.TB, untimed bool, src stages.Source[I], s stages.Stage[I, O], control ...func(*kernel.Run)) *rig[I, O] {
	t.Helper()
	return run(t, untimed, s, control, from(src))
}

// behindMap is through with a Map of f before the stage, which can fail items.
func behindMap[I, M, O any](t testing.TB, src stages.Source[I], f func(context.Context, I) (M, error), s stages.Stage[M, O], control ...func(*kernel.Run)) *rig[M, O] {
	t.Helper()
	return run(t, false, s, control, fed(src, operator.Map(f)))
}

// feed starts what is above the stage, and returns the edge to it.
type feed func(r *kernel.Run, wg *sync.WaitGroup) *kernel.Edge

// from feeds the stage from a source.
func from[I any](src stages.Source[I]) feed {
	return func(r *kernel.Run, wg *sync.WaitGroup) *kernel.Edge {
		n := r.Nodes()
		e := r.Link(n[0], n[1], 16, typed.Of[I]())
		wg.Go(func() { serveSource(n[0], src, e) })
		return e
	}
}

// fed feeds the stage from a source and a stage, which is at the node "map".
func fed[I, M any](src stages.Source[I], s stages.Stage[I, M]) feed {
	return func(r *kernel.Run, wg *sync.WaitGroup) *kernel.Edge {
		n := r.Nodes()
		first, second := r.Link(n[0], n[3], 16, typed.Of[I]()), r.Link(n[3], n[1], 16, typed.Of[M]())
		wg.Go(func() { serveSource(n[0], src, first) })
		wg.Go(func() { serveStage(n[3], s, first, second) })
		return second
	}
}

// fedByTwo feeds the stage from a source and two stages, of which the second is at the node
// "map".
func fedByTwo[I, M, N any](src stages.Source[I], first stages.Stage[I, M], second stages.Stage[M, N]) feed {
	return func(r *kernel.Run, wg *sync.WaitGroup) *kernel.Edge {
		n, front := r.Nodes(), r.NewNode("front")
		a, b, c := r.Link(n[0], front, 16, typed.Of[I]()), r.Link(front, n[3], 16, typed.Of[M]()), r.Link(n[3], n[1], 16, typed.Of[N]())
		wg.Go(func() { serveSource(n[0], src, a) })
		wg.Go(func() { serveStage(front, first, a, b) })
		wg.Go(func() { serveStage(n[3], second, b, c) })
		return c
	}
}

func serveSource[T any](n *kernel.Node, src stages.Source[T], e *kernel.Edge) {
	k, out := kernel.NewOutlet(e), new(stages.Outlet[T])
	kernel.BindOutlet(out, k)
	n.RunSource(k, func(ctx context.Context) error { return src.Run(ctx, out) })
}

func serveStage[I, O any](n *kernel.Node, s stages.Stage[I, O], above, below *kernel.Edge) {
	ft, ok := s.(stages.FailureTaker)
	ko := kernel.NewOutlet(below)
	ki := kernel.NewInlet(above, ko, ok && ft.TakesFailures())
	in, out := new(stages.Inlet[I]), new(stages.Outlet[O])
	kernel.Bind(in, ki)
	kernel.BindOutlet(out, ko)
	n.Serve([]*kernel.Inlet{ki}, []*kernel.Outlet{ko}, func() error { return s.Run(n.Run().Ctx, in, out) })
}

func serveSink[T any](n *kernel.Node, s stages.Sink[T], e *kernel.Edge) {
	ft, ok := s.(stages.FailureTaker)
	k, in := kernel.NewInlet(e, nil, ok && ft.TakesFailures()), new(stages.Inlet[T])
	kernel.Bind(in, k)
	n.Serve([]*kernel.Inlet{k}, nil, func() error { return s.Run(n.Run().Ctx, in) })
}

// run runs the stage behind what above starts.
func run[I, O any](t testing.TB, untimed bool, s stages.Stage[I, O], control []func(*kernel.Run), above feed) *rig[I, O] {
	t.Helper()
	if v, ok := s.(stages.Validator); ok {
		require.NoError(t, v.Validate())
	}
	begun := time.Now()
	k := kernel.NewRun(t.Context(), !untimed, false)
	defer k.Close()
	for _, name := range []string{"source", "stage", "sink", "map"} {
		k.NewNode(name)
	}
	r := &rig[I, O]{nodes: k.Nodes()}
	var wg sync.WaitGroup
	edge := above(k, &wg)
	below := k.Link(r.nodes[1], r.nodes[2], 16, typed.Of[O]())
	wg.Go(func() { serveStage(r.nodes[1], s, edge, below) })
	for _, c := range control {
		wg.Go(func() { c(k) })
	}
	serveSink(r.nodes[2], everything[O]{r.take}, below)
	r.took = time.Since(begun)
	wg.Wait()
	r.err, r.nodes = k.Err(), k.Nodes()
	r.check(t)
	return r
}

// everything is a sink that takes all items, failed ones as well.
type everything[O any] struct {
	take func(*stages.Inlet[O], stages.Item[O])
}

func (everything[O]) TakesFailures() bool { return true }

func (s everything[O]) Run(_ context.Context, in *stages.Inlet[O]) error {
	for it := range in.All() {
		s.take(in, it)
		in.Done(it)
	}
	return nil
}

// take notes an item that came out.
func (r *rig[I, O]) take(in *stages.Inlet[O], it stages.Item[O]) {
	if f, failed := it.Err().(*stages.ItemError); failed {
		r.failed = append(r.failed, f)
		r.order = append(r.order, "!")
	} else {
		r.out = append(r.out, it.Value)
		r.order = append(r.order, fmt.Sprint(it.Value))
	}
	r.times = append(r.times, in.Timings(it))
	var left time.Duration
	if by, ok := it.Deadline(in); ok {
		left = time.Until(by)
	}
	r.left = append(r.left, left)
}

// check checks the ledgers of all nodes.
func (r *rig[I, O]) check(t testing.TB) {
	t.Helper()
	var all stages.Ledger
	for _, n := range r.nodes {
		l := ledgerOf(n)
		require.NoError(t, l.Check(), n.Name)
		all = all.Plus(l)
	}
	require.Equal(t, r.ledger().Out, int64(len(r.out)))
	failed := all.Failed + all.Shed + all.Expired + all.HandedBack - all.Recovered
	for _, n := range r.nodes {
		for _, l := range n.Observed() {
			if o, ok := l.(stages.OverflowSnapshot); ok {
				failed -= o.Shed // no sink sees what was shed
			}
		}
	}
	require.Equal(t, failed, int64(len(r.failed)), "what failed comes out as failed")
}

func ledgerOf(n *kernel.Node) stages.Ledger { return stages.Ledger(n.Ledger()) }

// ledger returns the account of the stage.
func (r *rig[I, O]) ledger() stages.Ledger { return ledgerOf(r.nodes[1]) }

// timing returns what the stage cost the i-th item that came out.
func (r *rig[I, O]) timing(i int) stages.Timing {
	tm, _ := r.times[i].Stage("stage")
	return tm
}

// validate returns what is wrong with a stage or sink.
func validate(s any) error { return s.(stages.Validator).Validate() }
