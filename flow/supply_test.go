package flow_test

import (
	"context"
	"iter"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/ack"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// tape is a source of n positions that is bounded by its window. It embeds its Commits, so it
// is a stages.Bounded.
type tape struct {
	ack.Commits[string, int]
	n int
}

func newTape(n, window int) *tape {
	t := &tape{n: n}
	t.Window, t.Commit = window, func(context.Context, map[string]int) error { return nil }
	return t
}

func (s *tape) Run(ctx context.Context, out *stages.Outlet[int]) error {
	for i := range s.n {
		if err := s.Emit(ctx, out, "tape", i, i); err != nil {
			return err
		}
	}
	return nil
}

// The fault: a batch that was larger than the window stopped the flow for ever, in silence.
func TestABatchAboveTheBoundOfItsSourceIsRefused(t *testing.T) {
	bounded := func(window int) *flow.Stream[int] {
		return flow.From(newTape(9, window), stages.Name("tape"))
	}
	free := func() *flow.Stream[int] { return flow.From(source.Slice(upTo(9))) }
	all := func(_ context.Context, vs []int) ([]int, error) { return vs, nil }
	take := func(context.Context, []int) error { return nil }
	end := func(s *flow.Stream[[]int]) *flow.Graph { return s.To(sink.ForEach(take)) }
	for name, tt := range map[string]struct {
		graph *flow.Graph
		fault string // empty: valid
	}{
		"Batch": {end(bounded(4).Batch(5, 0)),
			`stage "batch": it waits for 5 items, but source "tape" has at most 4 unsettled: make the batch smaller or the bound larger, or set a delay`},
		"Batch within":       {end(bounded(5).Batch(5, 0)), ""},
		"Batch, no window":   {end(bounded(0).Batch(ack.DefaultWindow+1, 0)), `stage "batch": it waits for 1025 items, but source "tape" has at most 1024`},
		"Batch of no bound":  {end(free().Batch(1e6, 0)), ""},
		"Batch with a delay": {end(bounded(4).Batch(5, time.Second)), ""},
		"Batch by weight":    {end(bounded(4).Batch(5, 0, stages.Weight(9, func(int) int { return 1 }))), ""},
		"MapBatch":           {bounded(4).MapBatch("map", 5, 0, all).To(takesAll{}), `stage "map": it waits for 5 items`},
		"MapBatch, delay":    {bounded(4).MapBatch("map", 5, time.Second, all).To(takesAll{}), ""},
		"ForEachBatch":       {bounded(4).To(sink.ForEachBatch(5, 0, take)), `stage "sink": it waits for 5 items`},
		"ForEachBatch, delay": {
			bounded(4).To(sink.ForEachBatch(5, time.Second, take)), ""},
		"below other stages": {
			end(bounded(4).Map("map", same, stages.Workers(3)).Filter("all", func(context.Context, int) (bool, error) { return true, nil }).
				Take(9).Delay(time.Second).Remember().Batch(5, 0)), `stage "batch": it waits for 5 items`},
		"below a FlatMap": {end(bounded(4).FlatMap("twice", func(_ context.Context, v int) (iter.Seq[int], error) {
			return slices.Values([]int{v, v}), nil
		}).Batch(5, 0)), ""},
		"below a stage of one's own": {end(bounded(4).Via("own", stages.StageFunc[int, int](nil)).Batch(5, 0)), "it is nil"},
		"of two sources":             {end(bounded(4).Merge(bounded(4)).Batch(9, 0)), `it waits for 9 items, but sources "tape", "tape" have at most 8`},
		"of two sources, enough":     {end(flow.From(newTape(9, 4)).Merge(flow.From(newTape(9, 4))).Batch(8, 0)), ""},
		"of a free source as well":   {end(bounded(4).Merge(free()).Batch(9, 0)), ""},
		"of branches": {func() *flow.Graph {
			b := bounded(4).Broadcast(2)
			return end(b[0].Merge(b[1]).Batch(8, 0))
		}(), ""},
		"of branches, above": {func() *flow.Graph {
			b := bounded(4).Broadcast(2)
			return end(b[0].Merge(b[1]).Batch(9, 0))
		}(), `stage "batch": it waits for 9 items`},
	} {
		t.Run(name, func(t *testing.T) {
			err := tt.graph.Validate()
			if tt.fault == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.fault)
		})
	}
}

// What validation cannot see stands still, and the snapshot tells which stage has the items.
func TestASnapshotTellsWhichStageHoldsTheItems(t *testing.T) {
	at := func(v int) time.Time { return time.Unix(int64(v), 0) }
	for name, hold := range map[string]func(*flow.Stream[int]) *flow.Graph{
		"an event-time window": func(s *flow.Stream[int]) *flow.Graph {
			return s.Window(operator.Tumbling(time.Hour), stages.EventTime(at, 0), stages.Name("hold")).
				To(sink.ForEach(func(context.Context, operator.WindowOf[int]) error { return nil }))
		},
		"a stage of one's own": func(s *flow.Stream[int]) *flow.Graph {
			return s.Via("hold", stages.StageFunc[int, int](func(_ context.Context, in *stages.Inlet[int], out *stages.Outlet[int]) error {
				var all []stages.Item[int]
				for it := range in.All() {
					all = append(all, it)
				}
				for _, it := range all {
					out.Send(it)
				}
				return nil
			})).To(takesAll{})
		},
		"a Reduce": func(s *flow.Stream[int]) *flow.Graph {
			return s.Via("hold", operator.Reduce(0, func(_ context.Context, sum, v int) (int, error) { return sum + v, nil })).To(takesAll{})
		},
		"a MapBatch that two sources fill": func(s *flow.Stream[int]) *flow.Graph {
			return s.Merge(flow.From(lasting{})).MapBatch("hold", 100, 0, func(_ context.Context, vs []int) ([]int, error) { return vs, nil }).To(takesAll{})
		},
		"a batch that two sources fill": func(s *flow.Stream[int]) *flow.Graph {
			return s.Merge(flow.From(lasting{})).Batch(100, 0, stages.Name("hold")).
				To(sink.ForEach(func(context.Context, []int) error { return nil }))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tape := newTape(1000, 20)
				r, err := hold(flow.From(tape).Map("map", same)).Start(t.Context())
				require.NoError(t, err)
				time.Sleep(time.Minute)
				require.True(t, tape.Snapshot()[0].Full)
				rep := r.Snapshot()
				for _, s := range rep.Stages {
					if s.Name == "hold" {
						require.EqualValues(t, 20, s.Inside)
					} else {
						require.Zero(t, s.Inside, s.Name)
					}
				}
				require.Contains(t, rep.String(), `stage "hold" has 20 items inside`)
				r.Stop()
				rep, err = r.Wait()
				require.NoError(t, err)
				require.NoError(t, rep.Check())
				require.NotContains(t, rep.String(), "inside")
				require.NoError(t, tape.Close(t.Context()))

				r, err = hold(flow.From(newTape(1000, 20))).Start(t.Context())
				require.NoError(t, err)
				time.Sleep(time.Minute)
				r.Abort(errBroken)
				rep, err = r.Wait()
				require.ErrorIs(t, err, errBroken)
				require.NotContains(t, rep.String(), "inside")
			})
		})
	}
}

// lasting is a source that brings nothing and lasts until it is stopped.
type lasting struct{}

func (lasting) Run(ctx context.Context, _ *stages.Outlet[int]) error { <-ctx.Done(); return nil }

// A source that waits for its items when the intake has stopped is not alone to blame: the
// report of the drain names the stage that has them.
func TestADrainNamesTheStageThatHoldsTheItemsOfASource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := stages.SourceFunc[int](func(ctx context.Context, out *stages.Outlet[int]) error {
			settled := make(chan struct{})
			out.EmitAcked(func(error) { close(settled) }, 1)
			<-settled
			return nil
		})
		keep := stages.StageFunc[int, int](func(ctx context.Context, in *stages.Inlet[int], out *stages.Outlet[int]) error {
			for it := range in.All() {
				<-ctx.Done()
				out.Send(it)
			}
			return nil
		})
		r, err := flow.From(src).Map("map", same).Via("keep", keep).To(takesAll{}).Start(t.Context(), flow.DrainTimeout(time.Minute))
		require.NoError(t, err)
		time.Sleep(time.Second)
		r.Stop()
		_, err = r.Wait()
		var late *flow.DrainError
		require.ErrorAs(t, err, &late)
		require.Len(t, late.Busy, 2)
		require.Equal(t, "source", late.Busy[0].Stage)
		require.Equal(t, "keep", late.Busy[1].Stage)
		require.EqualValues(t, 1, late.Busy[1].Items)
	})
}
