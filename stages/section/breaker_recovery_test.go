package section_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/section"
	"github.com/weir-go/weir/stages/source"
)

// A shadow lets every item through, and says how many it would have refused.
func TestAShadowBreakerRefusesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := fuse(t, 3, time.Hour, breaker.Start(breaker.Shadow))
		calls := 0
		r := through(t, every(time.Second, 20), section.Map([]section.Layer{section.Breaker(b)},
			func(context.Context, int) (int, error) { calls++; return 0, errFlaky }))
		require.Equal(t, 20, calls)
		require.Zero(t, rejections(r))
		require.Equal(t, breaker.Open, b.State())
		require.EqualValues(t, 17, b.Snapshot().Rejected)
	})
}

// Items that are held come back as slowly as the ramp says, in order, and none is
// lost.
func TestAHeldStreamRampsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := fuse(t, 1, time.Minute, breaker.Ramp(100*time.Second))
		b.Trip()
		begun := time.Now()
		var at []time.Duration
		r := through(t, source.Slice(upTo(200)), section.Map([]section.Layer{section.Breaker(b, stages.Hold())}, func(_ context.Context, v int) (int, error) {
			at = append(at, time.Since(begun))
			return v, nil
		}))
		require.Equal(t, upTo(200), r.out)
		early := 0
		for _, when := range at {
			if when < 80*time.Second {
				early++
			}
		}
		require.Less(t, early, 100, "a fifth of the ramp is over")
		require.LessOrEqual(t, r.took, 160*time.Second)
	})
}

// A service that throttles says when to come back, and a stream that holds comes
// back then.
func TestAHeldStreamObeysTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := fuse(t, 1, time.Second)
		begun := time.Now()
		var calls []time.Duration
		r := through(t, every(time.Second, 3), section.Map([]section.Layer{section.Retry(retry.Constant(2, time.Nanosecond)), section.Breaker(b, stages.Hold())},
			func(_ context.Context, v int) (int, error) {
				calls = append(calls, time.Since(begun))
				if len(calls) == 1 {
					return 0, outcome.AsThrottled(errFlaky, 40*time.Second)
				}
				return v, nil
			}))
		require.ElementsMatch(t, upTo(3), r.out)
		require.Zero(t, calls[0])
		require.Equal(t, 40*time.Second, calls[1])
	})
}

// Held items go on when a breaker that they share closes, by whatever code. The fault: they waited
// until the opening, or the lease of a probe of that code, was over.
func TestHeldItemsGoOnWhenASharedBreakerCloses(t *testing.T) {
	for name, tt := range map[string]struct {
		opensFor time.Duration
		begin    func(*testing.T, *breaker.Breaker) (closes func())
	}{
		"reset": {time.Hour, func(_ *testing.T, b *breaker.Breaker) func() { return b.Reset }},
		"disabled": {time.Hour, func(_ *testing.T, b *breaker.Breaker) func() {
			return func() { b.SetMode(breaker.Disabled) }
		}},
		"probe": {0, func(t *testing.T, b *breaker.Breaker) func() {
			probe, err := b.Allow()
			require.NoError(t, err)
			return func() { b.Record(t.Context(), &probe, nil) }
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := fuse(t, 1, time.Hour)
				b.OpenFor(tt.opensFor)
				closes := tt.begin(t, b)
				r := through(t, source.Slice(upTo(5)), section.Map([]section.Layer{section.Breaker(b, stages.Hold())}, same),
					after(time.Second, func(*kernel.Run) { closes() }))
				require.Equal(t, upTo(5), r.out)
				require.Equal(t, time.Second, r.took)
			})
		})
	}
}
