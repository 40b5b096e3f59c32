package retry_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
)

// nest is three retriers around a call that fails with err, and the number of
// calls they make.
func nest(t *testing.T, outer, middle, inner retry.Policy, err error) (int, *retry.Error) {
	t.Helper()
	o, m, i := newRetrier(t, outer), newRetrier(t, middle), newRetrier(t, inner)
	calls := 0
	_, got := o.Do(t.Context(), func(ctx context.Context) (int, error) {
		v, err := m.Do(ctx, func(ctx context.Context) (int, error) {
			v, err := i.Do(ctx, func(context.Context) (int, error) { calls++; return 0, err })
			return v, fmt.Errorf("client: %w", err)
		})
		return v, fmt.Errorf("service: %w", err)
	})
	return calls, requireError(t, got)
}

// The fault: three layers of three attempts were 27 calls for one.
func TestNestedRetriesDoNotMultiply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		three := retry.Constant(3, time.Second)
		start := time.Now()
		calls, e := nest(t, three, three, three, errDown)
		require.Equal(t, 3, calls)
		require.Equal(t, retry.Nested, e.Reason)
		require.Equal(t, 1, e.Attempts)
		require.ErrorIs(t, e, errDown)
		require.Equal(t, 2*time.Second, time.Since(start))

		// A retrier without retries of its own changes nothing.
		calls, e = nest(t, three, three, retry.None(), errDown)
		require.Equal(t, 3, calls)
		require.Equal(t, retry.Nested, e.Reason)
		calls, e = nest(t, three, retry.None(), retry.None(), errDown)
		require.Equal(t, 3, calls)
		require.Equal(t, retry.Exhausted, e.Reason)
	})
}

// The fault: a retrier of one attempt in the middle hid that the innermost had tried
// again, and the outermost tried again as well.
func TestNestedRetriesDoNotMultiplyThroughOneThatDoesNotRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls, e := nest(t, retry.Constant(3, time.Second), retry.None(), retry.Constant(3, time.Second), errDown)
		require.Equal(t, 3, calls)
		require.Equal(t, retry.Nested, e.Reason)
	})
}

func TestNestedRetriesMultiplyWhereAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		three, all := retry.Constant(3, time.Second), retry.Constant(3, time.Second, retry.RetryNested())
		calls, e := nest(t, all, all, three, errDown)
		require.Equal(t, 27, calls)
		require.Equal(t, retry.Exhausted, e.Reason)
		calls, _ = nest(t, all, three, three, errDown)
		require.Equal(t, 9, calls, "each retrier for itself")
	})
}

func TestWhoeverMarksAnInnerErrorHasTheLastWord(t *testing.T) {
	tried := &retry.Error{Attempts: 3, Reason: retry.Exhausted, Err: errDown}
	r := newRetrier(t, retry.Constant(3, time.Second))
	v := r.Next(t.Context(), retry.Try{Attempt: 1, Err: fmt.Errorf("client: %w", tried)})
	require.Equal(t, retry.Nested, v.Reason)
	v = r.Next(t.Context(), retry.Try{Attempt: 1, Err: outcome.AsThrottled(tried, time.Minute)})
	require.Equal(t, retry.Verdict{Retry: true, Delay: time.Minute}, v)
}

// The inner retrier was rejected, also if it had tried before. To wait for the breaker
// multiplies nothing.
func TestInnerRejectionCanBeWaitedOutByTheOuter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := breaker.New(breaker.Consecutive("model", 2, 10*time.Second))
		require.NoError(t, err)
		s := fails(2)
		inner := newRetrier(t, retry.Constant(9, time.Second))
		outer := newRetrier(t, retry.Constant(9, time.Second, retry.RetryRejected()))
		_, err = outer.Do(t.Context(), func(ctx context.Context) (int, error) {
			return inner.Do(ctx, func(ctx context.Context) (int, error) { return b.Do(ctx, s.call) })
		})
		require.NoError(t, err)
		require.Len(t, s.begun, 3)
		require.Equal(t, []time.Duration{time.Second, 10 * time.Second}, s.waits())
	})
}
