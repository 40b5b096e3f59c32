package stages

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

var errOdd = errors.New("odd")

// tenfold fails odd numbers.
func tenfold(_ context.Context, v int) (int, error) {
	if v%2 == 1 {
		return 0, errOdd
	}
	return 10 * v, nil
}

func TestMapKeepsTheOrderOfValuesAndFailures(t *testing.T) {
	for _, workers := range []int{1, 2, 8} {
		synctest.Test(t, func(t *testing.T) {
			r := through(t, Slice(upTo(300)), Map(func(ctx context.Context, v int) (int, error) {
				time.Sleep(time.Duration(v*7919%13) * time.Millisecond)
				return tenfold(ctx, v)
			}, Workers(workers)))
			require.Len(t, r.out, 150)
			require.Len(t, r.failed, 150)
			for i, v := range r.out {
				require.Equal(t, 20*i, v)
				require.Equal(t, "!", r.order[2*i+1])
			}
			require.ErrorIs(t, r.failed[0], errOdd)
			require.Equal(t, 1, r.failed[0].Value)
			require.Equal(t, "stage", r.failed[0].Stage)
			require.EqualError(t, r.failed[0], `stage "stage": odd`)
		})
	}
}

func TestMapWorksOnManyAtATime(t *testing.T) {
	for name, opts := range map[string][]Option{"ordered": {Workers(8)}, "unordered": {Workers(8), Unordered()}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				var now, most atomic.Int32
				r := through(t, Slice(upTo(80)), Map(func(_ context.Context, v int) (int, error) {
					most.Store(max(most.Load(), now.Add(1)))
					defer now.Add(-1)
					time.Sleep(time.Millisecond)
					return v, nil
				}, opts...))
				slices.Sort(r.out)
				require.Equal(t, upTo(80), r.out)
				require.Equal(t, int32(8), most.Load())
				require.Equal(t, 10*time.Millisecond, time.Since(begun))
			})
		})
	}
}

// A slow item must not make its neighbours wait while a worker is free.
func TestASlowItemHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var others time.Duration
		through(t, Slice(upTo(60)), Map(func(_ context.Context, v int) (int, error) {
			if v == 0 {
				time.Sleep(time.Hour)
			} else if v == 59 {
				others = time.Since(begun)
			}
			return v, nil
		}, Workers(2), Unordered()))
		require.Zero(t, others)
	})
}

func TestFilterCountsWhatItDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, Slice(upTo(10)), Filter(func(_ context.Context, v int) (bool, error) { return v > 6, nil }))
		require.Equal(t, []int{7, 8, 9}, r.out)
		require.Equal(t, int64(7), r.nodes[1].Ledger().Filtered)
	})
}

func TestFlatMap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, Slice([]int{2, 0, 1, 3}), FlatMap(func(_ context.Context, v int) (iter.Seq[int], error) {
			if v == 1 {
				return nil, errOdd
			}
			return slices.Values(upTo(v)), nil
		}))
		require.Equal(t, []string{"0", "1", "!", "0", "1", "2"}, r.order)
		require.Equal(t, int64(1), r.nodes[1].Ledger().Filtered)
		require.Equal(t, int64(3), r.nodes[1].Ledger().Derived)
	})
}

func TestBatchCountsItsDelayFromTheFirstItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trickle := Seq(func(yield func(int) bool) {
			for i := range 10 {
				if !yield(i) {
					return
				}
				time.Sleep(30 * time.Millisecond)
			}
		})
		r := through(t, trickle, Batch[int](1000, 50*time.Millisecond))
		require.Equal(t, [][]int{{0, 1}, {2, 3}, {4, 5}, {6, 7}, {8, 9}}, r.out)
		for _, tm := range r.times {
			require.Equal(t, 50*time.Millisecond, tm.At(0).Wait)
		}
	})
}

func TestBatchFlushesAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, Slice(upTo(7)), Batch[int](3, 0))
		require.Equal(t, [][]int{{0, 1, 2}, {3, 4, 5}, {6}}, r.out)
		require.Equal(t, int64(4), r.nodes[1].Ledger().Folded)
	})
}

func TestAPanicCostsOneItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, workers := range []int{1, 3} {
			r := through(t, Slice(upTo(100)), Map(func(_ context.Context, v int) (int, error) {
				if v == 50 {
					panic(errOdd)
				}
				return v, nil
			}, Workers(workers)))
			require.Len(t, r.out, 99)
			var p *PanicError
			require.ErrorAs(t, r.failed[0], &p)
			require.ErrorIs(t, r.failed[0], errOdd)
			require.Equal(t, "stage", p.Stage)
			require.Contains(t, string(p.Stack), "operators_test.go")
		}
	})
}

func TestAnAbortFailsWhatIsInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("gone")
		r := through(t, Slice(upTo(100)), Map(func(ctx context.Context, v int) (int, error) {
			select {
			case <-ctx.Done():
				return 0, context.Cause(ctx)
			case <-time.After(time.Second):
				return v, nil
			}
		}), func(rt *Runtime) {
			time.Sleep(5500 * time.Millisecond)
			rt.Abort(gone)
		})
		require.Equal(t, upTo(5), r.out)
		require.NotEmpty(t, r.failed)
		for _, f := range r.failed {
			require.ErrorIs(t, f, gone)
		}
		require.ErrorIs(t, r.failed[len(r.failed)-1], ErrAborted)
	})
}

func TestStopDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := make(chan int)
		go func() {
			for i := range 5 {
				ch <- i
			}
		}()
		r := through(t, Chan(ch), Map(func(_ context.Context, v int) (int, error) {
			time.Sleep(time.Second)
			return v, nil
		}), func(rt *Runtime) {
			time.Sleep(time.Millisecond)
			rt.Stop()
		})
		require.Equal(t, upTo(5), r.out)
		require.NoError(t, r.err)
	})
}
