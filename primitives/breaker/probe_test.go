package breaker_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/outcome"
)

func TestExactlySoManyProbesAsAllowed(t *testing.T) {
	for _, k := range []int{1, 3, 64} {
		for _, callers := range []int{64, 1000} {
			t.Run(fmt.Sprintf("%d of %d", k, callers), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { stampede(t, k, callers) })
			})
		}
	}
}

// stampede sends all callers at the instant the window ends. The probes hang for
// a second, so that all have asked before one has decided.
func stampede(t *testing.T, k, callers int) {
	b := newBreaker(t, breaker.Probes(k))
	halfOpen(t, b)
	var ran, rejected atomic.Int64
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			_, err := b.Do(t.Context(), func(context.Context) (int, error) {
				ran.Add(1)
				time.Sleep(time.Second)
				return 0, nil
			})
			if err == nil {
				return
			}
			rejected.Add(1)
			var open *breaker.OpenError
			if assert.ErrorAs(t, err, &open) {
				assert.Equal(t, breaker.HalfOpen, open.State)
				assert.Positive(t, open.After())
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, k, ran.Load())
	require.EqualValues(t, callers-k, rejected.Load())
	require.EqualValues(t, callers-k, b.Snapshot().Rejected)
	require.Equal(t, breaker.Closed, b.State(), "the first success has closed it")
}

// However a probe ends, its place is free for the next call.
func TestProbeSlotComesBack(t *testing.T) {
	cancelled := func(ctx context.Context) (int, error) { return 0, ctx.Err() }
	tests := []struct {
		name  string
		probe func(t *testing.T, b *breaker.Breaker)
		after breaker.State
	}{
		{"panic", func(t *testing.T, b *breaker.Breaker) {
			require.Panics(t, func() {
				_, _ = b.Do(t.Context(), func(context.Context) (int, error) { panic("boom") })
			})
		}, breaker.Open},
		{"goexit", func(t *testing.T, b *breaker.Breaker) { goexit(t, b) }, breaker.Open},
		{"cancelled by the caller", func(t *testing.T, b *breaker.Breaker) {
			ctx, cancel := context.WithCancel(t.Context())
			_, err := b.Do(ctx, func(ctx context.Context) (int, error) { cancel(); return cancelled(ctx) })
			require.ErrorIs(t, err, context.Canceled)
		}, breaker.HalfOpen},
		{"ignored", func(t *testing.T, b *breaker.Breaker) {
			_, err := b.Do(t.Context(), func(context.Context) (int, error) { return 0, outcome.AsIgnored(errDown) })
			require.ErrorIs(t, err, errDown)
		}, breaker.HalfOpen},
		{"permanent", func(t *testing.T, b *breaker.Breaker) {
			_, err := b.Do(t.Context(), func(context.Context) (int, error) { return 0, outcome.AsPermanent(errDown) })
			require.ErrorIs(t, err, errDown)
		}, breaker.HalfOpen},
		{"throttled", func(t *testing.T, b *breaker.Breaker) {
			_, err := b.Do(t.Context(), func(context.Context) (int, error) { return 0, outcome.AsThrottled(errDown, 1) })
			require.ErrorIs(t, err, errDown)
		}, breaker.Open},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker(t)
				halfOpen(t, b)
				tt.probe(t, b)
				require.Equal(t, tt.after, b.State())
				require.Zero(t, b.Snapshot().Probes)
				if tt.after == breaker.Open {
					time.Sleep(window)
				}
				_, err := b.Do(t.Context(), succeed)
				require.NoError(t, err)
				require.Equal(t, breaker.Closed, b.State())
			})
		})
	}
}

// The fault: a probe whose end was never recorded left the breaker half-open without an end.
func TestLostProbeFreesItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Probes(2), breaker.Lease(3*time.Second))
		halfOpen(t, b)
		allow(t, b) // lost
		time.Sleep(time.Second)
		allow(t, b) // lost
		_, err := b.Allow()
		var open *breaker.OpenError
		require.ErrorAs(t, err, &open)
		require.Equal(t, 2*time.Second, open.After(), "until the first of the two leases ends")
		require.EqualError(t, err, `breaker: open: "model" is half-open and its probes are out, next slot in 2s at the latest`)

		time.Sleep(2*time.Second - 1)
		_, err = b.Allow()
		require.ErrorIs(t, err, breaker.ErrOpen)
		time.Sleep(time.Nanosecond)
		allow(t, b) // lost again, in the place of the first
		_, err = b.Allow()
		require.ErrorIs(t, err, breaker.ErrOpen)
		require.Equal(t, 2, b.Snapshot().Probes)

		time.Sleep(24 * time.Hour)
		_, err = b.Do(t.Context(), succeed)
		require.NoError(t, err)
		require.Equal(t, breaker.Closed, b.State())
	})
}

func TestDefaultLeaseIsTheWindowButASecondAtLeast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct{ recovery, lease time.Duration }{
			{0, time.Second}, {time.Millisecond, time.Second}, {time.Minute, time.Minute},
		} {
			b, err := breaker.New(breaker.Consecutive("model", 1, tt.recovery))
			require.NoError(t, err)
			b.Trip()
			time.Sleep(tt.recovery)
			allow(t, b)
			_, err = b.Allow()
			var open *breaker.OpenError
			require.ErrorAs(t, err, &open)
			require.Equal(t, tt.lease, open.After())
		}
	})
}

// A service that always answers after the lease must still be found to be up.
func TestProbeThatOutlivesItsLeaseStillDecides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Lease(time.Second))
		halfOpen(t, b)
		slow := allow(t, b)
		time.Sleep(2 * time.Second)
		next := allow(t, b) // has the slot now
		b.Record(t.Context(), &slow, nil)
		require.Equal(t, breaker.Closed, b.State())

		b.Record(t.Context(), &next, errDown)
		require.Zero(t, b.Snapshot().Failures, "decided already")
		require.EqualValues(t, 1, b.Snapshot().Stale)
	})
}

// Two probes end at the same time, one well and one badly: the one that decides
// does so alone. Otherwise the failure that comes second, having looked before
// the lock and acted behind it, would open a breaker that has just closed. No
// bubble: real parallelism is the point.
func TestOneProbeDecidesForAll(t *testing.T) {
	b, err := breaker.New(breaker.Consecutive("model", 5, 0, breaker.Probes(2)))
	require.NoError(t, err)
	for range 5000 {
		b.Trip()
		good, bad := allow(t, b), allow(t, b)
		before := b.Snapshot()
		var wg sync.WaitGroup
		wg.Go(func() { b.Record(context.Background(), &good, nil) })
		wg.Go(func() { b.Record(context.Background(), &bad, errDown) })
		wg.Wait()
		after := b.Snapshot()
		require.Equal(t, before.Generation+1, after.Generation)
		require.Equal(t, before.Stale+1, after.Stale)
	}
}

// A probe without its slot must not free the slot of the one that has it now.
func TestIgnoredProbeGivesBackOnlyItsOwnSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Lease(time.Second))
		halfOpen(t, b)
		slow := allow(t, b)
		time.Sleep(2 * time.Second)
		next := allow(t, b)
		copied := next
		b.Record(t.Context(), &slow, outcome.AsIgnored(errDown))
		_, err := b.Allow()
		require.ErrorIs(t, err, breaker.ErrOpen)

		b.Record(t.Context(), &next, outcome.AsIgnored(errDown))
		allow(t, b)
		b.Record(t.Context(), &copied, outcome.AsIgnored(errDown))
		_, err = b.Allow()
		require.ErrorIs(t, err, breaker.ErrOpen, "a copy gives nothing back a second time")
	})
}

// requireUndecided checks that the probes have opened b again without an outcome.
func requireUndecided(t *testing.T, b *breaker.Breaker, s *seen) {
	t.Helper()
	require.Equal(t, breaker.Open, b.State())
	last := s.changes[len(s.changes)-1]
	require.Equal(t, breaker.Open, last.To)
	require.Equal(t, breaker.Probe, last.Cause)
	require.EqualError(t, last.Failure, "the probes have said nothing")
	require.Equal(t, window, last.For)
	require.Equal(t, window, b.Snapshot().RetryAfter)
}

// The fault: probes that say nothing were followed by others for as long as they did,
// each of them a call to a service that may be down.
func TestNoMoreProbesThanInAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := on(t, breaker.InARow(1), breaker.ProbeLimit(3))
		halfOpen(t, b)
		play(t, b, "ip")
		require.Equal(t, breaker.HalfOpen, b.State())
		play(t, b, "i")
		requireUndecided(t, b, s)
		require.ErrorContains(t, rejected(t, b), "opened by its probes: the probes have said nothing")

		time.Sleep(window)
		play(t, b, "iis")
		require.Equal(t, breaker.Closed, b.State(), "the last one decides")
	})
}

// While a probe is out that can decide, the breaker waits for it.
func TestTheLastProbesAreWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := on(t, breaker.InARow(1), breaker.Probes(5), breaker.ProbeLimit(3), breaker.CloseAfter(2, 3), breaker.Lease(4*time.Second))
		halfOpen(t, b)
		first := allow(t, b)
		time.Sleep(time.Second)
		second, third := allow(t, b), allow(t, b)
		open := rejected(t, b)
		require.Equal(t, breaker.HalfOpen, open.State)
		require.Equal(t, 4*time.Second, open.After(), "until all leases are over")
		b.Record(t.Context(), &third, outcome.AsIgnored(errDown))
		require.Equal(t, 4*time.Second, rejected(t, b).After())
		time.Sleep(4*time.Second - 1)
		require.Equal(t, breaker.HalfOpen, b.State())
		rejected(t, b)
		b.Record(t.Context(), &first, nil)
		require.Equal(t, breaker.HalfOpen, b.State(), "a lease that is over gives no further probe")
		require.Equal(t, 1, b.Snapshot().Probes)
		b.Record(t.Context(), &second, nil)
		require.Equal(t, breaker.Closed, b.State())
		require.Len(t, s.changes, 3)
	})
}

// Probes that never come back keep a breaker half-open for a lease and no longer.
func TestLostProbesOfALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := on(t, breaker.InARow(1), breaker.Probes(2), breaker.ProbeLimit(2), breaker.Lease(4*time.Second))
		halfOpen(t, b)
		late := allow(t, b)
		allow(t, b)
		time.Sleep(4 * time.Second)
		require.Equal(t, breaker.Open, b.State(), "State says what Allow will do")
		require.Equal(t, window, b.Snapshot().RetryAfter)
		require.Len(t, s.changes, 2, "to look is no transition")
		require.Equal(t, breaker.Open, rejected(t, b).State)
		requireUndecided(t, b, s)
		b.Record(t.Context(), &late, nil)
		require.EqualValues(t, 1, b.Snapshot().Stale)
		require.Equal(t, breaker.Open, b.State())

		b, _ = on(t, breaker.InARow(1), breaker.ProbeLimit(1), breaker.Lease(4*time.Second))
		halfOpen(t, b)
		allow(t, b)
		time.Sleep(4 * time.Second)
		b.RecordSuccess()
		require.Equal(t, breaker.Open, b.State(), "a health check comes too late as well")
	})
}

// A probe that a gate turns away has not been let through.
func TestAGateCostsNoProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wait := time.Second
		b, _ := gated(t, &wait, breaker.ProbeLimit(1))
		for range 5 {
			rejected(t, b)
			time.Sleep(time.Second)
		}
		wait = 0
		play(t, b, "s")
		require.Equal(t, breaker.Closed, b.State())
	})
}

// With a recovery of 0 the next call is a probe again.
func TestProbeLimitWithoutRecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := breaker.New(breaker.Consecutive("model", 1, 0, breaker.ProbeLimit(1)))
		require.NoError(t, err)
		play(t, b, "fi")
		require.Equal(t, breaker.HalfOpen, b.State())
		allow(t, b)
		time.Sleep(time.Second)
		require.Equal(t, breaker.HalfOpen, b.State())
		play(t, b, "s")
		require.Equal(t, breaker.Closed, b.State())
	})
}
