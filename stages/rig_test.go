package stages

import (
	"context"
	"fmt"
	"testing"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/require"
)

// rig is a run of one stage between a source of values and a sink that takes
// everything.
type rig[I, O any] struct {
	out    []O
	failed []*ItemError
	times  []Timings
	order  []string // every value and failure, as they came
	err    error
	nodes  []*Node // source, stage, sink
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
func through[I, O any](t *testing.T, src Source[I], s Stage[I, O], control ...func(*Runtime)) *rig[I, O] {
	t.Helper()
	if v, ok := s.(Validator); ok {
		require.NoError(t, v.Validate())
	}
	rt := NewRuntime(t.Context(), false, "source", "stage", "sink")
	defer rt.Close()
	r := &rig[I, O]{nodes: rt.Nodes()}
	out, mid := Link[I](rt, r.nodes[0], r.nodes[1], 16)
	after, in := Link[O](rt, r.nodes[1], r.nodes[2], 16)
	var wg conc.WaitGroup
	wg.Go(func() { RunSource(src, out) })
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
	}}, in)
	wg.Wait()
	r.err = rt.Err()
	for _, n := range r.nodes {
		require.NoError(t, n.Ledger().Check(), n.Name())
	}
	require.Equal(t, r.nodes[0].Ledger().Out, r.nodes[1].Ledger().In)
	require.Equal(t, r.nodes[1].Ledger().Out, int64(len(r.out)))
	return r
}
