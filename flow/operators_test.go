package flow_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

func TestTakeStopsAnEndlessSource(t *testing.T) {
	require.Equal(t, upTo(3), all(t, flow.From(endless).Map("same", same, stages.Workers(3)).Take(3)))
}

// A branch that has had enough leaves the source to the others.
func TestTakeOnABranchIsNoBusinessOfTheOther(t *testing.T) {
	b := flow.From(source.Slice(upTo(5000))).Broadcast(2)
	var few, many []int
	b[0].Take(3).To(sink.Append(&few), stages.Name("few"))
	rep, err := b[1].Skip(1000).To(sink.Append(&many), stages.Name("many")).Run(t.Context())
	require.NoError(t, err)
	require.NoError(t, rep.Check())
	require.Equal(t, upTo(3), few)
	require.Len(t, many, 4000)
}

// behind is what is left of 20 items, a millisecond apart, behind stages that
// join adds, of which some are slow.
func behind(t *testing.T, join func(*flow.Stream[int]) *flow.Stream[int]) ([]int, *flow.Report) {
	t.Helper()
	var rep flow.Report
	got, err := join(flow.From(trickle(20))).Collect(t.Context(), flow.ReportTo(&rep))
	require.NoError(t, err)
	require.NoError(t, rep.Check())
	return got, &rep
}

func trickle(n int) stages.Source[int] {
	return source.Seq(func(yield func(int) bool) {
		for i := 0; i < n && yield(i); i++ {
			time.Sleep(time.Millisecond)
		}
	})
}

func second(_ context.Context, v int) (int, error) { time.Sleep(time.Second); return v, nil }

// Row 56: to drop the newest, to drop the oldest, and to block are for each edge
// to choose.
func TestRow56AFullEdgeBlocksOrShedsByItsPolicy(t *testing.T) {
	for policy, want := range map[stages.OverflowPolicy][]int{
		stages.Block: upTo(20), stages.DropNewest: {0, 1, 2, 3}, stages.DropOldest: {0, 1, 18, 19},
	} {
		t.Run(policy.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, rep := behind(t, func(s *flow.Stream[int]) *flow.Stream[int] {
					return s.Map("slow", second, stages.Buffer(2, policy))
				})
				require.Equal(t, want, got)
				require.Equal(t, int64(20-len(want)), rep.Ledger.Shed)
				buffer, ok := rep.Stage("slow-buffer")
				require.Equal(t, policy != stages.Block, ok)
				require.Equal(t, rep.Ledger.Shed, buffer.Ledger.Shed)
			})
		})
	}
}

// It is the edge that has the policy, whatever stage or sink is behind it.
func TestAnyStageMayHaveABufferThatDrops(t *testing.T) {
	drop := stages.Buffer(2, stages.DropNewest)
	for name, join := range map[string]func(*flow.Stream[int]) *flow.Stream[int]{
		"section": func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Guard(guard.Limit(1)).Map("slow", second, drop)
		},
		"stage of no name": func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Delay(time.Second, stages.Capacity(1), drop)
		},
		"fan-out": func(s *flow.Stream[int]) *flow.Stream[int] {
			b := s.Broadcast(2)
			b[1].Map("slow", second, drop).To(sink.ForEach(func(context.Context, int) error { return nil }))
			return b[0]
		},
		"fan-in": func(s *flow.Stream[int]) *flow.Stream[int] {
			other := flow.From(trickle(20))
			return s.Zip(other, func(a, b int) int { return a + b }, drop).Map("slow", second, stages.Buffer(1))
		},
		"sink": func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Tee(sink.ForEach(func(ctx context.Context, v int) error { _, err := second(ctx, v); return err }), drop)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, rep := behind(t, join)
				require.Positive(t, rep.Ledger.Shed)
				shed := int64(0)
				for _, s := range rep.Stages {
					if shed += s.Ledger.Shed; s.Ledger.Shed > 0 {
						require.Contains(t, s.Name, "-buffer")
					}
				}
				require.Equal(t, rep.Ledger.Shed, shed)
			})
		})
	}
}

// A failure keeps its place in a buffer, and is never dropped.
func TestABufferThatDropsKeepsFailures(t *testing.T) {
	for _, p := range []stages.OverflowPolicy{stages.DropNewest, stages.DropOldest} {
		synctest.Test(t, func(t *testing.T) {
			var rep flow.Report
			ok, failed := 0, 0
			for r := range flow.From(trickle(40)).Map("odd", odd).Map("slow", second, stages.Buffer(2, p)).
				Results(t.Context(), flow.ReportTo(&rep)) {
				if r.Err != nil {
					require.ErrorIs(t, r.Err, errFlaky)
					failed++
				} else {
					ok++
				}
			}
			require.NoError(t, rep.Check())
			require.Equal(t, 20, failed)
			require.Equal(t, int64(20-ok), rep.Ledger.Shed)
			require.Positive(t, rep.Ledger.Shed)
		})
	}
}

func TestABufferThatDropsIsPartOfTheGraph(t *testing.T) {
	s := flow.From(source.Slice(upTo(3)))
	g := s.Map("slow", same, stages.Buffer(7, stages.DropOldest)).To(sink.Append(&[]int{}))
	require.NoError(t, g.Validate())
	require.Contains(t, g.Mermaid(), "7, drop oldest")
	s.Map("other", same, stages.Buffer(7, stages.DropOldest)).To(sink.Append(&[]int{}))
	require.ErrorContains(t, g.Validate(), `stage "source": its stream has more than one receiver`)
}

// Whatever is wrong with an operator is told before the run, with its name.
func TestOperatorsAreValidated(t *testing.T) {
	length := func(s string) int { return len(s) }
	for want, s := range map[string]*flow.Stream[int]{
		`stage "total": function is nil`:                                   from().Scan[int]("total", 0, nil),
		`stage "sum": function is nil`:                                     from().Reduce[int]("sum", 0, nil),
		`stage "take": number of items to take must be at least 0, not -1`: from().Take(-1),
		`stage "skip": number of items to skip must be at least 0, not -1`: from().Skip(-1),
		`stage "distinct": key function is nil`:                            from().DistinctUntilChanged[int](nil),
		`stage "debounce": quiet time must be positive`:                    from().Debounce(0),
		`stage "delay": delay must be positive`:                            from().Delay(-1),
		`stage "batch": weight has a func(string) int`:                     numbers(from().Batch(1, 0, stages.Weight(1, length))),
		`stage "window": it has no window policy`:                          numbers(from().Window(operator.WindowPolicy{})),
		`stage "to-buffer": buffer must be at least 1, not 0`:              from().Map("to", same, stages.Buffer(0, stages.DropOldest)),
	} {
		_, err := s.Collect(t.Context())
		require.ErrorIs(t, err, flow.ErrGraph)
		require.ErrorContains(t, err, want)
		var invalid *flow.GraphError
		require.True(t, errors.As(err, &invalid))
	}
}

func from() *flow.Stream[int] { return flow.From(source.Slice(upTo(3))) }

// numbers makes a stream of numbers again.
func numbers[T any](s *flow.Stream[T]) *flow.Stream[int] {
	return s.Map("first", func(context.Context, T) (int, error) { return 0, nil })
}
