package flow_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/flow/flowtest"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/sink"
)

// The fault: SetWorkers on a sink ended the run with a nil pointer.
func TestSetWorkersOfEveryKindOfNode(t *testing.T) {
	plain := func(context.Context, int) (int, error) { return 1, nil }
	even := func(_ context.Context, v int) (bool, error) { return v%2 == 0, nil }
	take := func(context.Context, int) error { return nil }
	all := func(_ context.Context, vs []int) ([]int, error) { return vs, nil }
	to := func(s stages.Sink[int]) func(*flow.Stream[int]) *flow.Graph {
		return func(in *flow.Stream[int]) *flow.Graph { return in.To(s, stages.Name("it")) }
	}
	via := func(s stages.Stage[int, int]) func(*flow.Stream[int]) *flow.Graph {
		return func(in *flow.Stream[int]) *flow.Graph { return in.Via("it", s).To(sink.ForEach(take)) }
	}
	var got []int
	for name, tt := range map[string]struct {
		graph func(*flow.Stream[int]) *flow.Graph
		can   bool
	}{
		"Map":    {via(operator.Map(plain)), true},
		"Filter": {via(operator.Filter(even)), true},
		"Lanes":  {via(operator.Lanes(func(v int) int { return v }, plain)), true},
		"section": {func(in *flow.Stream[int]) *flow.Graph {
			return in.Guard(guard.Limit(4)).Map("it", plain).To(sink.ForEach(take))
		}, true},

		"MapBatch": {via(operator.MapBatch(3, time.Second, all)), false},
		"Scan":     {via(operator.Scan(0, func(_ context.Context, a, v int) (int, error) { return a + v, nil })), false},
		"Skip":     {via(operator.Skip[int](1)), false},
		"Distinct": {via(operator.DistinctUntilChanged(func(v int) int { return v })), false},
		"Delay":    {via(operator.Delay[int](time.Second)), false},
		"OnError":  {via(operator.OnError(func(context.Context, *stages.ItemError) (int, error) { return 0, nil })), false},
		"StageFunc": {via(stages.StageFunc[int, int](func(_ context.Context, in *stages.Inlet[int], out *stages.Outlet[int]) error {
			for it := range in.All() {
				out.Send(it)
			}
			return nil
		})), false},

		"ForEach":      {to(sink.ForEach(take)), false},
		"ForEachBatch": {to(sink.ForEachBatch(3, time.Second, func(context.Context, []int) error { return nil }, stages.Workers(2))), false},
		"Append":       {to(sink.Append(&got)), false},
		"SinkFunc": {to(stages.SinkFunc[int](func(_ context.Context, in *stages.Inlet[int]) error {
			for it := range in.All() {
				in.Done(it)
			}
			return nil
		})), false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := flowtest.NewSource[int]().Emit(1, 2, 3).Sleep(time.Second).Emit(4, 5, 6).Sleep(time.Second).Emit(7, 8)
				r, err := tt.graph(flow.From(src)).Start(t.Context())
				require.NoError(t, err)
				synctest.Wait()
				err = r.SetWorkers("it", 3)
				if tt.can {
					require.NoError(t, err)
				} else {
					require.EqualError(t, err, `stage "it": it has no workers that can be set`)
				}
				require.ErrorContains(t, r.SetWorkers("it", 0), "at least 1")
				require.EqualError(t, r.SetWorkers("source", 2), `stage "source": it has no workers that can be set`)
				rep, err := r.Wait()
				require.NoError(t, err)
				require.NoError(t, rep.Check())
				it, _ := rep.Stage("it")
				require.GreaterOrEqual(t, it.Ledger.In, int64(8))
			})
		})
	}
}
