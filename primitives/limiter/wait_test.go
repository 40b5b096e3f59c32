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
		require.Equal(t, 110*ms, refused(t, l, 1), "a try comes after all waiters")
		wg.Wait()
		require.IsIncreasing(t, order)
		require.Len(t, order, 20)
		require.Equal(t, 110*ms, since())
	})
}

// The fault of reservations: a call that gave up had been given a time slot, and the
// calls behind it waited through that slot.
func TestACallThatGivesUpLeavesNoGap(t *testing.T) {
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

// A call does not wait if its deadline comes first.
func TestADeadlineThatWouldPass(t *testing.T) {
	bubble(t, func(t *testing.T, since func() time.Duration) {
		l := newLimiter(t, limiter.Every(time.Second))
		require.NoError(t, l.Try(1))
		waits := later(l, t.Context(), 1)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second+1)
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

// A deadline that is exactly the time of the wait is not too near. It may win when
// both end in the same instant.
func TestADeadlineThatEqualsTheWait(t *testing.T) {
	for within, waits := range map[time.Duration]time.Duration{time.Second: time.Second, time.Second - 1: 0} {
		bubble(t, func(t *testing.T, since func() time.Duration) {
			l := newLimiter(t, limiter.Every(time.Second))
			require.NoError(t, l.Try(1))
			ctx, cancel := context.WithTimeout(t.Context(), within)
			defer cancel()
			_ = l.Wait(ctx, 1)
			require.Equal(t, waits, since())
		})
	}
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

// ending is a context that ends while the limiter asks for its deadline. The answer
// takes a second.
type ending struct {
	context.Context
	cancel context.CancelFunc
}

func (c ending) Deadline() (time.Time, bool) {
	c.cancel()
	time.Sleep(time.Second)
	return c.Context.Deadline()
}

// The fault: units went to a call whose context had ended just before they were there.
func TestUnitsAreNotForCallsThatHaveGone(t *testing.T) {
	bubble(t, func(t *testing.T, _ func() time.Duration) {
		l := newLimiter(t, limiter.Every(time.Second))
		require.NoError(t, l.Try(1))
		ctx, cancel := context.WithCancel(t.Context())
		require.ErrorIs(t, l.Wait(ending{ctx, cancel}, 1), context.Canceled)
		require.Equal(t, uint64(1), l.Snapshot().Units)
		require.NoError(t, l.Try(1), "the unit is still there")
	})
}

// The fault: a try in the moment in which the first in line could go, and had not been
// scheduled yet, was told to come again after 0.
func TestARefusalTellsToWait(t *testing.T) {
	for range 100 {
		bubble(t, func(t *testing.T, _ func() time.Duration) {
			l := newLimiter(t, limiter.Every(time.Second, limiter.Burst(10)))
			require.NoError(t, l.Try(1))
			ctx, cancel := context.WithCancel(t.Context())
			tried := make(chan error)
			go func() {
				assert.Error(t, l.Wait(ctx, 10)) // this call was before the other,
				tried <- l.Try(1)                // which is the first now
			}()
			synctest.Wait()
			other := later(l, t.Context(), 1)
			cancel()
			if err := <-tried; err != nil {
				var e *limiter.LimitError
				require.ErrorAs(t, err, &e)
				require.Positive(t, e.After)
			}
			require.NoError(t, <-other)
		})
	}
}

// The fault: a sum of costs of very different size left a rest in an empty line.
func TestAnEmptyLineCostsNothing(t *testing.T) {
	bubble(t, func(t *testing.T, _ func() time.Duration) {
		const all = largest
		l := newLimiter(t, limiter.PerSecond(1e12, limiter.Burst(all)))
		require.NoError(t, l.Try(all))
		for _, leave := range []func(){leaves(t, l, all, 40), leaves(t, l, 1, 3)} {
			leave()
		}
		require.Zero(t, l.Snapshot().Waiting)
		require.NoError(t, l.Set(limiter.Every(time.Hour)))
		first := later(l, t.Context(), 1)
		require.Equal(t, 2*time.Hour, refused(t, l, 1))
		require.NoError(t, <-first)
	})
}

// leaves lets n callers wait, and returns a function that makes them give up.
func leaves(t *testing.T, l *limiter.Limiter, cost, n int) func() {
	ctx, cancel := context.WithCancel(t.Context())
	var waits []<-chan error
	for range n {
		waits = append(waits, later(l, ctx, cost))
	}
	return func() {
		cancel()
		for _, w := range waits {
			require.ErrorIs(t, <-w, context.Canceled)
		}
	}
}

func TestEveryCallIsCounted(t *testing.T) {
	bubble(t, func(t *testing.T, _ func() time.Duration) {
		l := newLimiter(t, limiter.Every(time.Second, limiter.Burst(2)))
		gone, cancel := context.WithCancel(t.Context())
		first, second := later(l, t.Context(), 2), later(l, gone, 2)
		require.Error(t, l.Try(1))
		hurried, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		require.ErrorIs(t, l.Wait(hurried, 2), context.DeadlineExceeded)
		cancel()
		require.ErrorIs(t, <-second, context.Canceled)
		require.ErrorIs(t, l.Wait(gone, 1), context.Canceled)
		require.ErrorIs(t, l.Try(3), limiter.ErrCost)
		require.NoError(t, <-first)
		require.NoError(t, l.Try(0))
		s := l.Snapshot()
		require.Equal(t, []uint64{2, 2, 2, 2}, []uint64{s.Admitted, s.Refused, s.Cancelled, s.Units})
	})
}
