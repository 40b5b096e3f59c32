package retry_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errDown = errors.New("connection refused")

func newRetrier(tb testing.TB, p retry.Policy) *retry.Retrier {
	tb.Helper()
	r, err := retry.New(p)
	require.NoError(tb, err)
	return r
}

// script is a function that fails as told, then succeeds, and notes when it was
// called.
type script struct {
	errs  []error
	begun []time.Time
}

func fails(times int) *script {
	s := &script{}
	for range times {
		s.errs = append(s.errs, errDown)
	}
	return s
}

func (s *script) call(context.Context) (int, error) {
	s.begun = append(s.begun, time.Now())
	n := len(s.begun)
	if n <= len(s.errs) {
		return n, s.errs[n-1]
	}
	return n, nil
}

// waits returns the times between the calls.
func (s *script) waits() []time.Duration {
	var waits []time.Duration
	for i := 1; i < len(s.begun); i++ {
		waits = append(waits, s.begun[i].Sub(s.begun[i-1]))
	}
	return waits
}

func requireError(tb testing.TB, err error) *retry.Error {
	tb.Helper()
	var e *retry.Error
	require.ErrorAs(tb, err, &e)
	require.ErrorIs(tb, err, retry.ErrGaveUp)
	return e
}

func TestMakesAtMostSoManyAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for attempts := 1; attempts <= 5; attempts++ {
			policy := retry.Constant(attempts, time.Second)
			r := newRetrier(t, policy)
			s := fails(100)
			start := time.Now()
			v, err := r.Do(t.Context(), s.call)
			e := requireError(t, err)
			require.Equal(t, retry.Exhausted, e.Reason)
			require.Equal(t, attempts, e.Attempts)
			require.Equal(t, attempts, v, "the value of the last attempt")
			require.Len(t, s.begun, attempts)
			require.Equal(t, time.Duration(attempts-1)*time.Second, time.Since(start), "no wait after the last attempt")
			require.Equal(t, policy.MaxTotalDelay(), time.Since(start))
			require.Equal(t, policy.Attempts(), e.Attempts)
		}
	})
}

func TestStopsAtTheFirstSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRetrier(t, retry.Exponential(10, time.Second, retry.Jitter(retry.NoJitter)))
		s := fails(3)
		v, err := r.Do(t.Context(), s.call)
		require.NoError(t, err)
		require.Equal(t, 4, v)
		require.Equal(t, []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}, s.waits())
	})
}

func TestCancellationEndsTheWaitAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRetrier(t, retry.Constant(5, time.Minute))
		cause := errors.New("the user closed the page")
		ctx, cancel := context.WithCancelCause(t.Context())
		start := time.Now()
		time.AfterFunc(90*time.Second, func() { cancel(cause) })
		s := fails(100)
		_, err := r.Do(ctx, s.call)
		require.Equal(t, 90*time.Second, time.Since(start))
		require.Len(t, s.begun, 2)
		e := requireError(t, err)
		require.Equal(t, retry.Cancelled, e.Reason)
		require.Equal(t, 2, e.Attempts)
		require.ErrorIs(t, err, errDown)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, cause)
		require.NotErrorIs(t, err, context.DeadlineExceeded)
	})
}

// The fault: one second left, a minute to wait, and the caller got
// "deadline exceeded" a second later, without the error that mattered.
func TestGivesUpAtOnceWhenTheDeadlineComesBeforeTheNextTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			left  time.Duration
			calls int
		}{
			{time.Second, 1}, {time.Minute, 1}, {time.Minute + 1, 2}, {3 * time.Minute, 3},
		} {
			r := newRetrier(t, retry.Constant(5, time.Minute))
			ctx, cancel := context.WithTimeout(t.Context(), tt.left)
			s := fails(100)
			start := time.Now()
			_, err := r.Do(ctx, s.call)
			cancel()
			require.Len(t, s.begun, tt.calls, "%v", tt.left)
			require.Equal(t, time.Duration(tt.calls-1)*time.Minute, time.Since(start))
			e := requireError(t, err)
			require.Equal(t, retry.Deadline, e.Reason)
			require.Equal(t, tt.calls, e.Attempts)
			require.ErrorIs(t, err, errDown)
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
	})
}

func TestDeadContextMakesNoCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		late, cancel := context.WithDeadline(t.Context(), time.Now())
		defer cancel()
		for ctx, want := range map[context.Context]retry.Reason{cancelled: retry.Cancelled, late: retry.Deadline} {
			r := newRetrier(t, retry.Constant(3, time.Second))
			_, err := r.Do(ctx, func(context.Context) (int, error) {
				t.Error("called")
				return 0, nil
			})
			e := requireError(t, err)
			require.Equal(t, want, e.Reason)
			require.Zero(t, e.Attempts)
			require.NoError(t, e.Err)
			require.ErrorIs(t, err, ctx.Err())
			require.Equal(t, outcome.Ignored, outcome.Classify(t.Context(), err).Kind, "says nothing about the service")
		}
	})
}

func TestTheCallersOwnCancellationInsideTheCallIsNotRetried(t *testing.T) {
	r := newRetrier(t, retry.Constant(3, time.Second))
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	_, err := r.Do(ctx, func(ctx context.Context) (int, error) {
		calls++
		cancel()
		return 0, ctx.Err()
	})
	require.Equal(t, 1, calls)
	e := requireError(t, err)
	require.Equal(t, retry.Cancelled, e.Reason)
	require.EqualError(t, err, "retry: cancelled after 1 attempt: context canceled")
	require.Equal(t, outcome.Ignored, outcome.Classify(ctx, err).Kind)
}

func TestPanicAndGoexitAreNotRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRetrier(t, retry.Constant(3, time.Second))
		calls := 0
		require.PanicsWithValue(t, "boom", func() {
			_, _ = r.Do(t.Context(), func(context.Context) (int, error) { calls++; panic("boom") })
		})
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = r.Do(context.Background(), func(context.Context) (int, error) {
				calls++
				runtime.Goexit()
				return 0, nil
			})
			assert.Fail(t, "Goexit goes through")
		}()
		<-done
		require.Equal(t, 2, calls)
	})
}

func TestFunctionGetsTheContextOfTheCaller(t *testing.T) {
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, 7)
	r := newRetrier(t, retry.None())
	v, err := r.Do(ctx, func(ctx context.Context) (any, error) { return ctx.Value(key{}), nil })
	require.NoError(t, err)
	require.Equal(t, 7, v)
}
