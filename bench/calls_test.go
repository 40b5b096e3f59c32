package bench

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/bench/internal/work"
)

// eachCall runs a test with each service in a bubble.
func eachCall(t *testing.T, test func(t *testing.T, call func(f work.Step, wait time.Duration) work.Step)) {
	for _, s := range services(limit) {
		t.Run(s.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var stop func()
				test(t, func(f work.Step, wait time.Duration) (ask work.Step) {
					var err error
					ask, stop, err = s.start(f, wait)
					require.NoError(t, err)
					return ask
				})
				stop()
			})
		})
	}
}

// limit is how many calls may be under way in all of them.
const limit = 1024

func TestEqualCallsAreShared(t *testing.T) {
	eachCall(t, func(t *testing.T, call func(work.Step, time.Duration) work.Step) {
		var calls atomic.Int64
		do := call(func(ctx context.Context, v int) (int, error) {
			calls.Add(1)
			return work.Nap(time.Second)(ctx, v)
		}, backOff)
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				v, err := do(t.Context(), i%2)
				assert.NoError(t, err)
				assert.Equal(t, i%2+1, v)
			})
		}
		wg.Wait()
		require.EqualValues(t, 2, calls.Load())
	})
}

func TestNoMoreThanTheLimitAreUnderWay(t *testing.T) {
	eachCall(t, func(t *testing.T, call func(work.Step, time.Duration) work.Step) {
		var now, peak atomic.Int64
		do := call(func(ctx context.Context, v int) (int, error) {
			peak.Store(max(peak.Load(), now.Add(1)))
			defer now.Add(-1)
			return work.Nap(time.Second)(ctx, v)
		}, backOff)
		begin := time.Now()
		var wg sync.WaitGroup
		for i := range 2 * limit {
			wg.Go(func() {
				_, err := do(t.Context(), i)
				assert.NoError(t, err)
			})
		}
		wg.Wait()
		require.LessOrEqual(t, peak.Load(), int64(limit))
		require.Equal(t, 2*time.Second, time.Since(begin))
	})
}

// Three tries a call, with waits of 1 s and 2 s, and no call after the fifth
// that failed.
func TestFailuresAreTriedAgainAndOpenTheBreaker(t *testing.T) {
	eachCall(t, func(t *testing.T, call func(work.Step, time.Duration) work.Step) {
		down := errors.New("down")
		var calls atomic.Int64
		do := call(func(context.Context, int) (int, error) {
			calls.Add(1)
			return 0, down
		}, time.Second)
		begin := time.Now()
		for i := range 5 {
			_, err := do(t.Context(), i)
			require.ErrorIs(t, err, down)
		}
		require.Equal(t, 15*time.Second, time.Since(begin))
		_, err := do(t.Context(), 5)
		require.Error(t, err)
		require.EqualValues(t, 15, calls.Load(), "the breaker is open")
		time.Sleep(11 * time.Second)
		_, err = do(t.Context(), 6)
		require.ErrorIs(t, err, down)
		require.EqualValues(t, 18, calls.Load(), "a probe")
	})
}
