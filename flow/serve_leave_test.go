package flow_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
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

// A shared call ends when the last caller that waits for it has gone, and not before: also for a
// function that looks at its context only now and then.
func TestServeEndsASharedCallWithItsLastCaller(t *testing.T) {
	errGone := errors.New("gone")
	leaves := map[string]func(context.Context, time.Duration) (context.Context, context.CancelFunc){
		"at its deadline": context.WithTimeout,
		"when cancelled": func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(d, func() { cancel(errGone) })
			return ctx, func() { cancel(nil) }
		},
	}
	looks := map[string]func(context.Context){
		"waits": func(ctx context.Context) { <-ctx.Done() },
		"polls": func(ctx context.Context) {
			for ctx.Err() == nil {
				time.Sleep(time.Millisecond)
			}
		},
	}
	for leave, with := range leaves {
		for look, until := range looks {
			for _, leadFor := range []time.Duration{time.Second, 4 * time.Second} {
				t.Run(fmt.Sprint(leave, ", ", look, ", leader stays ", leadFor), func(t *testing.T) {
					want, why := context.DeadlineExceeded, stages.ErrExpired
					if leave == "when cancelled" {
						want, why = context.Canceled, errGone
					}
					require.ErrorIs(t, endsWithItsLastCaller(t, with, until, leadFor, want), why)
				})
			}
		}
	}
}

// endsWithItsLastCaller has callers leave after 1 to 4 s, of which the one that leads leaves after
// leadFor. They are told want. It returns why the context of the function has ended.
func endsWithItsLastCaller(
	t *testing.T, with func(context.Context, time.Duration) (context.Context, context.CancelFunc), until func(context.Context), leadFor time.Duration, want error,
) (cause error) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		var ended time.Duration
		begun := time.Now()
		s, fault := flow.Serve(t.Context(), func(in *flow.Stream[int]) *flow.Stream[int] {
			return in.Guard(guard.Limit(8)).
				Dedup(dedup.Window(time.Minute), func(v int) int { return v }).
				Map("hang", func(ctx context.Context, v int) (int, error) {
					calls.Add(1)
					until(ctx)
					ended, cause = time.Since(begun), context.Cause(ctx)
					return 0, ctx.Err()
				}, stages.Unordered())
		})
		require.NoError(t, fault)
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				stays := leadFor + time.Duration(i)*time.Second
				if stays > 4*time.Second {
					stays -= 4 * time.Second
				}
				ctx, cancel := with(t.Context(), stays)
				defer cancel()
				assert.ErrorIs(t, s.Do(ctx, 1).Err, want)
			})
			synctest.Wait() // the first one leads
		}
		wg.Wait()
		synctest.Wait()
		require.Equal(t, 4*time.Second, ended.Round(10*time.Millisecond))
		require.EqualValues(t, 1, calls.Load())
		require.EqualValues(t, 4, closed(t, s).Ledger.Expired)
	})
	return cause
}

// A function that ends the goroutine of its caller ends the service. The service does not wait for
// that caller, and another caller that shares the call is told.
func TestServeEndsWhenAFunctionEndsItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := flow.Serve(t.Context(), func(in *flow.Stream[int]) *flow.Stream[int] {
			return in.Guard(guard.Limit(8)).
				Dedup(dedup.Window(time.Minute), func(v int) int { return v }).
				Retry(retry.Constant(3, time.Second)).
				Map("exit", func(context.Context, int) (int, error) {
					time.Sleep(time.Second)
					runtime.Goexit()
					return 0, nil
				})
		})
		require.NoError(t, err)
		returned := make([]bool, 2)
		var wg sync.WaitGroup
		for i := range returned {
			wg.Go(func() {
				assert.ErrorIs(t, s.Do(t.Context(), 1).Err, stages.ErrGoexit)
				returned[i] = true
			})
			synctest.Wait() // the first one leads
		}
		wg.Wait()
		report, err := s.Wait()
		require.ErrorIs(t, err, stages.ErrGoexit)
		require.Equal(t, []bool{false, true}, returned)
		require.EqualValues(t, 2, report.Ledger.Failed)
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
				return s.Breaker(breaker.Consecutive("b", 1, time.Hour), stages.Hold())
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
					return tt.layers(in.Guard(g)).Map("call", tt.f, stages.Unordered())
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

// Callers that wait for the first guard of a section wait in the queue of the guard, and leave it
// when they go.
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
			require.Equal(t, 4-i, g.Snapshot().Waiting)
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

// An item takes the place of one that has left its retry early, and waits for its own time.
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
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(6*time.Second, cancel)
		require.ErrorIs(t, s.Do(ctx, 1).Err, context.Canceled)
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

// The context of a try ends with the try, whether the function has looked at it or not. The next
// try has a context of its own.
func TestServeEndsTheContextOfEachTry(t *testing.T) {
	for name, looked := range map[string]bool{"looked at": true, "first looked at later": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var kept []context.Context
				s, err := flow.Serve(t.Context(), func(in *flow.Stream[int]) *flow.Stream[int] {
					return in.Dedup(dedup.Window(0), itself).Retry(retry.Constant(3, time.Second)).
						Map("flaky", func(ctx context.Context, v int) (int, error) {
							for _, before := range kept {
								<-before.Done()
								require.ErrorIs(t, before.Err(), context.Canceled)
							}
							require.NoError(t, ctx.Err())
							if looked {
								require.NotNil(t, ctx.Done())
							}
							if kept = append(kept, ctx); len(kept) < 3 {
								return 0, errFlaky
							}
							return v, nil
						})
				})
				require.NoError(t, err)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				require.NoError(t, s.Do(ctx, 1).Err)
				require.Len(t, kept, 3)
				require.ErrorIs(t, kept[2].Err(), context.Canceled)
				closed(t, s)
			})
		})
	}
}
