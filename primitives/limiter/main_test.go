package limiter_test

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/primitives/limiter"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// largest is the largest burst that fits an int, which may have 32 bits.
const largest = min(1<<50, math.MaxInt)

func newLimiter(t testing.TB, p limiter.Policy) *limiter.Limiter {
	t.Helper()
	l, err := limiter.New(p)
	require.NoError(t, err)
	return l
}

// bubble runs f in virtual time, with the time since it began.
func bubble(t *testing.T, f func(t *testing.T, since func() time.Duration)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		f(t, func() time.Duration { return time.Since(begun) })
	})
}

// refused requires that Try refuses, and returns for how long.
func refused(t *testing.T, l *limiter.Limiter, cost int) time.Duration {
	t.Helper()
	var e *limiter.LimitError
	require.ErrorAs(t, l.Try(cost), &e)
	require.Positive(t, e.After)
	return e.After
}

// later waits in a goroutine of its own, from now on.
func later(l *limiter.Limiter, ctx context.Context, cost int) <-chan error {
	done := make(chan error, 1)
	go func() { done <- l.Wait(ctx, cost) }()
	synctest.Wait()
	return done
}
