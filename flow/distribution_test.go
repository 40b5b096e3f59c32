package flow_test

import (
	"context"
	"io"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// near is how far a quantile may be off.
const near = 0.045

func TestPercentilesAreThoseOfTheItems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Of 100 items, one takes 100 ms and the others 1 ms. The source waits for each.
		done := make(chan int)
		numbers := func(yield func(int) bool) {
			for v := range 100 {
				if !yield(v) {
					return
				}
				<-done
			}
		}
		report, err := flow.From(source.Seq(numbers)).
			Map("uneven", func(_ context.Context, v int) (int, error) {
				if v == 17 {
					time.Sleep(99 * time.Millisecond)
				}
				time.Sleep(time.Millisecond)
				return v, nil
			}).
			ForEach(t.Context(), func(_ context.Context, v int) error { done <- v; return nil }, flow.Distributions())
		require.NoError(t, err)
		s, _ := report.Stage("uneven")
		require.EqualValues(t, 100, s.Work.Count())
		require.Equal(t, 199*time.Millisecond, s.Work.Sum())
		require.Equal(t, s.Effort.Work, s.Work.Sum())
		require.Equal(t, 1990*time.Microsecond, s.Work.Mean())
		require.InEpsilon(t, float64(time.Millisecond), float64(s.Work.Quantile(0.5)), near)
		require.InEpsilon(t, float64(time.Millisecond), float64(s.Work.Quantile(0.99)), near)
		require.InEpsilon(t, float64(100*time.Millisecond), float64(s.Work.Quantile(1)), near)
		require.Nil(t, s.Age, "only sinks have ages")
		end, _ := report.Stage("results")
		require.EqualValues(t, 100, end.Age.Count())
		require.InEpsilon(t, float64(time.Millisecond), float64(end.Age.Quantile(0.9)), near)
		require.InEpsilon(t, float64(100*time.Millisecond), float64(end.Age.Quantile(1)), near)
		require.Equal(t, 199*time.Millisecond, end.Age.Sum())
		require.Contains(t, report.String(), "p99 work")
	})
}

func TestWithoutTheOptionThereAreNoDistributions(t *testing.T) {
	var report flow.Report
	_, err := flow.From(source.Slice(upTo(3))).Map("same", same).Collect(t.Context(), flow.ReportTo(&report))
	require.NoError(t, err)
	for _, s := range report.Stages {
		require.Nil(t, s.Wait)
		require.Nil(t, s.Work)
		require.Nil(t, s.Age)
	}
	require.NotContains(t, report.String(), "p99")
	_, err = flow.From(source.Slice(upTo(3))).Collect(t.Context(), flow.Distributions(), flow.Untimed())
	require.ErrorContains(t, err, "distributions need the times")
}

// Whatever a flow ends in, each item that the sink accepted has an age, and each item that a stage
// worked on has a wait.
func TestEachItemIsInTheDistributions(t *testing.T) {
	const n = 1000
	count := func(context.Context, int) error { return nil }
	ends := map[string]func(*flow.Stream[int]) *flow.Graph{
		"ForEach": func(s *flow.Stream[int]) *flow.Graph { return s.To(sink.ForEach(count)) },
		"ForEachBatch": func(s *flow.Stream[int]) *flow.Graph {
			return s.To(sink.ForEachBatch(7, time.Second, func(context.Context, []int) error { return nil }))
		},
		"Append": func(s *flow.Stream[int]) *flow.Graph { return s.To(sink.Append(new([]int))) },
		"WriteLines": func(s *flow.Stream[int]) *flow.Graph {
			return s.Map("text", func(context.Context, int) (string, error) { return "", nil }).To(sink.WriteLines[string](io.Discard))
		},
	}
	shapes := map[string]func(*flow.Stream[int]) *flow.Stream[int]{
		"Map":     func(s *flow.Stream[int]) *flow.Stream[int] { return s.Map("stage", same) },
		"workers": func(s *flow.Stream[int]) *flow.Stream[int] { return s.Map("stage", same, stages.Workers(4)) },
		"section": func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Guard(guard.Limit(8)).Retry(retry.Constant(2, time.Millisecond)).Map("stage", same, stages.Workers(4))
		},
		"FlatMap": func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.FlatMap("stage", func(_ context.Context, v int) (iter.Seq[int], error) {
				return func(yield func(int) bool) { yield(v) }, nil
			})
		},
		"MapBatch": func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.MapBatch("stage", 10, time.Second, func(_ context.Context, all []int) ([]int, error) { return all, nil })
		},
		"Lanes": func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Lanes("stage", func(v int) int { return v % 10 }, same, stages.Workers(4))
		},
		"Scan": func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Scan("stage", 0, func(_ context.Context, a, v int) (int, error) { return a + v, nil })
		},
		"Delay": func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Delay(time.Millisecond, stages.Name("stage"))
		},
	}
	check := func(t *testing.T, g *flow.Graph) {
		report, err := g.Run(t.Context(), flow.Distributions())
		require.NoError(t, err)
		end := report.Stages[len(report.Stages)-1]
		require.EqualValues(t, n, end.Age.Count())
		require.LessOrEqual(t, end.Age.Quantile(1)/2, report.Elapsed)
		stage, ok := report.Stage("stage")
		require.True(t, ok)
		require.EqualValues(t, n, stage.Wait.Count())
		require.Equal(t, stage.Effort.Wait, stage.Wait.Sum())
	}
	for name, end := range ends {
		t.Run("to "+name, func(t *testing.T) { check(t, end(flow.From(source.Slice(upTo(n))).Map("stage", same))) })
	}
	for name, shape := range shapes {
		t.Run("through "+name, func(t *testing.T) {
			check(t, shape(flow.From(source.Slice(upTo(n)))).To(sink.ForEach(count)))
		})
	}
}

func TestCallsOfAServiceHaveAnAge(t *testing.T) {
	for name, opts := range map[string][]flow.RunOption{"direct": nil, "workers": {flow.ByWorkers()}} {
		t.Run(name, func(t *testing.T) {
			s, err := flow.Serve(t.Context(), func(q *flow.Stream[int]) *flow.Stream[int] { return q.Map("stage", same) }, append(opts, flow.Distributions())...)
			require.NoError(t, err)
			for range 10 {
				require.NoError(t, s.Do(t.Context(), 1).Err)
			}
			s.Stop()
			report, err := s.Wait()
			require.NoError(t, err)
			end, _ := report.Stage("results")
			require.EqualValues(t, 10, end.Age.Count())
			stage, _ := report.Stage("stage")
			require.EqualValues(t, 10, stage.Work.Count())
			require.NotNil(t, s.Status().Stages[1].Work)
		})
	}
}

func TestDistributionsAdd(t *testing.T) {
	run := func(d time.Duration) (got flow.Distribution) {
		synctest.Test(t, func(t *testing.T) {
			report, err := flow.From(source.Slice(upTo(10))).ForEach(t.Context(), func(context.Context, int) error { time.Sleep(d); return nil }, flow.Distributions())
			require.NoError(t, err)
			got = *report.Stages[1].Work
		})
		return got
	}
	both := run(time.Millisecond).Plus(run(time.Second))
	require.EqualValues(t, 20, both.Count())
	require.Equal(t, 10010*time.Millisecond, both.Sum())
	require.InEpsilon(t, float64(time.Millisecond), float64(both.Quantile(0.5)), near)
	require.InEpsilon(t, float64(time.Second), float64(both.Quantile(0.51)), near)
	total := uint64(0)
	for i, n := range both.Buckets() {
		total += n
		require.Contains(t, []int{0, -79}, i, "1 s is the bound of bucket 0; 1 ms is 2^(-79.7/8) s")
	}
	require.EqualValues(t, 20, total)
	require.Zero(t, both.Zeros())
	var none flow.Distribution
	require.Zero(t, none.Mean()+none.Quantile(0.5))
	require.Zero(t, none.Zeros())
	require.Equal(t, both.Count(), none.Plus(both).Count())
}
