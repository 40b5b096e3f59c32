package flow_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
)

// A shared call ends when the last of those who wait for it has gone, and no sooner.
func TestServeEndsASharedCallWithItsLastCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		var ended time.Duration
		var cause error
		begun := time.Now()
		s, err := flow.Serve(t.Context(), func(in *flow.Stream[int]) *flow.Stream[int] {
			return in.Guard(guard.Limit(8)).
				Dedup(dedup.Window(time.Minute), func(v int) int { return v }).
				Map("hang", func(ctx context.Context, v int) (int, error) {
					calls.Add(1)
					<-ctx.Done()
					ended, cause = time.Since(begun), context.Cause(ctx)
					return 0, ctx.Err()
				}, flow.Unordered())
		})
		require.NoError(t, err)
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(4-i)*time.Second)
				defer cancel()
				assert.ErrorIs(t, s.Do(ctx, 1).Err, context.DeadlineExceeded)
			})
		}
		wg.Wait()
		synctest.Wait()
		require.Equal(t, 4*time.Second, ended)
		require.ErrorIs(t, cause, context.DeadlineExceeded)
		require.EqualValues(t, 1, calls.Load())
		require.EqualValues(t, 4, closed(t, s).Ledger.Expired)
	})
}

// Whoever comes when a call has been given up, and has not returned yet, gets a call
// of his own.
func TestServeAsksAgainAfterACallThatWasGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		s, err := flow.Serve(t.Context(), func(in *flow.Stream[int]) *flow.Stream[int] {
			return in.Dedup(dedup.Window(time.Minute), func(v int) int { return v }).
				Map("slow to leave", func(ctx context.Context, v int) (int, error) {
					if calls.Add(1) > 1 {
						return 2 * v, nil
					}
					<-ctx.Done()
					time.Sleep(time.Second)
					return 0, ctx.Err()
				})
		})
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, s.Do(ctx, 1).Err, context.DeadlineExceeded)
		time.Sleep(time.Millisecond)
		r := s.Do(t.Context(), 1)
		require.NoError(t, r.Err)
		require.Equal(t, 2, r.Value)
		closed(t, s)
	})
}

// An item whose caller has gone gives its place back at once, wherever it waits.
func TestServeGivesBackThePlaceOfACallerWhoHasGone(t *testing.T) {
	tests := []struct {
		name   string
		layers func(*flow.Section[int]) *flow.Section[int]
		f      func(ctx context.Context, v int) (int, error)
	}{
		{
			"for the call of another",
			func(s *flow.Section[int]) *flow.Section[int] {
				return s.Dedup(dedup.Window(time.Minute), func(int) int { return 1 })
			},
			func(context.Context, int) (int, error) { time.Sleep(time.Hour); return 0, nil },
		}, {
			"for its next try",
			func(s *flow.Section[int]) *flow.Section[int] { return s.Retry(retry.Constant(2, time.Minute)) },
			func(context.Context, int) (int, error) { return 0, errFlaky },
		}, {
			"for the breaker",
			func(s *flow.Section[int]) *flow.Section[int] {
				return s.Breaker(breaker.Consecutive("b", 1, time.Hour), flow.Hold())
			},
			func(context.Context, int) (int, error) { return 0, errFlaky },
		}, {
			"for the rate",
			func(s *flow.Section[int]) *flow.Section[int] { return s.RateLimit(limiter.Every(time.Hour), nil) },
			func(context.Context, int) (int, error) { return 0, errFlaky },
		}, {
			"for a guard further in",
			func(s *flow.Section[int]) *flow.Section[int] { return s.Guard(guard.Limit(1)) },
			func(context.Context, int) (int, error) { time.Sleep(time.Hour); return 0, nil },
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, err := guard.New(guard.Limit(8, guard.Shedding()))
				require.NoError(t, err)
				s, err := flow.Serve(t.Context(), func(in *flow.Stream[int]) *flow.Stream[int] {
					return tt.layers(in.Guard(g)).Map("call", tt.f, flow.Unordered())
				})
				require.NoError(t, err)
				first, cancel := context.WithCancel(t.Context())
				defer cancel()
				var wg sync.WaitGroup
				wg.Go(func() { s.Do(first, 0) })
				synctest.Wait()
				before := g.Snapshot().Depth
				for v := range 7 {
					wg.Go(func() {
						ctx, cancel := context.WithCancel(t.Context())
						defer time.AfterFunc(time.Second, cancel).Stop()
						assert.ErrorIs(t, s.Do(ctx, v+1).Err, context.Canceled)
					})
				}
				synctest.Wait()
				require.Equal(t, before+7, g.Snapshot().Depth)
				time.Sleep(time.Second + time.Millisecond)
				require.Equal(t, before, g.Snapshot().Depth)
				cancel()
				wg.Wait()
				s.Abort(errFlaky)
				rep, err := s.Wait()
				require.ErrorIs(t, err, errFlaky)
				require.NoError(t, rep.Check())
				require.GreaterOrEqual(t, rep.Ledger.Expired, int64(7))
			})
		})
	}
}

// Whose turn would come too late hears it at once.
func TestServeTellsACallerThatTheRateWouldBeTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := flow.Serve(t.Context(), func(in *flow.Stream[int]) *flow.Stream[int] {
			return in.Guard(guard.Limit(8)).RateLimit(limiter.Every(time.Minute), nil).
				Map("call", func(_ context.Context, v int) (int, error) { return v, nil })
		})
		require.NoError(t, err)
		begun := time.Now()
		require.NoError(t, s.Do(t.Context(), 0).Err)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		r := s.Do(ctx, 1)
		require.ErrorIs(t, r.Err, stages.ErrExpired)
		var wait *limiter.WaitError
		require.ErrorAs(t, r.Err, &wait)
		require.Equal(t, time.Minute, wait.After)
		require.Zero(t, time.Since(begun))
		require.EqualValues(t, 1, closed(t, s).Ledger.Expired)
	})
}

// Callers who wait for the first guard of a section are at its door one by one: the
// one at the door leaves when he goes, and the next comes up.
func TestServeLetsTheCallerAtTheDoorGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, err := guard.New(guard.Limit(1))
		require.NoError(t, err)
		s, err := flow.Serve(t.Context(), func(in *flow.Stream[int]) *flow.Stream[int] {
			return in.Guard(g).Map("call", func(_ context.Context, v int) (int, error) { return v, nil })
		})
		require.NoError(t, err)
		others, err := g.TryAcquire()
		require.NoError(t, err)
		var wg sync.WaitGroup
		for v := range 4 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(v+1)*time.Second)
				defer cancel()
				assert.ErrorIs(t, s.Do(ctx, v).Err, context.DeadlineExceeded)
			})
			synctest.Wait()
		}
		for i := range 4 {
			require.Equal(t, uint64(i), g.Snapshot().Cancelled)
			require.Equal(t, 1, g.Snapshot().Waiting)
			time.Sleep(time.Second)
			synctest.Wait()
		}
		require.Zero(t, g.Snapshot().Waiting)
		wg.Wait()
		others.Release()
		require.Equal(t, 5, s.Do(t.Context(), 5).Value)
		require.Zero(t, g.Snapshot().Depth)
		require.EqualValues(t, 4, closed(t, s).Ledger.Expired)
	})
}

// An item takes the exchange of one that has left its retry early, and waits for its
// own time.
func TestServeDoesNotTryTooEarlyForThoseWhoCameAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries []time.Duration
		begun := time.Now()
		s, err := flow.Serve(t.Context(), func(in *flow.Stream[int]) *flow.Stream[int] {
			return in.Guard(guard.Limit(1)).Retry(retry.Constant(2, 10*time.Second)).
				Map("flaky", func(_ context.Context, v int) (int, error) {
					tries = append(tries, time.Since(begun))
					return 0, errFlaky
				})
		})
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second)
		defer cancel()
		require.ErrorIs(t, s.Do(ctx, 1).Err, context.DeadlineExceeded)
		require.ErrorIs(t, s.Do(t.Context(), 2).Err, errFlaky)
		require.Equal(t, []time.Duration{0, 6 * time.Second, 16 * time.Second}, tries)
		closed(t, s)
	})
}

// A caller who goes while his item waits in a throttle gives up its turn.
func TestServeLetsACallerLeaveAThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := limiter.New(limiter.Every(time.Minute))
		require.NoError(t, err)
		s, err := flow.Serve(t.Context(), func(in *flow.Stream[int]) *flow.Stream[int] { return in.Throttle(l, nil) })
		require.NoError(t, err)
		require.NoError(t, s.Do(t.Context(), 0).Err)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		require.ErrorIs(t, s.Do(ctx, 1).Err, context.Canceled)
		synctest.Wait()
		require.Zero(t, l.Snapshot().Waiting)
		require.EqualValues(t, 1, closed(t, s).Ledger.Expired)
	})
}
