package operator_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
)

func TestMapKeepsTheOrderOfValuesAndFailures(t *testing.T) {
	for _, workers := range []int{1, 2, 8} {
		synctest.Test(t, func(t *testing.T) {
			r := through(t, source.Slice(upTo(300)), operator.Map(func(ctx context.Context, v int) (int, error) {
				time.Sleep(time.Duration(v*7919%13) * time.Millisecond)
				return tenfold(ctx, v)
			}, stages.Workers(workers)))
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
	for name, opts := range map[string][]stages.MapOption{"ordered": {stages.Workers(8)}, "unordered": {stages.Workers(8), stages.Unordered()}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				var now, most atomic.Int32
				r := through(t, source.Slice(upTo(80)), operator.Map(func(_ context.Context, v int) (int, error) {
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
		through(t, source.Slice(upTo(60)), operator.Map(func(_ context.Context, v int) (int, error) {
			if v == 0 {
				time.Sleep(time.Hour)
			} else if v == 59 {
				others = time.Since(begun)
			}
			return v, nil
		}, stages.Workers(2), stages.Unordered()))
		require.Zero(t, others)
	})
}

func TestFilterCountsWhatItDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice(upTo(10)), operator.Filter(func(_ context.Context, v int) (bool, error) { return v > 6, nil }))
		require.Equal(t, []int{7, 8, 9}, r.out)
		require.Equal(t, int64(7), r.nodes[1].Ledger().Filtered)
	})
}

func TestFilterFailsAndRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice(upTo(6)), operator.Filter(func(_ context.Context, v int) (bool, error) { return v%2 == 0, []error{nil, errOdd}[v/5] }))
		require.Equal(t, []string{"0", "2", "4", "!"}, r.order)
		require.ErrorIs(t, r.failed[0], errOdd)
		require.Error(t, validate(operator.Filter[int](nil)))
		require.Error(t, validate(operator.Map[int, int](nil, stages.Workers(0))))
		require.NoError(t, validate(operator.Map(same)))
	})
}

func TestAPanicCostsOneItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, workers := range []int{1, 3} {
			r := through(t, source.Slice(upTo(100)), operator.Map(func(_ context.Context, v int) (int, error) {
				if v == 50 {
					panic(errOdd)
				}
				return v, nil
			}, stages.Workers(workers)))
			require.Len(t, r.out, 99)
			var p *stages.PanicError
			require.ErrorAs(t, r.failed[0], &p)
			require.ErrorIs(t, r.failed[0], errOdd)
			require.Equal(t, "stage", p.Stage)
			require.Contains(t, string(p.Stack), "map_test.go")
		}
	})
}

func TestAnAbortFailsWhatIsInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("gone")
		r := through(t, source.Slice(upTo(100)), operator.Map(func(ctx context.Context, v int) (int, error) {
			select {
			case <-ctx.Done():
				return 0, context.Cause(ctx)
			case <-time.After(time.Second):
				return v, nil
			}
		}), func(rt *kernel.Run) {
			time.Sleep(5500 * time.Millisecond)
			rt.Abort(gone)
		})
		require.Equal(t, upTo(5), r.out)
		require.NotEmpty(t, r.failed)
		for _, f := range r.failed {
			require.ErrorIs(t, f, gone)
		}
		require.ErrorIs(t, r.failed[len(r.failed)-1], stages.ErrAborted)
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
		r := through(t, source.Chan(ch), operator.Map(func(_ context.Context, v int) (int, error) {
			time.Sleep(time.Second)
			return v, nil
		}), func(rt *kernel.Run) {
			time.Sleep(time.Millisecond)
			rt.Stop()
		})
		require.Equal(t, upTo(5), r.out)
		require.NoError(t, r.err)
	})
}
