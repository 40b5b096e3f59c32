package limiter_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/primitives/outcome"
)

func TestFirstComeFirstServed(t *testing.T) {
	bubble(t, func(t *testing.T, since func() time.Duration) {
		l := newLimiter(t, limiter.Every(ms, limiter.Burst(10)))
		require.NoError(t, l.Try(10))
		var mu sync.Mutex
		var order []int
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				assert.NoError(t, l.Wait(t.Context(), 1+i*7%10)) // cheap ones do not overtake
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
			})
			synctest.Wait()
		}
		require.Equal(t, 20, l.Snapshot().Waiting)
		time.Sleep(ms)
		require.Equal(t, 110*ms, refused(t, l, 1), "a try comes after all who wait")
		wg.Wait()
		require.IsIncreasing(t, order)
		require.Len(t, order, 20)
		require.Equal(t, 110*ms, since())
	})
}

// The fault of reservations: who gave up had been given a time slot, which those
// after him then sat out.
func TestWhoGivesUpLeavesNoGap(t *testing.T) {
	for name, at := range map[string]int{"the first": 0, "the middle": 1, "the last": 2} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, since func() time.Duration) {
				l := newLimiter(t, limiter.Every(time.Second, limiter.Burst(10)))
				require.NoError(t, l.Try(10))
				var waits []<-chan error
				var cancels []context.CancelFunc
				for range 3 {
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					waits, cancels = append(waits, later(l, ctx, 10)), append(cancels, cancel)
				}
				time.Sleep(3 * time.Second)
				cancels[at]()
				err := <-waits[at]
				require.ErrorIs(t, err, context.Canceled)
				require.Equal(t, outcome.Ignored, outcome.Classify(t.Context(), err).Kind)
				for i, w := range waits {
					if i != at {
						require.NoError(t, <-w)
					}
				}
				require.Equal(t, 20*time.Second, since())
				require.Equal(t, uint64(30), l.Snapshot().Units)
			})
		})
	}
}

func TestAContextThatHasEndedTakesNothing(t *testing.T) {
	l := newLimiter(t, limiter.PerSecond(1, limiter.Name("api")))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := l.Wait(ctx, 1)
	require.ErrorIs(t, err, context.Canceled)
	require.EqualError(t, err, `limiter "api": wait: context canceled`)
	require.NoError(t, l.Try(1))
}

// Nobody waits for what will come too late.
func TestADeadlineThatWouldPass(t *testing.T) {
	bubble(t, func(t *testing.T, since func() time.Duration) {
		l := newLimiter(t, limiter.Every(time.Second))
		require.NoError(t, l.Try(1))
		waits := later(l, t.Context(), 1)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		second := later(l, ctx, 1) // just in time
		err := l.Wait(ctx, 1)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		var e *limiter.WaitError
		require.ErrorAs(t, err, &e)
		require.Equal(t, 3*time.Second, e.After)
		require.EqualError(t, err, "limiter: a wait of 3s would be too long: context deadline exceeded")
		require.Zero(t, since())
		require.NoError(t, <-waits)
		require.NoError(t, <-second)
		require.Equal(t, 2*time.Second, since())
	})
}

// A deadline that a pause has made too near is still kept.
func TestADeadlineDuringAPause(t *testing.T) {
	bubble(t, func(t *testing.T, since func() time.Duration) {
		l := newLimiter(t, limiter.Every(time.Second))
		require.NoError(t, l.Try(1))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		waits := later(l, ctx, 1)
		l.Penalize(time.Minute)
		require.ErrorIs(t, <-waits, context.DeadlineExceeded)
		require.Equal(t, 10*time.Second, since())
		require.Zero(t, l.Snapshot().Waiting)
	})
}

func TestAStorm(t *testing.T) {
	bubble(t, func(t *testing.T, since func() time.Duration) {
		l := newLimiter(t, limiter.Every(time.Microsecond, limiter.Burst(50)))
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				for j := range 20 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i*j)*time.Microsecond)
					_ = l.Wait(ctx, 1+(i+j)%50)
					cancel()
					if j%7 == 0 {
						l.Penalize(time.Duration(j) * time.Microsecond)
					}
				}
			})
		}
		wg.Wait()
		s := l.Snapshot()
		require.Zero(t, s.Waiting)
		require.LessOrEqual(t, s.Units, uint64(50+since()/time.Microsecond))
		require.NotZero(t, s.Units)
	})
}
