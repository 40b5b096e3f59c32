package breaker

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func opened(tb testing.TB, d time.Duration) *Breaker {
	tb.Helper()
	b, err := New(Consecutive("model", 1, d))
	require.NoError(tb, err)
	b.Trip()
	return b
}

// However long the opening, it ends to the nanosecond, also for a lone caller, and
// under a storm that never looks at the clock itself.
func TestOpeningsEndOnTime(t *testing.T) {
	for _, recovery := range []time.Duration{
		1, time.Millisecond, minBlind - 1, minBlind, minBlind + 1, time.Second, time.Hour, maxBlind, 3 * maxBlind, 400 * 24 * time.Hour,
	} {
		for name, each := range map[string]int{"lone": 0, "storm": 1000} {
			t.Run(recovery.String()+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := opened(t, recovery)
					for _, wait := range []time.Duration{recovery/2 + recovery/3, recovery - 1 - recovery/2 - recovery/3} {
						for range each {
							_, err := b.Allow()
							require.ErrorIs(t, err, ErrOpen)
						}
						time.Sleep(wait)
					}
					if recovery > 1 {
						_, err := b.Allow()
						require.ErrorIs(t, err, ErrOpen)
					}
					time.Sleep(time.Nanosecond)
					_, err := b.Allow()
					require.NoError(t, err)
				})
			})
		}
	}
}

// The alarm of an earlier opening rings while a later one lasts.
func TestLateAlarmEndsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := opened(t, 10*time.Second)
		time.Sleep(time.Second)
		b.Reset()
		b.OpenFor(time.Hour)
		for range 3599 {
			time.Sleep(time.Second)
			_, err := b.Allow()
			require.ErrorIs(t, err, ErrOpen)
		}
		require.NotNil(t, b.reject.Load())
		time.Sleep(time.Second)
		_, err := b.Allow()
		require.NoError(t, err)
	})
	synctest.Test(t, func(t *testing.T) {
		b := opened(t, time.Hour) // its alarm comes after all of the following
		for range 10 {
			b.OpenFor(time.Second)
			time.Sleep(time.Second)
			probe, err := b.Allow()
			require.NoError(t, err)
			b.Record(t.Context(), &probe, context.DeadlineExceeded)
			b.Reset()
		}
		time.Sleep(2 * time.Hour)
		require.Equal(t, Closed, b.State())
		b.mu.Lock()
		defer b.mu.Unlock()
		require.Zero(t, b.alarm)
	})
}

// If the alarm never rings, a look at the clock now and then ends the opening.
func TestOpeningEndsWithoutItsAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := opened(t, time.Hour)
		time.Sleep(time.Hour)
		b.blind.Store(b.reject.Load()) // as if it had not rung
		let := 0
		for range 2 * recheck {
			if _, err := b.Allow(); err == nil {
				let++
			}
		}
		require.Equal(t, 1, let)
	})
}

// However many calls a storm has, each is rejected and counted, and it ends on time.
func TestStormOfRejections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const storm = 2_000_000
		b := opened(t, time.Hour)
		for range storm {
			if _, err := b.Allow(); err == nil {
				t.Fatal("admitted")
			}
		}
		require.EqualValues(t, storm, b.Snapshot().Rejected)
		time.Sleep(time.Hour - 1)
		_, err := b.Allow()
		require.ErrorIs(t, err, ErrOpen)
		require.EqualValues(t, storm+1, b.Snapshot().Rejected)
		time.Sleep(time.Nanosecond)
		_, err = b.Allow()
		require.NoError(t, err)
	})
}

// An alarm does not keep a breaker without users. No bubble: the collector works in real
// time.
func TestAlarmKeepsNoBreaker(t *testing.T) {
	var gone atomic.Bool
	func() {
		b := opened(t, time.Hour)
		runtime.AddCleanup(b, func(*atomic.Bool) { gone.Store(true) }, &gone)
	}()
	require.Eventually(t, func() bool { runtime.GC(); return gone.Load() }, 10*time.Second, time.Millisecond)
}

// Wall clocks step; none of the times in here may notice.
func TestTimesAreMonotonic(t *testing.T) {
	b, err := New(Consecutive("model", 1, time.Hour))
	require.NoError(t, err)
	require.Contains(t, b.base.String(), "m=", "with a monotonic reading, and so is what is measured from it")
	b.Trip()
	require.Contains(t, b.reject.Load().base.String(), "m=")
}

// The breaker opens and closes while many goroutines call. A call after an opening is
// rejected, and a call after a closing is not. No bubble: real parallelism is the point.
func TestBlindRejectionsBelongToTheirState(t *testing.T) {
	b, err := New(Consecutive("model", 1, time.Hour))
	require.NoError(t, err)
	var wg sync.WaitGroup
	var stop atomic.Bool
	for range 4 {
		wg.Go(func() {
			for !stop.Load() {
				_, _ = b.Allow()
			}
		})
	}
	for range 2000 {
		b.Trip()
		if _, err := b.Allow(); err == nil {
			t.Error("admitted by an open breaker")
		}
		b.Reset()
		if _, err := b.Allow(); err != nil {
			t.Error("rejected by a closed breaker")
		}
	}
	stop.Store(true)
	wg.Wait()
}
