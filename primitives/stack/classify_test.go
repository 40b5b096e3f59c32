package stack_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/primitives/stack"
)

// statusError is what a client returns.
type statusError int

func (e statusError) Error() string { return fmt.Sprint("status ", int(e)) }

// byStatus is the classifier of that client.
func byStatus(ctx context.Context, err error) outcome.Outcome {
	status, _ := errors.AsType[statusError](err)
	switch {
	case outcome.Cancelled(ctx):
		return outcome.Outcome{Kind: outcome.Ignored}
	case status == 404:
		return outcome.Outcome{}
	case status == 400:
		return outcome.Outcome{Kind: outcome.Permanent}
	case status == 429:
		return outcome.Outcome{Kind: outcome.Throttled, After: 7 * time.Second}
	}
	return outcome.Classify(ctx, err)
}

// One classifier is asked once for each error, and all layers go by it.
func TestOneClassifierForAllLayers(t *testing.T) {
	for _, tt := range []struct {
		status statusError
		calls  int           // of two tries
		took   time.Duration // between them
		failed int           // to the breaker
		kept   bool          // by the dedup, as an error
		paused bool          // the limiter
	}{
		{404, 1, 0, 0, false, false},
		{400, 1, 0, 0, true, false},
		{429, 2, 7 * time.Second, 2, true, true},
		{503, 2, time.Second, 2, true, false},
	} {
		t.Run(tt.status.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				down := &service{fails: 99, err: tt.status}
				asked := 0
				d, err := dedup.New[string, string](dedup.Window(time.Hour, dedup.ErrorTTL(time.Minute)))
				require.NoError(t, err)
				b := breaker.Of(breaker.Consecutive("model", 9, time.Minute))
				l, err := limiter.New(limiter.PerSecond(1e6))
				require.NoError(t, err)
				s := stack.Around(down.call).Dedup(d, func(in string) string { return in }).
					Retry(retry.Constant(2, time.Second)).Breaker(b).RateLimit(l, nil).
					Classify(func(ctx context.Context, err error) outcome.Outcome { asked++; return byStatus(ctx, err) })
				start := time.Now()
				_, err = s.Do(t.Context(), "a")
				require.Equal(t, tt.took, time.Since(start))
				require.ErrorIs(t, err, tt.status)
				require.Equal(t, tt.calls, down.calls)
				require.Equal(t, tt.calls, asked)
				require.Equal(t, tt.failed, b.Snapshot().Failures)
				require.Equal(t, tt.kept, d.Snapshot().Cached == 1)
				require.Equal(t, tt.paused, l.Snapshot().Penalties > 0)
			})
		})
	}
}

// The caller gets the error of the function, not a wrapper, unless a layer wraps it.
func TestTheErrorStaysAsItIs(t *testing.T) {
	down := &service{fails: 99, err: statusError(400)}
	_, err := stack.Around(down.call).Breaker(breaker.Consecutive("m", 9, time.Minute)).Classify(byStatus).Do(t.Context(), "a")
	require.Equal(t, statusError(400), err)
	_, err = stack.Around(down.call).Retry(retry.None()).Classify(byStatus).Do(t.Context(), "a")
	require.EqualError(t, err, "retry: permanent after 1 attempt: status 400")
	status, ok := errors.AsType[statusError](err)
	require.True(t, ok)
	require.Equal(t, statusError(400), status)
}

// A nil classifier is the default, and the last one given counts.
func TestTheLastClassifierCounts(t *testing.T) {
	down := &service{fails: 99, err: statusError(400)}
	b := breaker.Of(breaker.Consecutive("m", 9, time.Minute))
	s := stack.Around(down.call).Classify(byStatus).Breaker(b)
	_, _ = s.Do(t.Context(), "a")
	require.Zero(t, b.Snapshot().Failures)
	_, _ = s.Classify(nil).Do(t.Context(), "a")
	require.Equal(t, 1, b.Snapshot().Failures)
}

// The fault to avoid: a mark around the error of a retrier inside the function hides
// that it has tried again, and the attempts multiply.
func TestAttemptsDoNotMultiply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := retry.Of(retry.Constant(3, time.Second))
		calls := 0
		_, err := stack.Around(func(ctx context.Context, _ string) (string, error) {
			return inner.Do(ctx, func(context.Context) (string, error) { calls++; return "", errDown })
		}).Retry(retry.Constant(3, time.Second)).Classify(byStatus).Do(t.Context(), "a")
		require.ErrorIs(t, err, errDown)
		require.Equal(t, 3, calls)
	})
}

// A client that turns its cancelled context into an error of its own.
func TestACancelledCallSaysNothing(t *testing.T) {
	b := breaker.Of(breaker.Consecutive("m", 1, time.Minute))
	for _, c := range []outcome.Classifier{nil, byStatus} {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := stack.Around(func(context.Context, string) (string, error) { cancel(); return "", statusError(499) }).
			Breaker(b).Classify(c).Do(ctx, "a")
		require.Equal(t, statusError(499), err)
		require.Equal(t, breaker.Closed, b.State())
	}
}
