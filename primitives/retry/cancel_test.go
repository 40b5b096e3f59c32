package retry_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
)

// errStatus is what a gRPC client makes of a context that has ended: it wraps
// nothing.
var errStatus = errors.New("rpc error: code = Canceled desc = context canceled")

// A try that its caller has cut short was an attempt, whatever the client makes of
// the cancellation.
func TestATryThatIsCutShortIsAnAttempt(t *testing.T) {
	for name, last := range map[string]error{"as it is": context.Canceled, "as the client puts it": errStatus} {
		t.Run(name, func(t *testing.T) {
			r := newRetrier(t, retry.Constant(9, time.Nanosecond))
			ctx, cancel := context.WithCancel(t.Context())
			calls := 0
			_, err := r.Do(ctx, func(context.Context) (int, error) {
				if calls++; calls < 3 {
					return 0, errDown
				}
				cancel()
				return 0, last
			})
			e := requireError(t, err)
			require.Equal(t, retry.Cancelled, e.Reason)
			require.Equal(t, 3, e.Attempts)
			require.Equal(t, errDown, e.Failure, "why it was tried again")
			require.EqualValues(t, 3, r.Snapshot().Attempts)
			require.Equal(t, outcome.Ignored, e.Outcome().Kind, "it says nothing about the service")
		})
	}
}

// A rejection is no attempt, also when the context has ended meanwhile.
func TestARejectionAtTheEndOfTheContextIsNoAttempt(t *testing.T) {
	g, err := guard.New(guard.Limit(1))
	require.NoError(t, err)
	permit, err := g.TryAcquire()
	require.NoError(t, err)
	defer permit.Release()
	r := newRetrier(t, retry.Constant(9, time.Second))
	ctx, cancel := context.WithCancel(t.Context())
	_, err = r.Do(ctx, func(ctx context.Context) (int, error) {
		cancel()
		return g.Do(ctx, func(context.Context) (int, error) { t.Error("called"); return 0, nil })
	})
	e := requireError(t, err)
	require.Equal(t, retry.Cancelled, e.Reason)
	require.Zero(t, e.Attempts, "the guard admitted no call")
	require.Zero(t, r.Snapshot().Attempts)

	// A retrier inside has made an attempt, so the one around it has made one.
	inner := newRetrier(t, retry.Constant(9, time.Second))
	ctx, cancel = context.WithCancel(t.Context())
	_, err = r.Do(ctx, func(ctx context.Context) (int, error) {
		return inner.Do(ctx, func(context.Context) (int, error) { cancel(); return 0, errStatus })
	})
	require.Equal(t, 1, requireError(t, err).Attempts)
}

// A deadline that passes inside a try is a failure to a breaker, inside of the
// retry and around it.
func TestADeadlineInsideATryIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inside, err := breaker.New(breaker.Consecutive("inside", 9, time.Minute))
		require.NoError(t, err)
		around, err := breaker.New(breaker.Consecutive("around", 9, time.Minute))
		require.NoError(t, err)
		r := newRetrier(t, retry.Constant(3, time.Second))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = around.Do(ctx, func(ctx context.Context) (int, error) {
			return r.Do(ctx, func(ctx context.Context) (int, error) {
				return inside.Do(ctx, func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, errStatus })
			})
		})
		e := requireError(t, err)
		require.Equal(t, retry.Deadline, e.Reason)
		require.Equal(t, 1, e.Attempts)
		require.Equal(t, 1, inside.Snapshot().Failures)
		require.Equal(t, 1, around.Snapshot().Failures)
	})
}

// The service has failed before the caller cancelled the wait for the next try.
func TestAFailureBeforeACancelledWaitStaysAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := breaker.New(breaker.Consecutive("model", 9, time.Minute))
		require.NoError(t, err)
		r := newRetrier(t, retry.Constant(3, time.Minute))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err = b.Do(ctx, func(ctx context.Context) (int, error) { return r.Do(ctx, fails(9).call) })
		require.Equal(t, retry.Cancelled, requireError(t, err).Reason)
		require.Equal(t, outcome.Failure, requireError(t, err).Outcome().Kind)
		require.NoError(t, requireError(t, err).Failure, "Err is that error")
		require.Equal(t, 1, b.Snapshot().Failures)
	})
}

// The copies that lose are cancelled by the race, and say nothing to a breaker
// inside; a deadline that passes in all of them does.
func TestBreakerInsideAHedge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := breaker.New(breaker.Consecutive("model", 9, time.Minute))
		require.NoError(t, err)
		r := newRetrier(t, retry.None(retry.Hedge(time.Second, 3)))
		var calls atomic.Int32
		call := func(last bool) func(context.Context) (int, error) {
			return func(ctx context.Context) (int, error) {
				if calls.Add(1) == 3 && last {
					return 1, nil
				}
				<-ctx.Done()
				return 0, errStatus
			}
		}
		guarded := func(f func(context.Context) (int, error)) func(context.Context) (int, error) {
			return func(ctx context.Context) (int, error) { return b.Do(ctx, f) }
		}
		_, err = r.Do(t.Context(), guarded(call(true)))
		require.NoError(t, err)
		require.EqualValues(t, 3, calls.Load())
		require.Zero(t, b.Snapshot().Failures)

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err = r.Do(ctx, guarded(call(false)))
		require.Equal(t, retry.Deadline, requireError(t, err).Reason)
		require.Equal(t, 3, b.Snapshot().Failures)
	})
}

// The fault: a caller that had gone got further copies until the first returned.
func TestNoCopyForACallerThatHasGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRetrier(t, retry.None(retry.Hedge(10*time.Millisecond, 3)))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		defer cancel()
		calls := 0
		_, _ = r.Do(ctx, func(context.Context) (int, error) {
			calls++
			time.Sleep(50 * time.Millisecond)
			return 0, errDown
		})
		require.Equal(t, 1, calls)
		require.Zero(t, r.Snapshot().Hedges)
	})
}

// A function that several callers share runs under a context that is cancelled
// when the last of their deadlines has passed.
func TestADeadlineAsTheCauseOfTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRetrier(t, retry.Constant(3, time.Minute))
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(context.DeadlineExceeded) })
		_, err := r.Do(ctx, fails(9).call)
		require.Equal(t, retry.Deadline, requireError(t, err).Reason)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, context.Canceled, "no caller has cancelled")
	})
}
