package operator_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// collect runs s, checks the books, and returns what came out.
func collect[T any](t *testing.T, s *flow.Stream[T]) []T {
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
		b := flow.From(source.Slice(upTo(500))).Broadcast(3)
		got := collect(t, b[0].Merge(b[1].Map("slow", nap), b[2]))
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
			b := fan(flow.From(source.Slice(upTo(5000))))
			var other []int
			g := b[1].Map("slow", nap).To(sink.Append(&other))
			b[0].Via("first-ten", firstTen).To(sink.ForEach(func(context.Context, int) error { return nil }), stages.Name("ten"))
			rep, err := g.Run(t.Context())
			require.NoError(t, err)
			require.NoError(t, rep.Check())
			require.GreaterOrEqual(t, len(other), 4000)
		}
	})
}

// The slice of branches is the caller's: what he does with it is his business.
func TestBranchesCanBeReplacedInTheirSlice(t *testing.T) {
	b := flow.From(source.Slice(upTo(1000))).Balance(4)
	for i := range b {
		b[i] = b[i].Map(string(rune('a'+i)), plus(1))
	}
	s := b[0].Merge(b[1:]...)
	clear(b)
	require.Len(t, collect(t, s), 1000)
}

func TestBalanceFollowsTheSpeedOfTheBranches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fast, slowly atomic.Int64
		count := func(n *atomic.Int64, d time.Duration) func(context.Context, int) (int, error) {
			return func(_ context.Context, v int) (int, error) { time.Sleep(d); n.Add(1); return v, nil }
		}
		b := flow.From(source.Slice(upTo(1000))).Balance(2)
		fastly := b[0].Map("fast", count(&fast, time.Millisecond), stages.Buffer(4))
		slowest := b[1].Map("slow", count(&slowly, 9*time.Millisecond), stages.Buffer(4))
		start := time.Now()
		require.Len(t, collect(t, fastly.Merge(slowest)), 1000)
		require.InDelta(t, 900, fast.Load(), 15)
		require.Less(t, time.Since(start), 950*time.Millisecond)
	})
}

func TestPartitionSendsEachItemToItsLane(t *testing.T) {
	b := flow.From(source.Slice(upTo(100))).Partition(2, func(v int) int { return v % 2 })
	var odd []int
	b[1].To(sink.Append(&odd), stages.Name("odd"))
	even := collect(t, b[0])
	require.Len(t, even, 50)
	for i := range even {
		require.Equal(t, 2*i, even[i])
		require.Equal(t, 2*i+1, odd[i])
	}
}

func TestPartitionFailsItemsThatHaveNoLane(t *testing.T) {
	b := flow.From(source.Slice(upTo(6))).Partition(2, func(v int) int {
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
	got := collect(t, kept.Merge(b[1]))
	slices.Sort(got)
	require.Equal(t, []int{0, 1}, got)
	require.Len(t, failed, 4)
	require.ErrorContains(t, failed[3], "lane 3 of 2")
	var panicked *stages.PanicError
	require.ErrorAs(t, failed[4], &panicked)
}

func TestByKeyKeepsEqualKeysTogether(t *testing.T) {
	lane := operator.ByKey(4, func(v int) int { return v % 100 })
	used := map[int]int{}
	for v := range 1000 {
		require.Equal(t, lane(v%100), lane(v))
		used[lane(v)]++
	}
	require.Len(t, used, 4, "a hundred keys use all lanes")
}

func TestTeeFeedsASinkBesideTheStream(t *testing.T) {
	var audit []int
	got := collect(t, flow.From(source.Slice(upTo(300))).Tee(sink.Append(&audit)).Map("double", plus(1)))
	require.Len(t, got, 300)
	require.Equal(t, upTo(300), audit)
}

// trickle is a source of 0 to n-1, a millisecond apart.
func trickle(n int) stages.Source[int] {
	return source.Seq(func(yield func(int) bool) {
		for i := 0; i < n && yield(i); i++ {
			time.Sleep(time.Millisecond)
		}
	})
}

// A stream that is slow holds up no other, and one that has ended ends none.
func TestMergeTakesItemsAsTheyComeAndKeepsTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		none, a, b := flow.From(source.Slice([]int{})), flow.From(trickle(3)), flow.From(trickle(10))
		late := b.Map("later", plus(100)).Delay(1500 * time.Microsecond)
		require.Equal(t, []int{0, 1, 100, 2, 101, 102, 103, 104, 105, 106, 107, 108, 109}, collect(t, none.Merge(a, late)))
	})
}

func TestConcatTakesOneStreamAfterTheOther(t *testing.T) {
	a, b := flow.From(source.Slice(upTo(1000))), flow.From(source.Slice(upTo(500)))
	require.Equal(t, append(upTo(1000), upTo(500)...), collect(t, a.Concat(b)))
}

// It would wait forever, which validation reports.
func TestConcatOfTwoBranchesIsRefused(t *testing.T) {
	b := flow.From(source.Slice(upTo(10))).Broadcast(2)
	_, err := b[0].Map("one", plus(0)).Concat(b[1].Map("two", plus(0))).Collect(t.Context())
	require.ErrorIs(t, err, flow.ErrGraph)
	require.ErrorContains(t, err, `stage "concat": deadlock: it reads its inputs one after another, but two of them come from stage "source"`)
}

func TestAGraphWithoutBranchesIsRefused(t *testing.T) {
	s := flow.From(source.Slice(upTo(10)))
	require.Nil(t, s.Broadcast(0))
	_, err := flow.Gather("none", operator.Merge[int](), nil).Collect(t.Context())
	require.ErrorContains(t, err, "it has no inputs")
}

// Sources of graphs that become one get names of their own.
func TestStreamsOfDifferentGraphsBecomeOne(t *testing.T) {
	var rep flow.Report
	a, b := flow.From(source.Slice(upTo(3))), flow.From(source.Slice(upTo(4)))
	got, err := a.Merge(b, flow.From(source.Slice(upTo(5)), stages.Name("mine"))).Collect(t.Context(), flow.ReportTo(&rep))
	require.NoError(t, err)
	require.Len(t, got, 12)
	var names []string
	for _, s := range rep.Stages {
		names = append(names, s.Name)
	}
	require.Equal(t, []string{"source", "source-2", "mine", "merge", "results"}, names)
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
		endless := source.Seq(func(yield func(int) bool) {
			for yield(1) {
			}
		})
		b := flow.From(endless).Broadcast(2)
		c := b[0].Balance(2)
		d := b[1].Partition(2, func(v int) int { return v % 2 })
		key := func(v int) int { return v }
		left := c[0].Map("slow", nap).Merge(c[1].Map("slow-2", nap))
		right := d[0].Zip(d[1], func(a, _ int) int { return a }).Join(flow.From(source.Slice(upTo(9))), time.Second, key, key, func(a, _ int) int { return a })
		var rep flow.Report
		_, err := left.Merge(right).Collect(ctx, flow.ReportTo(&rep))
		require.ErrorIs(t, err, context.Canceled)
		require.NoError(t, rep.Check())
	})
}

func TestFansCheckTheirSettings(t *testing.T) {
	s := flow.From(source.Slice(upTo(3)))
	b := s.Partition(2, nil)
	_, err := b[0].Zip[int, int](b[1], nil).Collect(t.Context())
	require.ErrorContains(t, err, "lane function is nil")
	require.ErrorContains(t, err, "join function is nil")
	_, err = flow.From(source.Slice(upTo(3))).Join[int, int, int](flow.From(source.Slice(upTo(3))), 0, nil, nil, nil).Collect(t.Context())
	require.ErrorContains(t, err, "join window must be positive")
	require.Equal(t, 2, strings.Count(err.Error(), "function is nil"))
	require.True(t, errors.Is(err, flow.ErrGraph))
}

// The fault: a stream that is nil was a panic.
func TestFansRefuseNilStreams(t *testing.T) {
	for name, join := range map[string]func(*flow.Stream[int]) *flow.Stream[int]{
		"merge":  func(s *flow.Stream[int]) *flow.Stream[int] { return s.Merge(nil) },
		"concat": func(s *flow.Stream[int]) *flow.Stream[int] { return s.Concat(flow.From(source.Slice(upTo(3))), nil) },
		"zip":    func(s *flow.Stream[int]) *flow.Stream[int] { return s.Zip((*flow.Stream[int])(nil), first) },
		"join": func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Join((*flow.Stream[int])(nil), time.Second, itself, itself, first)
		},
	} {
		_, err := join(flow.From(source.Slice(upTo(3)))).Collect(t.Context())
		require.ErrorIs(t, err, flow.ErrGraph)
		require.ErrorContains(t, err, "inputs")
		require.ErrorContains(t, err, "nil")
		require.ErrorContains(t, err, name)
	}
	_, err := flow.From(source.Slice(upTo(3))).Partition(2, operator.ByKey[int, int](2, nil))[0].Collect(t.Context())
	require.ErrorContains(t, err, "lane function is nil")
}
