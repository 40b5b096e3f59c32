package flow_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
)

// held is a stage that keeps items for an hour, and how many come out after a
// stop.
type held struct {
	by  func(s, other *flow.Stream[int]) *flow.Stream[int]
	out int64
}

var holders = map[string]held{
	"batch":          {alone(func(s *flow.Stream[int]) *flow.Stream[int] { return s.Batch(100, time.Hour).Map("size", holding()) }), 1},
	"batch for ever": {alone(func(s *flow.Stream[int]) *flow.Stream[int] { return s.Batch(100, 0).Map("size", holding()) }), 1},
	"batch by weight": {alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Batch(100, time.Hour, stages.Weight(100, weigh)).Map("size", holding())
	}), 1},
	"bulk call": {alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Via("op", operator.MapBatch(100, time.Hour, bulk))
	}), 8},
	"tumbling window": {windowed(operator.Tumbling(time.Hour)), 1},
	"sliding window":  {windowed(operator.Sliding(time.Hour, 30*time.Minute)), 2},
	"session":         {windowed(operator.Session(time.Hour)), 1},
	"event time":      {windowed(operator.Tumbling(time.Hour), stages.EventTime(hourly, time.Hour)), 8},
	"idle event time": {windowed(operator.Session(time.Hour), stages.EventTime(hourly, time.Hour), stages.Idleness(time.Hour)), 8},
	"delay":           {alone(func(s *flow.Stream[int]) *flow.Stream[int] { return s.Delay(time.Hour) }), 8},
	"delay that is full": {alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Delay(time.Hour, stages.Capacity(2))
	}), 8},
	"debounce":        {alone(func(s *flow.Stream[int]) *flow.Stream[int] { return s.Debounce(time.Hour) }), 1},
	"longer debounce": {alone(func(s *flow.Stream[int]) *flow.Stream[int] { return s.Debounce(time.Hour, stages.MaxWait(2*time.Hour)) }), 1},
	"throttle":        {alone(func(s *flow.Stream[int]) *flow.Stream[int] { return s.Throttle(limiter.Every(time.Hour), nil) }), 8},
	"join": {func(s, other *flow.Stream[int]) *flow.Stream[int] {
		return s.Join(other, time.Hour, weigh, weigh, first)
	}, 8},
	"zip":    {func(s, other *flow.Stream[int]) *flow.Stream[int] { return s.Zip(other, first) }, 4},
	"concat": {func(s, other *flow.Stream[int]) *flow.Stream[int] { return other.Concat(s) }, 12},
	"retry": {alone(func(s *flow.Stream[int]) *flow.Stream[int] {
		tries := map[int]int{}
		return s.Guard(guard.Limit(8)).Retry(retry.Constant(3, time.Hour, retry.Cap(time.Hour))).Map("op", func(_ context.Context, v int) (int, error) {
			if tries[v]++; tries[v] == 1 {
				return 0, errFlaky
			}
			return v, nil
		})
	}), 8},
}

func windowed(p operator.WindowPolicy, opts ...stages.WindowOption) func(s, other *flow.Stream[int]) *flow.Stream[int] {
	return alone(func(s *flow.Stream[int]) *flow.Stream[int] { return s.Window(p, opts...).Map("size", windowsWith(-1)) })
}

func bulk(_ context.Context, vs []int) ([]int, error) { return vs, nil }
func weigh(v int) int                                 { return v % 4 }
func hourly(v int) time.Time                          { return time.Unix(3600*int64(v), 0) }

// A stop waits for no timer, wherever items are kept, and loses none.
func TestAStopEndsEachWait(t *testing.T) {
	for name, h := range holders {
		inBothModes(t, name, func(t *testing.T, opts ...flow.RunOption) {
			bags := []*mailbag{{first: 0, n: 8, stay: 9 * time.Hour}, {first: 100, n: 4, stay: 9 * time.Hour}}
			begun := time.Now()
			g := flow.New()
			r, err := h.by(g.From(source.Acked(bags[0].read)), g.From(source.Acked(bags[1].read))).
				To(takesAll{}, stages.Name("end")).Start(t.Context(), opts...)
			require.NoError(t, err)
			time.Sleep(time.Second)
			r.Stop()
			rep, err := r.Wait()
			require.NoError(t, err)
			require.Equal(t, time.Second, time.Since(begun))
			require.NoError(t, rep.Check())
			end, _ := rep.Stage("end")
			require.Equal(t, h.out, end.Ledger.Out)
			require.Zero(t, rep.Ledger.Failed)
			for _, b := range bags {
				require.Len(t, b.heard, b.n)
				for _, errs := range b.heard {
					require.Equal(t, []error{nil}, errs)
				}
			}
		})
	}
}
