package flow_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// groups is a stage that reads up to size items at a time, calls work for each group and sends the
// group on.
func groups(size int, work func(items []stages.Item[int])) stages.Stage[int, int] {
	return stages.StageFunc[int, int](func(_ context.Context, in *stages.Inlet[int], out *stages.Outlet[int]) error {
		buf := make([]stages.Item[int], size)
		for n := in.Read(buf); n > 0; n = in.Read(buf) {
			work(buf[:n])
			out.SendAll(buf[:n])
		}
		return nil
	})
}

var errSeventh = errors.New("a seventh")

func failSevenths(_ context.Context, v int) (int, error) {
	if v%7 == 0 {
		return 0, errSeventh
	}
	return v, nil
}

func TestItemsThatAreReadTogetherKeepTheirOrder(t *testing.T) {
	const n = 2000
	for _, size := range []int{1, 3, 64, 200} {
		for _, bound := range []int{1, 2, 64, 256} {
			for name, opts := range map[string][]flow.RunOption{"timed": nil, "untimed": {flow.Untimed()}} {
				t.Run(fmt.Sprintf("size=%d/bound=%d/%s", size, bound, name), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						var rep flow.Report
						healthy := 0
						count := func(items []stages.Item[int]) {
							healthy += len(items)
							for _, it := range items {
								require.NoError(t, it.Err())
							}
						}
						s := flow.From(source.Slice(upTo(n))).
							Map("fail", failSevenths, stages.Buffer(bound)).Via("groups", groups(size, count), stages.Buffer(bound))
						i := 0
						for r := range s.Results(t.Context(), append(opts, flow.ReportTo(&rep))...) {
							if i%7 == 0 {
								require.ErrorIs(t, r.Err, errSeventh)
							} else {
								require.NoError(t, r.Err)
								require.Equal(t, i, r.Value)
							}
							i++
						}
						require.Equal(t, n, i)
						require.NoError(t, rep.Check())
						stage, _ := rep.Stage("groups")
						require.EqualValues(t, healthy, stage.Ledger.Out)
						if opts == nil {
							require.EqualValues(t, healthy, stage.Effort.Attempts)
						}
					})
				})
			}
		}
	}
}

func TestItemsThatAreReadTogetherShareTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n, each, asleep = 10, 10 * time.Millisecond, time.Second
		var rep flow.Report
		late := stages.StageFunc[int, int](func(ctx context.Context, in *stages.Inlet[int], out *stages.Outlet[int]) error {
			time.Sleep(asleep) // until all items are there
			return groups(64, func(items []stages.Item[int]) { time.Sleep(time.Duration(len(items)) * each) }).Run(ctx, in, out)
		})
		for _, bound := range []int{256, 3} { // a sender that waits for room does not work
			i := 0
			s := flow.From(source.Slice(upTo(n))).Via("late", late, stages.Buffer(n)).Map("same", same, stages.Buffer(bound))
			for r := range s.Results(t.Context(), flow.ReportTo(&rep)) {
				tm, ok := r.Timings.Stage("late")
				require.True(t, ok)
				require.Equal(t, each, tm.Work)
				require.Equal(t, asleep+time.Duration(i)*each, tm.Wait)
				i++
			}
			require.Equal(t, n, i)
			stage, _ := rep.Stage("late")
			require.Equal(t, n*each, stage.Effort.Work)
			require.Equal(t, each, stage.Effort.Longest)
		}
	})
}

func TestAnEmptyBufferReadsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stage := stages.StageFunc[int, int](func(ctx context.Context, in *stages.Inlet[int], out *stages.Outlet[int]) error {
			require.Zero(t, in.Read(nil))
			out.SendAll(nil)
			return groups(2, func([]stages.Item[int]) {}).Run(ctx, in, out)
		})
		require.Equal(t, upTo(5), all(t, flow.From(source.Slice(upTo(5))).Via("stage", stage)))
	})
}

// takers sends on what it reads, failed items too.
type takers struct{ sizes *[]int }

func (takers) TakesFailures() bool { return true }

func (s takers) Run(ctx context.Context, in *stages.Inlet[int], out *stages.Outlet[int]) error {
	time.Sleep(time.Second)
	return groups(64, func(items []stages.Item[int]) { *s.sizes = append(*s.sizes, len(items)) }).Run(ctx, in, out)
}

func TestAFailedItemIsReadAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sizes []int
		var rep flow.Report
		var got []string
		for r := range flow.From(source.Slice(upTo(9))).Map("fail", failSevenths).Via("takers", takers{&sizes}).Results(t.Context(), flow.ReportTo(&rep)) {
			got = append(got, fmt.Sprint(r.Value, r.Err != nil))
		}
		require.Equal(t, []string{"0 true", "1 false", "2 false", "3 false", "4 false", "5 false", "6 false", "0 true", "8 false"}, got)
		require.Equal(t, []int{1, 6, 1, 1}, sizes)
		require.NoError(t, rep.Check())
	})
}

func TestAStageIsLeftBehindWithItemsThatItReadTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		back := make(chan struct{})
		hangs := groups(64, func([]stages.Item[int]) { <-back })
		var got []int
		r, err := flow.From(source.Slice(upTo(100))).Via("hangs", hangs).To(sink.Append(&got)).
			Start(t.Context(), flow.AbandonAfter(time.Second))
		require.NoError(t, err)
		time.Sleep(time.Second)
		r.Abort(context.Canceled)
		rep, err := r.Wait()
		require.ErrorIs(t, err, context.Canceled)
		require.NoError(t, rep.Check())
		close(back) // it sends what it has, and nothing takes it
		synctest.Wait()
		require.Empty(t, got)
	})
}

func TestSeveralGoroutinesSendItemsTogether(t *testing.T) {
	const n = 1000
	crew := stages.StageFunc[int, int](func(_ context.Context, in *stages.Inlet[int], out *stages.Outlet[int]) error {
		work := make(chan []stages.Item[int])
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				for items := range work {
					out.SendAll(items)
				}
			})
		}
		for {
			buf := make([]stages.Item[int], 5)
			k := in.Read(buf)
			if k == 0 {
				break
			}
			work <- buf[:k]
		}
		close(work)
		all.Wait()
		return nil
	})
	synctest.Test(t, func(t *testing.T) {
		got := all(t, flow.From(source.Slice(upTo(n))).Via("crew", crew).Map("same", same, stages.Buffer(2)))
		slices.Sort(got)
		require.Equal(t, upTo(n), got)
	})
}
