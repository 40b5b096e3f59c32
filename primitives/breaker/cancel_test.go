package breaker_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
)

// errStatus is what a gRPC client makes of a context that has ended: it wraps
// nothing.
var errStatus = errors.New("rpc error: code = Canceled desc = context canceled")

// hangUp is a call whose caller cancels it while the service works.
func hangUp(do func(context.Context, func(context.Context) (int, error)) (int, error)) {
	ctx, cancel := context.WithCancel(context.Background())
	_, _ = do(ctx, func(ctx context.Context) (int, error) {
		cancel()
		<-ctx.Done()
		return 0, errStatus
	})
}

// runOut is a call whose deadline passes while the service works.
func runOut(do func(context.Context, func(context.Context) (int, error)) (int, error)) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, _ = do(ctx, func(ctx context.Context) (int, error) {
		<-ctx.Done()
		return 0, errStatus
	})
}

// The fault: the errors of gRPC and of database drivers do not wrap
// context.Canceled, so clients that hung up opened the breaker of a service that
// was well.
func TestClientsThatHangUpDoNotOpenTheBreaker(t *testing.T) {
	b := newBreaker(t, breaker.OutOf(1, 10), breaker.Rate(0.1, time.Minute, 1), breaker.Hung(time.Nanosecond, 1))
	for range 5 {
		hangUp(b.Do[int])
	}
	require.Equal(t, breaker.Closed, b.State())
	require.Zero(t, b.Snapshot().Failures)
}

func TestDeadlinesThatPassInsideOpenTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t)
		for range 3 {
			runOut(b.Do[int])
		}
		require.Equal(t, breaker.Open, b.State())
	})
}

// The fault: a dedup takes the deadline out of the context, and each call that
// hung until then counted as one that its caller had cancelled.
func TestBreakerInsideADedupSeesDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t)
		d, err := dedup.New[int, int](dedup.Window(time.Minute))
		require.NoError(t, err)
		for key := range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := d.Do(ctx, key, func(ctx context.Context) (int, error) {
				return b.Do(ctx, func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
			})
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		require.Equal(t, breaker.Open, b.State())
	})
}

func TestAProbeThatIsCancelledSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t)
		halfOpen(t, b)
		for range 3 {
			hangUp(b.Do[int])
			require.Equal(t, breaker.HalfOpen, b.State())
			require.Zero(t, b.Snapshot().Probes, "the slot is free again")
		}
		play(t, b, "s")
		require.Equal(t, breaker.Closed, b.State())
	})
}

func TestAProbeThatRunsOutOfTimeHasFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t)
		halfOpen(t, b)
		runOut(b.Do[int])
		require.Equal(t, breaker.Open, b.State())
	})
}

func TestRegistryTellsCallersThatLeaveFromDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegistry[string](t, 5)
		do := func(ctx context.Context, f func(context.Context) (int, error)) (int, error) { return r.Do(ctx, "a", f) }
		for range 5 {
			hangUp(do)
		}
		require.Equal(t, breaker.Closed, state(t, r, "a"))
		for range 3 {
			runOut(do)
		}
		require.Equal(t, breaker.Open, state(t, r, "a"))
	})
}

// A call that was not begun says nothing, whatever ended its context.
func TestACallThatCameTooLateSaysNothing(t *testing.T) {
	b := newBreaker(t)
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for range 5 {
		_, err := b.Do(ctx, failing)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	require.Zero(t, b.Snapshot().Failures)
}

// As a reverse proxy does it when its client is gone: the panic says no more than
// an error would.
func TestAPanicOfACallThatIsCancelledSaysNothing(t *testing.T) {
	b := newBreaker(t, breaker.Hung(time.Hour, 1))
	for _, end := range []func(){func() { panic(http.ErrAbortHandler) }, runtime.Goexit} {
		for _, cancelled := range []bool{true, false} {
			before := b.Snapshot().Failures
			done := make(chan struct{})
			go func() {
				defer close(done)
				defer func() { _ = recover() }()
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				_, _ = b.Do(ctx, func(context.Context) (int, error) {
					if cancelled {
						cancel()
					}
					end()
					return 0, nil
				})
			}()
			<-done
			if cancelled {
				require.Equal(t, before, b.Snapshot().Failures)
			} else {
				require.Equal(t, before+1, b.Snapshot().Failures)
			}
			require.Zero(t, b.Snapshot().Rules[1].Bad)
		}
	}
}
