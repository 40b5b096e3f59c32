package kernel_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/turn"
	"github.com/weir-go/weir/internal/typed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a chain of nodes: a source of n integers, ops, and a sink.
type rig struct {
	run   *kernel.Run
	nodes []*kernel.Node
	edges []*kernel.Edge
	got   []int
	done  chan struct{}
}

// stage is what a node of a rig does between its ends.
type stage func(n *kernel.Node) error

func newRig(ctx context.Context, timed bool, bound int, names ...string) *rig {
	r := &rig{run: kernel.NewRun(ctx, timed, false), done: make(chan struct{}, 16)}
	names = append(append([]string{"source"}, names...), "sink")
	for _, name := range names {
		r.nodes = append(r.nodes, r.run.NewNode(name))
	}
	for i := 1; i < len(names); i++ {
		r.edges = append(r.edges, r.run.Link(r.nodes[i-1], r.nodes[i], bound, typed.Of[int]()))
	}
	return r
}

// start runs the nodes: the source sends 0, 1, ... n-1, and the sink collects.
func (r *rig) start(n int, stages ...stage) {
	go r.source(n)
	for i, s := range stages {
		r.serve(i+1, s)
	}
	last := len(r.nodes) - 1
	r.serve(last, func(k *kernel.Node) error {
		k.Work(typed.EndOp(func(_ context.Context, v int) error { r.got = append(r.got, v); return nil }))
		return nil
	})
}

func (r *rig) source(n int) {
	defer func() { r.done <- struct{}{} }()
	out := kernel.NewOutlet(r.edges[0])
	r.nodes[0].RunSource(out, func(context.Context) error {
		s := kernel.NewSource(out)
		defer s.End()
		for i := range n {
			if s.Room == 0 && !s.More() {
				break
			}
			typed.Values[int](s.B)[s.At] = i
			if !s.Publish(1) {
				break
			}
		}
		return nil
	})
}

func (r *rig) serve(i int, s stage) {
	n := r.nodes[i]
	var outs []*kernel.Outlet
	if i < len(r.edges) {
		outs = append(outs, kernel.NewOutlet(r.edges[i]))
	}
	var way *kernel.Outlet
	if outs != nil {
		way = outs[0]
	}
	in := kernel.NewInlet(r.edges[i-1], way, false)
	go func() {
		defer func() { r.done <- struct{}{} }()
		n.Serve([]*kernel.Inlet{in}, outs, func() error { return s(n) })
	}()
}

// wait waits for all nodes and checks the books.
func (r *rig) wait(t testing.TB) {
	t.Helper()
	for range r.nodes {
		r.await(t)
	}
	r.run.Close()
	for _, n := range r.nodes {
		l := n.Ledger()
		require.Zero(t, l.In+l.Derived+l.Recovered-(l.Out+l.Folded+l.Filtered+l.Failed+l.Shed+l.Expired+l.DeadLettered+l.HandedBack), "%s: %+v", n.Name, l)
	}
}

// await waits for the end of one more node. A run is stuck if no item has moved for 20 seconds:
// on a busy machine a run may take longer than that.
func (r *rig) await(t testing.TB) {
	t.Helper()
	for before := int64(-1); ; {
		select {
		case <-r.done:
			return
		case <-time.After(20 * time.Second):
		}
		moved := int64(0)
		for _, n := range r.nodes {
			l := n.Ledger()
			moved += l.In + l.Out
		}
		if moved == before {
			break
		}
		before = moved
	}
	for _, n := range r.nodes {
		t.Logf("%s ended=%v %+v", n.Name, n.Ended(), n.Ledger())
	}
	for _, e := range r.edges {
		t.Logf("%+v", e.State())
	}
	require.FailNow(t, "the run does not end")
}

func mapped(f func(context.Context, int) (int, error)) stage {
	return func(n *kernel.Node) error { return turn.RunOp(n, typed.MapOp(f), 1, false, typed.Of[int]()) }
}

func workers(w int, unordered bool, f func(context.Context, int) (int, error)) stage {
	return func(n *kernel.Node) error {
		n.Staff(w)
		return turn.RunOp(n, typed.MapOp(f), w, unordered, typed.Of[int]())
	}
}

func plusOne(_ context.Context, v int) (int, error) { return v + 1, nil }
