package retry_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
)

var errTimeout = errors.New("i/o timeout")

func isDown(err error) bool    { return errors.Is(err, errDown) }
func isTimeout(err error) bool { return errors.Is(err, errTimeout) }

func TestLimitLowersTheAttemptsForItsErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		policy := retry.Constant(5, time.Second, retry.Limit(isTimeout, 2), retry.Limit(isDown, 4), retry.Limit(isDown, 9))
		r := newRetrier(t, policy)
		other := errors.New("other")
		for _, tt := range []struct {
			errs     []error
			attempts int
		}{
			{[]error{errTimeout, errTimeout, errTimeout}, 2},
			{[]error{errDown, errDown, errDown, errDown, errDown}, 4},
			{[]error{other, other, other, other, other, other}, 5},
			{[]error{other, other, errTimeout, other}, 3},
			{[]error{errTimeout, other, other, other, errTimeout}, 5},
		} {
			s := &script{errs: tt.errs}
			_, err := r.Do(t.Context(), s.call)
			e := requireError(t, err)
			require.Equal(t, retry.Exhausted, e.Reason)
			require.Equal(t, tt.attempts, e.Attempts, "%v", tt.errs)
			require.Equal(t, tt.errs[tt.attempts-1], e.Err)
		}
	})
}

// A rejection is no attempt, so it uses up no limit.
func TestLimitIsNotAskedAboutRejections(t *testing.T) {
	always := func(error) bool { return true }
	r := newRetrier(t, retry.Constant(5, time.Second, retry.Limit(always, 1), retry.RetryRejected()))
	require.True(t, r.Next(t.Context(), retry.Try{Attempt: 2, Err: rejection{time.Second}}).Retry)
	require.False(t, r.Next(t.Context(), retry.Try{Attempt: 1, Err: errDown}).Retry)
}

func TestMaxElapsedEndsTheCallBeforeTheAttemptsDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			elapsed time.Duration
			calls   int
		}{
			{1, 1}, {10*time.Second - 1, 1}, {10 * time.Second, 2}, {25 * time.Second, 3}, {time.Hour, 5}, {math.MaxInt64, 5},
		} {
			r := newRetrier(t, retry.Constant(5, 10*time.Second, retry.MaxElapsed(tt.elapsed)))
			s := fails(100)
			start := time.Now()
			_, err := r.Do(t.Context(), s.call)
			require.Len(t, s.begun, tt.calls, "%v", tt.elapsed)
			require.Equal(t, time.Duration(tt.calls-1)*10*time.Second, time.Since(start), "no wait in vain")
			e := requireError(t, err)
			require.Equal(t, tt.calls, e.Attempts)
			require.ErrorIs(t, err, errDown)
			require.NotErrorIs(t, err, context.DeadlineExceeded)
			if tt.calls < 5 {
				require.Equal(t, retry.Elapsed, e.Reason)
				require.EqualValues(t, 1, r.Snapshot().Elapsed)
			}
		}
	})
}

// The work counts, not only the waits, and a try that runs is not cut short.
func TestMaxElapsedCountsTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRetrier(t, retry.Constant(5, time.Second, retry.MaxElapsed(time.Minute)))
		calls := 0
		_, err := r.Do(t.Context(), func(context.Context) (int, error) {
			calls++
			time.Sleep(40 * time.Second)
			return 0, errDown
		})
		require.Equal(t, 2, calls, "begun after 0 and 41 s, the next would after 82 s")
		require.Equal(t, retry.Elapsed, requireError(t, err).Reason)
	})
}

// The fault: now+delay overflowed, and one second became three centuries.
func TestMaxElapsedDoesNotOverflow(t *testing.T) {
	endless := retry.Constant(9, math.MaxInt64, retry.Cap(math.MaxInt64), retry.MaxElapsed(math.MaxInt64))
	for _, began := range []time.Time{time.Now().Add(-time.Hour), time.Unix(-1<<40, 0)} {
		r := newRetrier(t, endless)
		v := r.Next(t.Context(), retry.Try{Attempt: 1, Err: errDown, Began: began})
		require.True(t, v.Retry, "saturated, and so not above what is the most")
		r = newRetrier(t, retry.Constant(9, math.MaxInt64, retry.Cap(math.MaxInt64), retry.MaxElapsed(time.Second)))
		require.Equal(t, retry.Elapsed, r.Next(t.Context(), retry.Try{Attempt: 1, Err: errDown, Began: began}).Reason)
	}
}

// A service that asks for more time than there is ends the call at once, and the
// error says so.
func TestToldDelayBeyondMaxElapsedIsPostponed(t *testing.T) {
	r := newRetrier(t, retry.Constant(9, time.Second, retry.MaxElapsed(time.Minute)))
	v := r.Next(t.Context(), retry.Try{Attempt: 1, Err: outcome.AsThrottled(errDown, 2*time.Minute), Began: time.Now()})
	require.Equal(t, retry.Postponed, v.Reason)
	require.Equal(t, 2*time.Minute, requireError(t, v.Err).After())
	require.ErrorContains(t, v.Err, "asked to wait 2m0s")
}

// Waiting out rejections costs no attempts, so time must end it.
func TestMaxElapsedBoundsTheWaitsForRejections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRetrier(t, retry.Constant(2, time.Second, retry.RetryRejected(), retry.MaxElapsed(time.Minute)))
		calls := 0
		_, err := r.Do(t.Context(), func(context.Context) (int, error) {
			calls++
			return 0, rejection{20 * time.Second}
		})
		require.Equal(t, 4, calls, "after 0, 20, 40 and 60 s")
		require.Equal(t, retry.Elapsed, requireError(t, err).Reason)
		require.Zero(t, requireError(t, err).Attempts)
	})
}

func TestBeginSparesTheClock(t *testing.T) {
	require.Zero(t, newRetrier(t, retry.Constant(2, 1)).Begin())
	require.WithinDuration(t, time.Now(), newRetrier(t, retry.Constant(2, 1, retry.MaxElapsed(1))).Begin(), time.Minute)
}
