package dedup_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/dedup"
)

var errDown = errors.New("down")

// gives returns a function that takes a second to return v and err.
func gives(v int, err error) func(context.Context) (int, error) {
	return func(context.Context) (int, error) {
		time.Sleep(time.Second)
		return v, err
	}
}

// Row 25 of the resilience list: a stale value is served during one renewal, and
// the fresh one after it.
func TestResilience25StaleIsServedDuringOneRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(time.Minute, dedup.ServeStale(time.Hour)))
		keep(t, d, "k", 1)
		time.Sleep(time.Minute - 1)
		v, err := d.Do(t.Context(), "k", never)
		require.NoError(t, err)
		require.Equal(t, 1, v, "not stale yet")
		time.Sleep(time.Nanosecond)
		leader := call(d, t.Context(), "k", gives(2, nil))
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				start := time.Now()
				v, err := d.Do(t.Context(), "k", never)
				assert.NoError(t, err)
				assert.Equal(t, 1, v)
				assert.Zero(t, time.Since(start), "no other caller waits")
			})
		}
		wg.Wait()
		require.Equal(t, dedup.Check[int]{State: dedup.Cached, Value: 1}, d.Check("k"))
		require.Equal(t, answer{2, nil, time.Second}, <-leader)
		v, _ = d.Do(t.Context(), "k", never)
		require.Equal(t, 2, v)
		s := d.Snapshot()
		require.Equal(t, []uint64{1, 21, 1, 0}, []uint64{s.Renewals, s.Stale, s.Misses, s.Shared})
		require.Equal(t, s.Misses+s.Renewals, s.Completed+s.Failed)
	})
}

// Row 25: a renewal that fails keeps the stale value, to the hard ttl and no longer.
func TestResilience25FailedRenewalKeepsStaleUntilTheHardTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(time.Minute, dedup.ServeStale(time.Minute)))
		keep(t, d, "k", 1)
		time.Sleep(time.Minute)
		for range 3 {
			v, err := d.Do(t.Context(), "k", gives(0, errDown))
			require.NoError(t, err, "its leader gets what is kept")
			require.Equal(t, 1, v)
		}
		time.Sleep(time.Minute - 3*time.Second - 1)
		require.True(t, d.Contains("k"))
		time.Sleep(time.Nanosecond)
		require.False(t, d.Contains("k"))
		_, err := d.Do(t.Context(), "k", gives(0, errDown))
		require.ErrorIs(t, err, errDown)
		require.Zero(t, d.Snapshot().Cached)
	})
}

// With an ErrorTTL a renewal that has failed is not tried again at once.
func TestFailedRenewalIsHeldOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(time.Minute, dedup.ServeStale(time.Hour), dedup.ErrorTTL(10*time.Second)))
		keep(t, d, "k", 1)
		time.Sleep(time.Minute)
		_, err := d.Do(t.Context(), "k", gives(0, errDown))
		require.NoError(t, err)
		time.Sleep(10*time.Second - 1)
		v, err := d.Do(t.Context(), "k", never)
		require.NoError(t, err)
		require.Equal(t, 1, v)
		time.Sleep(time.Nanosecond)
		v, err = d.Do(t.Context(), "k", gives(2, nil))
		require.NoError(t, err)
		require.Equal(t, 2, v)
		require.Equal(t, 1, d.Snapshot().Cached)
	})
}

// Callers that come when the value is gone, while it is still being renewed, wait.
func TestValueExpiresWhileItIsRenewed(t *testing.T) {
	for name, want := range map[string]error{"renewed": nil, "failed": errDown} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := make1[string, int](t, dedup.Window(time.Minute, dedup.ServeStale(500*time.Millisecond)))
				keep(t, d, "k", 1)
				time.Sleep(time.Minute)
				leader := call(d, t.Context(), "k", gives(2, want))
				time.Sleep(500 * time.Millisecond)
				require.False(t, d.Contains("k"))
				follower := call(d, t.Context(), "k", never)
				a := <-follower
				require.ErrorIs(t, a.err, want)
				require.Equal(t, answer{2, want, 500 * time.Millisecond}, a)
				if want == nil {
					require.Equal(t, 2, (<-leader).v)
					return
				}
				require.Equal(t, answer{1, nil, time.Second}, <-leader, "it had found a value")
				require.Equal(t, dedup.First, d.Check("k").State)
			})
		})
	}
}

// A renewal that no caller waits for ends, and leaves what is kept.
func TestAbandonedRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(time.Minute, dedup.ServeStale(time.Hour)))
		keep(t, d, "k", 1)
		time.Sleep(time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		v, err := d.Do(ctx, "k", slow)
		require.NoError(t, err)
		require.Equal(t, 1, v)
		require.True(t, d.Contains("k"))
		require.NoError(t, d.Invariants())
		v, err = d.Do(t.Context(), "k", gives(2, nil))
		require.NoError(t, err)
		require.Equal(t, 2, v)
	})
}

func TestRenewalPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(time.Minute, dedup.ServeStale(time.Hour), dedup.ErrorTTL(time.Hour)))
		keep(t, d, "k", 1)
		time.Sleep(time.Minute)
		require.PanicsWithValue(t, "boom", func() {
			_, _ = d.Do(t.Context(), "k", func(context.Context) (int, error) { panic("boom") })
		})
		v, ok := d.Get("k")
		require.True(t, ok)
		require.Equal(t, 1, v)
		require.Equal(t, dedup.Stale, d.Check("k").State, "the next may try")
	})
}

// The steps of a renewal by hand, and what becomes of it when the value goes first.
func TestRenewalByToken(t *testing.T) {
	gone := map[string]func(*dedup.Dedup[string, int]){
		"kept":      func(*dedup.Dedup[string, int]) {},
		"evicted":   func(d *dedup.Dedup[string, int]) { d.EvictOldest() },
		"expired":   func(*dedup.Dedup[string, int]) { time.Sleep(time.Hour) },
		"purged":    func(d *dedup.Dedup[string, int]) { time.Sleep(time.Hour); d.Purge() },
		"forgotten": func(d *dedup.Dedup[string, int]) { d.Forget("k") },
		"cleared":   func(d *dedup.Dedup[string, int]) { d.Clear() },
	}
	for name, goes := range gone {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := make1[string, int](t, dedup.Window(time.Minute, dedup.ServeStale(time.Hour)))
				keep(t, d, "k", 1)
				time.Sleep(time.Minute)
				c := d.Check("k")
				require.Equal(t, dedup.Stale, c.State)
				require.Equal(t, 1, c.Value)
				goes(d)
				forgotten := name == "forgotten" || name == "cleared"
				switch state := d.Check("k").State; {
				case name == "kept":
					require.Equal(t, dedup.Cached, state)
				case forgotten:
					require.Equal(t, dedup.First, state)
				default:
					require.Equal(t, dedup.InProgress, state)
				}
				require.True(t, d.Complete(c.Token, 2))
				v, ok := d.Get("k")
				require.Equal(t, !forgotten, ok)
				require.Equal(t, map[bool]int{true: 2}[ok], v)
			})
		})
	}
}

// Early: the longer a run takes, the earlier its value is renewed. Chance decides, so that
// with many callers one comes before the end. If runs cost no time, none comes early.
func TestEarlyRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		renewed := func(took time.Duration, beta float64) (sum time.Duration) {
			d := make1[int, int](t, dedup.Window(time.Minute, dedup.Early(beta)))
			for key := range 100 {
				_, err := d.Do(t.Context(), key, func(context.Context) (int, error) { time.Sleep(took); return 1, nil })
				require.NoError(t, err)
				begun := time.Now()
				for {
					time.Sleep(100 * time.Millisecond)
					again := false
					v, err := d.Do(t.Context(), key, func(context.Context) (int, error) { again = true; return 2, nil })
					require.NoError(t, err)
					if again {
						break
					}
					require.Equal(t, 1, v)
				}
				age := time.Since(begun)
				require.LessOrEqual(t, age, time.Minute)
				sum += time.Minute - age
			}
			return sum / 100
		}
		require.Zero(t, renewed(0, 1))
		// By the maximum of n draws, the mean is about took * ln(n).
		short, long, eager := renewed(100*time.Millisecond, 1), renewed(time.Second, 1), renewed(time.Second, 4)
		require.InDelta(t, 0.2, short.Seconds(), 0.2)
		require.InDelta(t, 2.9, long.Seconds(), 0.8)
		require.Greater(t, eager, 2*long)
	})
}

// During an early renewal all others are served, and one that fails changes nothing.
func TestEarlyRenewalThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(time.Minute, dedup.Early(1000)))
		_, err := d.Do(t.Context(), "k", gives(1, nil))
		require.NoError(t, err)
		time.Sleep(50 * time.Second)
		leader := call(d, t.Context(), "k", gives(0, errDown))
		v, err := d.Do(t.Context(), "k", never)
		require.NoError(t, err)
		require.Equal(t, 1, v)
		require.Equal(t, answer{1, nil, time.Second}, <-leader)
		time.Sleep(9 * time.Second)
		require.False(t, d.Contains("k"))
	})
}
