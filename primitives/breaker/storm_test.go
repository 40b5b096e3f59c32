package breaker_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
)

// Ten thousand callers fail at the same instant: the breaker opens once, by
// whatever rule.
func TestTenThousandFailuresOpenOnce(t *testing.T) {
	for name, rule := range map[string]breaker.Option{
		"in a row": breaker.InARow(10_000),
		"rate":     breaker.Rate(1, time.Minute, 10_000),
		"slow":     breaker.Slow(time.Second, 1, time.Minute, 10_000),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, s := on(t, rule)
				var wg sync.WaitGroup
				for range 10_000 {
					wg.Go(func() { _, _ = b.Do(context.Background(), lasting(time.Second, errDown)) })
				}
				wg.Wait()
				require.Equal(t, breaker.Open, b.State())
				require.Len(t, s.changes, 1)
				require.EqualValues(t, 2, b.Snapshot().Generation)
			})
		})
	}
}

// Ten thousand calls hang, and ten thousand others see that at the same time.
func TestTenThousandHungCallsOpenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := on(t, breaker.Hung(time.Minute, 10_000))
		for range 10_000 {
			allow(t, b)
		}
		time.Sleep(time.Minute)
		var rejected atomic.Int32
		var wg sync.WaitGroup
		for range 10_000 {
			wg.Go(func() {
				if _, err := b.Allow(); err != nil {
					rejected.Add(1)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 10_000, rejected.Load())
		require.Len(t, s.changes, 1)
	})
}

// Everything at the same time, with all rules and modes: the changes form a chain
// and nothing is stuck at the end. No bubble: real parallelism is the point.
func TestEverythingAtOnce(t *testing.T) {
	b, s := on(t, breaker.InARow(5), breaker.OutOf(5, 10), breaker.Rate(0.5, time.Millisecond, 5),
		breaker.Slow(time.Microsecond, 0.9, time.Millisecond, 5), breaker.Hung(time.Millisecond, 3), breaker.Ramp(time.Millisecond),
		breaker.Escalate(time.Minute, time.Millisecond), breaker.Probes(2), breaker.CloseAfter(2, 3), breaker.Lease(time.Millisecond),
		breaker.ProbeGate(func() time.Duration { return 0 }))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 3000 {
				switch (i + n*7) % 16 {
				case 0:
					b.OpenFor(time.Duration(n % 3))
				case 1:
					b.Reset()
				case 2:
					b.SetMode(breaker.Mode(n % 4))
				case 3:
					b.Recover()
				case 4:
					b.RecordFailure()
				case 5:
					_ = b.Snapshot()
				case 6:
					_, _ = b.Allow() // lost
				case 7, 8, 9:
					_, _ = b.Do(context.Background(), failing)
				default:
					_, _ = b.Do(context.Background(), succeed)
				}
			}
		})
	}
	wg.Wait()
	s.requireChain(t)
	b.SetMode(breaker.ForcedOpen)
	b.SetMode(breaker.Active)
	require.Equal(t, breaker.Closed, s.changes[len(s.changes)-1].To)
	_, err := b.Do(t.Context(), succeed)
	require.NoError(t, err)
}
