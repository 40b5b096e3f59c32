package stages

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/require"
)

var errFlaky = errors.New("flaky")

// rig is a run of one stage between a source of values and a sink that takes
// everything.
type rig[I, O any] struct {
	out    []O
	failed []*ItemError
	times  []Timings
	left   []time.Duration // until the items' deadlines; 0 without
	order  []string        // every value and failure, as they came
	err    error
	nodes  []*Node // source, stage, sink, and the map before the stage
	took   time.Duration
}

type everything[O any] struct{ take func(*Inlet[O], Item[O]) }

func (everything[O]) TakesFailures() bool { return true }
func (s everything[O]) Run(_ context.Context, in *Inlet[O]) error {
	for it := range in.All() {
		s.take(in, it)
		in.Done(it)
	}
	return nil
}

// through runs the stage and checks that nothing was lost.
func through[I, O any](t testing.TB, src Source[I], s Stage[I, O], control ...func(*Runtime)) *rig[I, O] {
	t.Helper()
	return drive(t, false, src, s, control...)
}

// drive is through with the choice of a run without timings.
func drive[I, O any](t testing.TB, untimed bool, src Source[I], s Stage[I, O], control ...func(*Runtime)) *rig[I, O] {
	t.Helper()
	return run(t, untimed, s, control, func(rt *Runtime, wg *conc.WaitGroup) *Inlet[I] {
		out, in := Link[I](rt, rt.Nodes()[0], rt.Nodes()[1], 16)
		wg.Go(func() { RunSource(src, out) })
		return in
	})
}

// behindMap is through with a Map of f before the stage, which can fail items.
func behindMap[I, M, O any](t testing.TB, src Source[I], f func(context.Context, I) (M, error), s Stage[M, O], control ...func(*Runtime)) *rig[M, O] {
	t.Helper()
	return run(t, false, s, control, fed(src, Map(f)))
}

// fed starts a source and a stage at the node "map".
func fed[I, M any](src Source[I], s Stage[I, M]) func(*Runtime, *conc.WaitGroup) *Inlet[M] {
	return func(rt *Runtime, wg *conc.WaitGroup) *Inlet[M] {
		n := rt.Nodes()
		out, in := Link[I](rt, n[0], n[3], 16)
		next, mid := Link[M](rt, n[3], n[1], 16)
		wg.Go(func() { RunSource(src, out) })
		wg.Go(func() { RunStage(s, in, next) })
		return mid
	}
}

// run runs the stage behind what feed starts.
func run[I, O any](t testing.TB, untimed bool, s Stage[I, O], control []func(*Runtime), feed func(*Runtime, *conc.WaitGroup) *Inlet[I]) *rig[I, O] {
	t.Helper()
	if v, ok := s.(Validator); ok {
		require.NoError(t, v.Validate())
	}
	begun := time.Now()
	rt := NewRuntime(t.Context(), untimed, "source", "stage", "sink", "map")
	defer rt.Close()
	r := &rig[I, O]{nodes: rt.Nodes()}
	var wg conc.WaitGroup
	mid := feed(rt, &wg)
	after, in := Link[O](rt, r.nodes[1], r.nodes[2], 16)
	wg.Go(func() { RunStage(s, mid, after) })
	for _, c := range control {
		wg.Go(func() { c(rt) })
	}
	RunSink(everything[O]{func(in *Inlet[O], it Item[O]) {
		if it.failed() {
			r.failed = append(r.failed, it.fault)
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
	}}, in)
	r.took = time.Since(begun)
	wg.Wait()
	r.err = rt.Err()
	var all Ledger
	for _, n := range r.nodes {
		require.NoError(t, n.Ledger().Check(), n.Name())
		all = all.Plus(n.Ledger())
	}
	require.Equal(t, r.nodes[1].Ledger().Out, int64(len(r.out)))
	failed := all.Failed + all.Shed + all.Expired - all.Recovered
	for _, n := range r.nodes {
		if n.shed.Load() == 0 {
			continue
		}
		for _, l := range n.Layers() {
			if o, ok := l.(OverflowSnapshot); ok {
				failed -= o.Shed // of which nobody shall see anything more
			}
		}
	}
	require.Equal(t, failed, int64(len(r.failed)), "what failed comes out as failed")
	return r
}

// ledger returns the account of the stage.
func (r *rig[I, O]) ledger() Ledger { return r.nodes[1].Ledger() }

// timing returns what the stage cost the i-th item that came out.
func (r *rig[I, O]) timing(i int) Timing {
	tm, _ := r.times[i].Stage("stage")
	return tm
}

// same is a call that cannot fail.
func same(_ context.Context, v int) (int, error) { return v, nil }

// fails is a call that cannot succeed.
func fails(context.Context, int) (int, error) { return 0, errFlaky }

// takes is a call that takes d.
func takes(d time.Duration) func(context.Context, int) (int, error) {
	return func(_ context.Context, v int) (int, error) {
		time.Sleep(d)
		return v, nil
	}
}

// every is a source of 0 to n-1, d apart.
func every(d time.Duration, n int) Source[int] {
	return SourceFunc[int](func(ctx context.Context, out *Outlet[int]) error {
		for i := 0; i < n && ctx.Err() == nil; i++ {
			out.Emit(i)
			select {
			case <-time.After(d):
			case <-ctx.Done():
			}
		}
		return nil
	})
}

// after makes a control that does something at a certain time of the run.
func after(d time.Duration, do func(*Runtime)) func(*Runtime) {
	return func(rt *Runtime) {
		time.Sleep(d)
		do(rt)
	}
}

var errGone = errors.New("gone")

func abort(rt *Runtime) { rt.Abort(errGone) }
func stop(rt *Runtime)  { rt.Stop() }
