package flow_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/stages"
)

// closed stops the service and checks its books.
func closed[I, O any](t *testing.T, s *flow.Service[I, O]) *flow.Report {
	t.Helper()
	s.Stop()
	rep, err := s.Wait()
	require.NoError(t, err)
	require.NoError(t, rep.Check())
	return rep
}

func TestServeGivesEachCallItsOwnResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := flow.Serve(t.Context(), func(in *flow.Stream[int]) *flow.Stream[string] {
			return in.Map("text", func(_ context.Context, v int) (string, error) {
				time.Sleep(time.Duration(v%7) * time.Millisecond)
				if v%10 == 9 {
					return "", errFlaky
				}
				return fmt.Sprint(v), nil
			}, stages.Workers(8), stages.Unordered())
		})
		require.NoError(t, err)
		var wg sync.WaitGroup
		for v := range 200 {
			wg.Go(func() {
				r := s.Do(t.Context(), v)
				if v%10 == 9 {
					assert.ErrorIs(t, r.Err, errFlaky)
					return
				}
				assert.NoError(t, r.Err)
				assert.Equal(t, fmt.Sprint(v), r.Value)
				work, _ := r.Timings.Stage("text")
				assert.Equal(t, time.Duration(v%7)*time.Millisecond, work.Work)
			})
		}
		wg.Wait()
		rep := closed(t, s)
		require.EqualValues(t, 180, rep.Ledger.Out)
		require.EqualValues(t, 20, rep.Ledger.Failed)
		require.ErrorIs(t, s.Do(t.Context(), 1).Err, flow.ErrStopped)
	})
}

func TestServeShedsWithATypedError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := flow.Serve(t.Context(), func(in *flow.Stream[int]) *flow.Stream[int] {
			return in.Guard(guard.Limit(2, guard.Shedding())).Map("nap", nap, stages.Workers(2), stages.Unordered())
		})
		require.NoError(t, err)
		var shed atomic.Int64
		var wg sync.WaitGroup
		for v := range 5 {
			wg.Go(func() {
				var full *guard.ShedError
				if r := s.Do(t.Context(), v); r.Err != nil {
					assert.ErrorAs(t, r.Err, &full)
					shed.Add(1)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 3, shed.Load())
		require.EqualValues(t, 3, closed(t, s).Ledger.Shed)
	})
}

// The caller goes away: Do returns at once, and the call's context ends, which
// has the caller's values.
func TestServeHonoursTheCallersContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		var ended error
		s, err := flow.Serve(t.Context(), func(in *flow.Stream[int]) *flow.Stream[int] {
			return in.Guard(guard.Limit(1)).Map("hang", func(ctx context.Context, v int) (int, error) {
				if v > 0 {
					return ctx.Value(key{}).(int), nil
				}
				<-ctx.Done()
				ended = context.Cause(ctx)
				return 0, ctx.Err()
			})
		})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		require.ErrorIs(t, s.Do(ctx, 0).Err, context.Canceled)
		require.Equal(t, time.Second, time.Since(start))
		synctest.Wait()
		require.ErrorIs(t, ended, context.Canceled)

		late, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, s.Do(late, 0).Err, context.DeadlineExceeded)
		require.ErrorIs(t, s.Do(ctx, 0).Err, context.Canceled, "it was over before it began")

		with, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, 42))
		defer cancel()
		require.Equal(t, 42, s.Do(with, 1).Value)
		rep := closed(t, s)
		require.EqualValues(t, 2, rep.Ledger.Expired)
		require.EqualValues(t, 1, rep.Ledger.Out)
	})
}

// Nobody begins work for a caller who has gone while the item waited.
func TestServeDoesNoWorkForThoseWhoHaveGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		s, err := flow.Serve(t.Context(), func(in *flow.Stream[int]) *flow.Stream[int] {
			return in.Map("slow", func(ctx context.Context, v int) (int, error) {
				calls.Add(1)
				time.Sleep(time.Second)
				return v, nil
			})
		})
		require.NoError(t, err)
		var wg sync.WaitGroup
		for v := range 10 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
				defer cancel()
				if r := s.Do(ctx, v); r.Err != nil {
					assert.ErrorIs(t, r.Err, context.DeadlineExceeded)
				}
			})
		}
		wg.Wait()
		rep := closed(t, s)
		require.EqualValues(t, 2, calls.Load())
		require.EqualValues(t, 8, rep.Ledger.Expired)
	})
}

// Equal calls share one, which goes on when the first caller goes.
func TestServeSharesEqualCalls(t *testing.T) {
	t.Run("by workers", func(t *testing.T) { sharesEqualCalls(t, flow.ByWorkers()) })
	t.Run("by callers", func(t *testing.T) { sharesEqualCalls(t) })
}

func sharesEqualCalls(t *testing.T, opts ...flow.RunOption) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		s, err := flow.Serve(t.Context(), func(in *flow.Stream[string]) *flow.Stream[int] {
			return in.Dedup(dedup.Window(time.Minute), func(s string) string { return s }).
				Map("count", func(ctx context.Context, s string) (int, error) {
					calls.Add(1)
					select {
					case <-time.After(time.Second):
						return len(s), nil
					case <-ctx.Done():
						return 0, ctx.Err()
					}
				}, stages.Workers(2), stages.Unordered())
		}, opts...)
		require.NoError(t, err)
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if i == 0 {
					time.AfterFunc(500*time.Millisecond, cancel)
				}
				if i == 0 && len(opts) > 0 {
					assert.ErrorIs(t, s.Do(ctx, "four").Err, context.Canceled)
					return
				}
				r := s.Do(ctx, "four")
				assert.NoError(t, r.Err)
				assert.Equal(t, 4, r.Value)
			})
		}
		wg.Wait()
		require.EqualValues(t, 1, calls.Load())
		closed(t, s)
	})
}

// Calls that share a batch share its result, and none fails for another.
func TestServeThroughABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := flow.Serve(t.Context(), func(in *flow.Stream[int]) *flow.Stream[int] {
			return in.Batch(3, time.Second).Map("sum", func(ctx context.Context, vs []int) (int, error) {
				sum := 0
				for _, v := range vs {
					sum += v
				}
				return sum, ctx.Err()
			})
		})
		require.NoError(t, err)
		var wg sync.WaitGroup
		for v := range 3 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if v == 0 {
					cancel()
				}
				if r := s.Do(ctx, v); v > 0 {
					assert.NoError(t, r.Err)
					assert.Equal(t, 3, r.Value)
				}
			})
		}
		wg.Wait()
		closed(t, s)
	})
}

func TestServeAnswersCallsWithoutAResult(t *testing.T) {
	s, err := flow.Serve(t.Context(), func(in *flow.Stream[int]) *flow.Stream[int] {
		return in.Filter("none", func(context.Context, int) (bool, error) { return false, nil })
	})
	require.NoError(t, err)
	require.ErrorIs(t, s.Do(t.Context(), 1).Err, flow.ErrNoResult)
	closed(t, s)
}

func TestServeEndsAllCallsWhenItIsAborted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, abort := context.WithCancel(t.Context())
		s, err := flow.Serve(ctx, func(in *flow.Stream[int]) *flow.Stream[int] {
			return in.Map("hang", func(ctx context.Context, v int) (int, error) { <-ctx.Done(); return 0, ctx.Err() }, stages.Buffer(1))
		})
		require.NoError(t, err)
		var inside atomic.Int64
		var wg sync.WaitGroup
		for v := range 10 {
			// Those inside also where the function has only seen that its context ended.
			wg.Go(func() {
				err := s.Do(context.Background(), v).Err
				assert.True(t, errors.Is(err, stages.ErrAborted) || errors.Is(err, flow.ErrStopped), err)
				if errors.Is(err, stages.ErrAborted) {
					inside.Add(1)
				}
			})
		}
		time.AfterFunc(time.Second, abort)
		wg.Wait()
		rep, err := s.Wait()
		require.ErrorIs(t, err, context.Canceled)
		require.NoError(t, rep.Check())
		require.GreaterOrEqual(t, inside.Load(), rep.Ledger.Failed)
		require.Positive(t, rep.Ledger.Failed)
	})
}

func TestServeReportsAnInvalidFlow(t *testing.T) {
	_, err := flow.Serve(t.Context(), func(in *flow.Stream[int]) *flow.Stream[int] {
		return in.Map("nothing", (func(context.Context, int) (int, error))(nil))
	})
	require.ErrorIs(t, err, flow.ErrGraph)
}
