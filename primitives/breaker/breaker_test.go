package breaker_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/primitives/breaker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errDown = errors.New("connection refused")

func succeed(context.Context) (int, error) { return 1, nil }
func failing(context.Context) (int, error) { return 0, errDown }

const window = 10 * time.Second

// newBreaker opens after three failures, for ten seconds.
func newBreaker(tb testing.TB, opts ...breaker.Option) *breaker.Breaker {
	tb.Helper()
	b, err := breaker.New(breaker.Consecutive("model", 3, window, opts...))
	require.NoError(tb, err)
	return b
}

func allow(tb testing.TB, b *breaker.Breaker) breaker.Token {
	tb.Helper()
	token, err := b.Allow()
	require.NoError(tb, err)
	return token
}

func fail(tb testing.TB, b *breaker.Breaker, times int) {
	tb.Helper()
	for range times {
		_, err := b.Do(tb.Context(), failing)
		require.ErrorIs(tb, err, errDown)
	}
}

// halfOpen opens b and lets the window pass.
func halfOpen(tb testing.TB, b *breaker.Breaker) {
	tb.Helper()
	b.Trip()
	time.Sleep(window)
	require.Equal(tb, breaker.HalfOpen, b.State())
}

func TestDoReturnsWhatTheFunctionReturns(t *testing.T) {
	b := newBreaker(t)
	v, err := b.Do(t.Context(), func(context.Context) (string, error) { return "part of it", errDown })
	require.Equal(t, "part of it", v)
	require.Same(t, errDown, err, "the error itself, not a wrapper")

	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, 7)
	got, err := b.Do(ctx, func(ctx context.Context) (any, error) { return ctx.Value(key{}), nil })
	require.NoError(t, err)
	require.Equal(t, 7, got)
}

func TestDoDoesNotCallForACallerWhoIsTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t)
		halfOpen(t, b)
		before := b.Snapshot()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		time.Sleep(2 * time.Second)
		_, err := b.Do(ctx, func(context.Context) (int, error) {
			t.Error("called")
			return 0, nil
		})
		require.Equal(t, context.DeadlineExceeded, err)
		require.Equal(t, before, b.Snapshot(), "no probe taken, nothing counted")
	})
}

func TestPanicAndGoexitCountAsFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t)
		require.PanicsWithValue(t, "boom", func() {
			_, _ = b.Do(t.Context(), func(context.Context) (int, error) { panic("boom") })
		})
		require.Equal(t, 1, b.Snapshot().Failures)

		goexit(t, b)
		require.Equal(t, 2, b.Snapshot().Failures)

		require.Panics(t, func() {
			_, _ = b.Do(t.Context(), func(context.Context) (int, error) { panic(nil) })
		})
		require.Equal(t, breaker.Open, b.State())
	})
}

// goexit ends a call as t.FailNow would.
func goexit(tb testing.TB, b *breaker.Breaker) {
	tb.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = b.Do(context.Background(), func(context.Context) (int, error) {
			runtime.Goexit()
			return 0, nil
		})
	}()
	<-done
}

func TestDoMayBeCalledFromWithinItself(t *testing.T) {
	b := newBreaker(t)
	_, err := b.Do(t.Context(), func(ctx context.Context) (int, error) {
		fail(t, b, 3)
		return b.Do(ctx, succeed)
	})
	require.ErrorIs(t, err, breaker.ErrOpen)
	require.Equal(t, breaker.Open, b.State())
}

// A rejection is an ignored outcome: a breaker around a breaker stays closed.
func TestRejectionsOpenNoOuterBreaker(t *testing.T) {
	inner, outer := newBreaker(t), newBreaker(t)
	inner.Trip()
	for range 10 {
		_, err := outer.Do(t.Context(), func(ctx context.Context) (int, error) { return inner.Do(ctx, succeed) })
		require.ErrorIs(t, err, breaker.ErrOpen)
	}
	require.Equal(t, breaker.Closed, outer.State())
	require.Zero(t, outer.Snapshot().Failures)
}
