package flow_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
)

// all runs s, checks the books, and returns what came out.
func all[T any](t *testing.T, s *flow.Stream[T]) []T {
	t.Helper()
	var rep flow.Report
	got, err := s.Collect(t.Context(), flow.ReportTo(&rep))
	require.NoError(t, err)
	require.NoError(t, rep.Check())
	return got
}

func plus(n int) func(context.Context, int) (int, error) {
	return func(_ context.Context, v int) (int, error) { return v + n, nil }
}

func nap(_ context.Context, v int) (int, error) { time.Sleep(time.Millisecond); return v, nil }

func TestBroadcastSendsEachItemToAllBranches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := flow.From(stages.Slice(upTo(500))).Broadcast(3)
		got := all(t, b[0].Merge(b[1].Map("slow", nap), b[2]))
		slices.Sort(got)
		for i, v := range got {
			require.Equal(t, i/3, v)
		}
		require.Len(t, got, 1500)
	})
}

// A branch that has had enough does not end the others, nor hold them up.
func TestABranchMayEndBeforeTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		firstTen := stages.StageFunc[int, int](func(_ context.Context, in *stages.Inlet[int], out *stages.Outlet[int]) error {
			for range 10 {
				it, ok := in.Next()
				if !ok {
					return nil
				}
				out.Send(it)
			}
			return nil
		})
		for _, fan := range []func(*flow.Stream[int]) []*flow.Stream[int]{
			func(s *flow.Stream[int]) []*flow.Stream[int] { return s.Broadcast(2) },
			func(s *flow.Stream[int]) []*flow.Stream[int] { return s.Balance(2) },
		} {
			b := fan(flow.From(stages.Slice(upTo(5000))))
			var other []int
			g := b[1].Map("slow", nap).To(stages.Append(&other))
			b[0].Via("first-ten", firstTen).To(stages.ForEach(func(context.Context, int) error { return nil }), flow.Name("ten"))
			rep, err := g.Run(t.Context())
			require.NoError(t, err)
			require.NoError(t, rep.Check())
			require.GreaterOrEqual(t, len(other), 4000)
		}
	})
}

// The slice of branches is the caller's: what he does with it is his business.
func TestBranchesCanBeReplacedInTheirSlice(t *testing.T) {
	b := flow.From(stages.Slice(upTo(1000))).Balance(4)
	for i := range b {
		b[i] = b[i].Map(string(rune('a'+i)), plus(1))
	}
	s := b[0].Merge(b[1:]...)
	clear(b)
	require.Len(t, all(t, s), 1000)
}

func TestBalanceFollowsTheSpeedOfTheBranches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fast, slowly atomic.Int64
		count := func(n *atomic.Int64, d time.Duration) func(context.Context, int) (int, error) {
			return func(_ context.Context, v int) (int, error) { time.Sleep(d); n.Add(1); return v, nil }
		}
		b := flow.From(stages.Slice(upTo(1000))).Balance(2)
		fastly := b[0].Map("fast", count(&fast, time.Millisecond), flow.Buffer(4))
		slowest := b[1].Map("slow", count(&slowly, 9*time.Millisecond), flow.Buffer(4))
		start := time.Now()
		require.Len(t, all(t, fastly.Merge(slowest)), 1000)
		require.InDelta(t, 900, fast.Load(), 15)
		require.Less(t, time.Since(start), 950*time.Millisecond)
	})
}

func TestPartitionSendsEachItemToItsLane(t *testing.T) {
	b := flow.From(stages.Slice(upTo(100))).Partition(2, func(v int) int { return v % 2 })
	var odd []int
	b[1].To(stages.Append(&odd), flow.Name("odd"))
	even := all(t, b[0])
	require.Len(t, even, 50)
	for i := range even {
		require.Equal(t, 2*i, even[i])
		require.Equal(t, 2*i+1, odd[i])
	}
}

func TestPartitionFailsItemsThatHaveNoLane(t *testing.T) {
	b := flow.From(stages.Slice(upTo(6))).Partition(2, func(v int) int {
		if v == 4 {
			panic("no")
		}
		return v
	})
	failed := map[int]error{}
	kept := b[0].OnError(func(_ context.Context, e *stages.ItemError) (int, error) {
		failed[e.Value.(int)] = e.Err
		return 0, stages.ErrDrop
	})
	got := all(t, kept.Merge(b[1]))
	slices.Sort(got)
	require.Equal(t, []int{0, 1}, got)
	require.Len(t, failed, 4)
	require.ErrorContains(t, failed[3], "lane 3 of 2")
	var panicked *stages.PanicError
	require.ErrorAs(t, failed[4], &panicked)
}

func TestByKeyKeepsEqualKeysTogether(t *testing.T) {
	lane := stages.ByKey(4, func(v int) int { return v % 100 })
	used := map[int]int{}
	for v := range 1000 {
		require.Equal(t, lane(v%100), lane(v))
		used[lane(v)]++
	}
	require.Len(t, used, 4, "a hundred keys use all lanes")
}

func TestTeeFeedsASinkBesideTheStream(t *testing.T) {
	var audit []int
	got := all(t, flow.From(stages.Slice(upTo(300))).Tee(stages.Append(&audit)).Map("double", plus(1)))
	require.Len(t, got, 300)
	require.Equal(t, upTo(300), audit)
}

// A stream that is slow holds up no other, and one that has ended ends none.
func TestMergeTakesItemsAsTheyComeAndKeepsTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		none, a, b := flow.From(stages.Slice([]int{})), flow.From(trickle(3)), flow.From(trickle(10))
		late := b.Map("later", plus(100)).Delay(1500 * time.Microsecond)
		require.Equal(t, []int{0, 1, 100, 2, 101, 102, 103, 104, 105, 106, 107, 108, 109}, all(t, none.Merge(a, late)))
	})
}

func TestConcatTakesOneStreamAfterTheOther(t *testing.T) {
	a, b := flow.From(stages.Slice(upTo(1000))), flow.From(stages.Slice(upTo(500)))
	require.Equal(t, append(upTo(1000), upTo(500)...), all(t, a.Concat(b)))
}

// It would wait for good, which is told before the run.
func TestConcatOfTwoBranchesIsRefused(t *testing.T) {
	b := flow.From(stages.Slice(upTo(10))).Broadcast(2)
	_, err := b[0].Map("one", plus(0)).Concat(b[1].Map("two", plus(0))).Collect(t.Context())
	require.ErrorIs(t, err, flow.ErrGraph)
	require.ErrorContains(t, err, `stage "concat": it takes its inputs in turns, and two of them come of stage "source"`)
}

func TestAGraphWithoutBranchesIsRefused(t *testing.T) {
	s := flow.From(stages.Slice(upTo(10)))
	require.Nil(t, s.Broadcast(0))
	_, err := flow.Gather("none", stages.Merge[int](), nil).Collect(t.Context())
	require.ErrorContains(t, err, "it has no inputs")
}

// Sources of graphs that become one get names of their own.
func TestStreamsOfDifferentGraphsBecomeOne(t *testing.T) {
	var rep flow.Report
	a, b := flow.From(stages.Slice(upTo(3))), flow.From(stages.Slice(upTo(4)))
	got, err := a.Merge(b, flow.From(stages.Slice(upTo(5)), flow.Name("mine"))).Collect(t.Context(), flow.ReportTo(&rep))
	require.NoError(t, err)
	require.Len(t, got, 12)
	var names []string
	for _, s := range rep.Stages {
		names = append(names, s.Name)
	}
	require.Equal(t, []string{"source", "source-2", "mine", "merge", "results"}, names)
}

// With small edges and one slow branch, a diamond must neither lock up nor mix
// up its pairs.
func TestDiamondsDoNotDeadlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, bound := range []int{1, 2, 64} {
			b := flow.From(stages.Slice(upTo(400))).Broadcast(2, flow.Buffer(bound))
			left := b[0].Map("slow", nap, flow.Buffer(bound), flow.Workers(3))
			right := b[1].Batch(7, 0).FlatMap("open", func(_ context.Context, v []int) (iter.Seq[int], error) {
				return slices.Values(v), nil
			}, flow.Buffer(bound))
			pairs := all(t, left.Zip(right, func(a, b int) []int { return []int{a, b} }, flow.Buffer(bound)))
			require.Len(t, pairs, 400)
			for i, p := range pairs {
				require.Equal(t, []int{i, i}, p)
			}
		}
	})
}

func TestZipKeepsThePlacesOfFailures(t *testing.T) {
	fails := func(at int) func(context.Context, int) (int, error) {
		return func(_ context.Context, v int) (int, error) {
			if v == at {
				return 0, errFlaky
			}
			return v, nil
		}
	}
	b := flow.From(stages.Slice(upTo(10))).Map("before", fails(2)).Broadcast(2)
	zipped := b[0].Map("left", fails(4)).Zip(b[1].Map("right", fails(6)), func(a, b int) int { return 10*a + b })
	var failed []string
	got := all(t, zipped.OnError(func(_ context.Context, e *stages.ItemError) (int, error) {
		failed = append(failed, e.Stage)
		return 0, stages.ErrDrop
	}))
	require.Equal(t, []int{0, 11, 33, 55, 77, 88, 99}, got)
	slices.Sort(failed)
	require.Equal(t, []string{"before", "left", "right"}, failed)
}

func TestZipEndsWithTheShorterStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		endless := stages.Seq(func(yield func(int) bool) {
			for yield(1) {
			}
		})
		sum := func(a, b int) int { return a + b }
		require.Equal(t, []int{1, 2, 3}, all(t, flow.From(stages.Slice(upTo(3))).Zip(flow.From(endless), sum)))
		require.Equal(t, []int{1, 2, 3}, all(t, flow.From(endless).Zip(flow.From(stages.Slice(upTo(3))), sum)))
	})
}

// One way that drops items would keep the stage above waiting for good.
func TestZipBreaksTheRunWhereTheWaysDriftApart(t *testing.T) {
	b := flow.From(stages.Slice(make([]int, 2*stages.MaxDrift))).Broadcast(2)
	none := b[0].Filter("none", func(context.Context, int) (bool, error) { return false, nil })
	var rep flow.Report
	_, err := none.Zip(b[1], func(a, b int) int { return a }).Collect(t.Context(), flow.ReportTo(&rep))
	require.ErrorContains(t, err, "items ahead of the other")
	require.NoError(t, rep.Check())
}

func TestZipFailsTheItemsOfAPanic(t *testing.T) {
	a, b := flow.From(stages.Slice(upTo(3))), flow.From(stages.Slice(upTo(3)))
	var failed []error
	got := all(t, a.Zip(b, func(a, _ int) int {
		if a == 1 {
			panic("odd")
		}
		return a
	}).OnError(func(_ context.Context, e *stages.ItemError) (int, error) {
		failed = append(failed, e)
		return 0, stages.ErrDrop
	}))
	require.Equal(t, []int{0, 2}, got)
	require.Len(t, failed, 1)
	require.ErrorContains(t, failed[0], "odd")
}

// timedSource emits each value when its time has come.
func timedSource(at map[time.Duration]string) stages.Source[string] {
	return stages.SourceFunc[string](func(ctx context.Context, out *stages.Outlet[string]) error {
		start := time.Now()
		var times []time.Duration
		for d := range at {
			times = append(times, d)
		}
		slices.Sort(times)
		for _, d := range times {
			time.Sleep(time.Until(start.Add(d)))
			out.Emit(at[d])
		}
		return nil
	})
}

func TestJoinPairsEqualKeysWithinTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := flow.From(timedSource(map[time.Duration]string{1 * time.Second: "a1", 10 * time.Second: "b1", 15 * time.Second: "c1"}))
		b := flow.From(timedSource(map[time.Duration]string{
			6 * time.Second: "b2", 11 * time.Second: "a2", 12 * time.Second: "b3", 16 * time.Second: "b4",
		}))
		key := func(s string) byte { return s[0] }
		var rep flow.Report
		got, err := a.Join(b, 5*time.Second, key, key, func(x, y string) string { return x + y }).
			Collect(t.Context(), flow.ReportTo(&rep))
		require.NoError(t, err)
		require.Equal(t, []string{"b1b2", "b1b3"}, got)
		require.NoError(t, rep.Check())
		join, _ := rep.Stage("join")
		require.Equal(t, stages.Ledger{In: 7, Derived: 2, Out: 2, Folded: 3, Filtered: 4}, join.Ledger, "b4 is 6 s after b1")
	})
}

func TestJoinFailsWhatItsFunctionsPanicAt(t *testing.T) {
	a, b := flow.From(stages.Slice([]string{"a", "x", "p"})), flow.From(stages.Slice([]string{"a", "p"}))
	key := func(s string) string {
		if s == "x" {
			panic("key")
		}
		return s
	}
	var failed []string
	got := all(t, a.Join(b, time.Hour, key, key, func(x, _ string) string {
		if x == "p" {
			panic("join")
		}
		return x
	}).OnError(func(_ context.Context, e *stages.ItemError) (string, error) {
		failed = append(failed, e.Value.(string))
		return "", stages.ErrDrop
	}))
	slices.Sort(failed)
	require.Equal(t, []string{"a"}, got)
	require.Equal(t, []string{"p", "x"}, failed)
}

// A source hears once of each item, when all branches are done with it.
func TestAcknowledgementsSurviveForksAndJoins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		heard := make([]int, 50)
		var failed atomic.Int64
		src := stages.SourceFunc[int](func(_ context.Context, out *stages.Outlet[int]) error {
			for v := range heard {
				out.EmitAcked(func(err error) {
					heard[v]++
					if err != nil {
						failed.Add(1)
					}
				}, v)
			}
			return nil
		})
		key := func(v int) int { return v }
		b := flow.From(src).Broadcast(4)
		zipped := b[0].Map("slow", nap).Zip(b[1], func(a, _ int) int { return a })
		joined := b[2].Join(b[3].Map("slow-2", nap), time.Minute, key, key, func(a, _ int) int { return a })
		all := zipped.Merge(joined).Map("seven", func(_ context.Context, v int) (int, error) {
			if v == 7 {
				return 0, errFlaky
			}
			return v, nil
		})
		n := 0
		for range all.Results(t.Context()) {
			n++
		}
		require.Equal(t, 100, n)
		for v, times := range heard {
			require.Equal(t, 1, times, v)
		}
		require.EqualValues(t, 1, failed.Load())
	})
}

func TestFansSurviveAnAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		endless := stages.Seq(func(yield func(int) bool) {
			for yield(1) {
			}
		})
		b := flow.From(endless).Broadcast(2)
		c := b[0].Balance(2)
		d := b[1].Partition(2, func(v int) int { return v % 2 })
		key := func(v int) int { return v }
		left := c[0].Map("slow", nap).Merge(c[1].Map("slow-2", nap))
		right := d[0].Zip(d[1], func(a, _ int) int { return a }).Join(flow.From(stages.Slice(upTo(9))), time.Second, key, key, func(a, _ int) int { return a })
		var rep flow.Report
		_, err := left.Merge(right).Collect(ctx, flow.ReportTo(&rep))
		require.ErrorIs(t, err, context.Canceled)
		require.NoError(t, rep.Check())
	})
}

func TestFansCheckTheirSettings(t *testing.T) {
	s := flow.From(stages.Slice(upTo(3)))
	b := s.Partition(2, nil)
	_, err := b[0].Zip[int, int](b[1], nil).Collect(t.Context())
	require.ErrorContains(t, err, "lane function is nil")
	require.ErrorContains(t, err, "join function is nil")
	_, err = flow.From(stages.Slice(upTo(3))).Join[int, int, int](flow.From(stages.Slice(upTo(3))), 0, nil, nil, nil).Collect(t.Context())
	require.ErrorContains(t, err, "join window must be positive")
	require.Equal(t, 2, strings.Count(err.Error(), "function is nil"))
	require.True(t, errors.Is(err, flow.ErrGraph))
}
