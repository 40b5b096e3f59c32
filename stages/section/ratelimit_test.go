package section_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/section"
	"github.com/weir-go/weir/stages/source"
)

// rated is a section with a rate around f.
func rated(source limiter.Source, cost func(int) int, f func(context.Context, int) (int, error), opts ...stages.MapOption) stages.Stage[int, int] {
	return section.Map([]section.Layer{section.RateLimit(source, cost)}, f, opts...)
}

// limited makes a limiter that can be looked at.
func limited(t *testing.T, p limiter.Policy) *limiter.Limiter {
	t.Helper()
	l, err := limiter.New(p)
	require.NoError(t, err)
	return l
}

// clock returns a call that notes when it is made.
func clock() (f func(context.Context, int) (int, error), at *[]time.Duration) {
	begun := time.Now()
	at = new([]time.Duration)
	return func(_ context.Context, v int) (int, error) {
		*at = append(*at, time.Since(begun))
		return v, nil
	}, at
}

func TestCallsAreMadeAtTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		call, at := clock()
		r := through(t, source.Slice(upTo(6)), rated(limiter.Every(time.Second, limiter.Burst(2)), nil, call))
		require.Equal(t, upTo(6), r.out)
		require.Equal(t, []time.Duration{0, 0, 1e9, 2e9, 3e9, 4e9}, *at)
		require.Equal(t, stages.Timing{Stage: "stage", Wait: 4 * time.Second, Attempts: 1}, r.timing(5))
	})
}

func TestACallCostsSoMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		call, at := clock()
		r := through(t, source.Slice(upTo(5)), rated(limiter.Every(time.Second, limiter.Burst(4)), func(v int) int { return v }, call))
		require.Equal(t, upTo(5), r.out)
		require.Equal(t, []time.Duration{0, 0, 0, 2e9, 6e9}, *at) // 0+1+2 at once, 3 needs 2 more, 4 all of them
	})
}

// What waits for the rate holds no worker: one worker serves the items that need not wait.
func TestWhoWaitsForTheRateHoldsNoWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		layers := []section.Layer{section.RateLimit(limiter.Every(time.Hour, limiter.Burst(10)), func(v int) int { return 10 * (v % 2) })}
		r := through(t, source.Slice(upTo(4)), section.Map(layers, same, stages.Workers(1), stages.Unordered()))
		require.Equal(t, []int{0, 1, 2, 3}, r.out, "in the layer the order is kept")
		require.Equal(t, 10*time.Hour, r.took)
	})
}

// The fault: of many items each had to be told by a 429 of its own to stay away,
// and then they all came back at once.
func TestAThrottledCallMakesAllWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var at []time.Duration
		told := 0
		call := func(_ context.Context, v int) (int, error) {
			at = append(at, time.Since(begun))
			if v == 2 && told == 0 {
				told++
				return 0, outcome.AsThrottled(errFlaky, time.Minute)
			}
			return v, nil
		}
		l := limited(t, limiter.Every(time.Second, limiter.Burst(3)))
		r := through(t, source.Slice(upTo(6)), section.Map([]section.Layer{
			section.Retry(retry.Constant(3, time.Second, retry.Jitter(retry.NoJitter))), section.RateLimit[int](l, nil),
		}, call))
		require.Equal(t, upTo(6), r.out)
		require.Equal(t, []time.Duration{0, 0, 0}, at[:3])
		require.Len(t, at, 7)
		for i, when := range at[3:] {
			require.GreaterOrEqual(t, when, time.Minute+time.Duration(i)*time.Second)
		}
		require.LessOrEqual(t, at[6], time.Minute+5*time.Second)
		require.Equal(t, uint64(1), l.Snapshot().Penalties)
	})
}

// Inside a retry each try pays, outside each item.
func TestTheOrderOfRateAndRetry(t *testing.T) {
	tries := section.Retry(retry.Constant(3, time.Second))
	for name, tt := range map[string]struct {
		layers func(section.Layer) []section.Layer
		units  uint64
	}{
		"inside":  {func(l section.Layer) []section.Layer { return []section.Layer{tries, l} }, 30},
		"outside": {func(l section.Layer) []section.Layer { return []section.Layer{l, tries} }, 10},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := limited(t, limiter.PerSecond(100))
				through(t, source.Slice(upTo(10)), section.Map(tt.layers(section.RateLimit[int](l, nil)), fails))
				require.Equal(t, tt.units, l.Snapshot().Units)
			})
		})
	}
}

// The rate is the service's: a drain keeps to it.
func TestADrainKeepsTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice(upTo(10)), rated(limiter.Every(time.Second), nil, same), after(2500*time.Millisecond, stop))
		require.Equal(t, upTo(10), r.out)
		require.Equal(t, 9*time.Second, r.took)
	})
}

func TestAnAbortEndsTheWaitForTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limited(t, limiter.Every(time.Hour))
		r := through(t, source.Slice(upTo(10)), rated(l, nil, same), after(time.Minute, abort))
		require.Equal(t, time.Minute, r.took)
		require.Equal(t, []int{0}, r.out)
		require.Len(t, r.failed, 9)
		for _, f := range r.failed {
			require.ErrorIs(t, f, stages.ErrAborted)
			require.ErrorIs(t, f, errGone)
		}
		require.Zero(t, l.Snapshot().Waiting)
		require.Equal(t, uint64(1), l.Snapshot().Units, "what was not called was not paid")
	})
}

func TestACostAboveTheBurstFailsTheItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		layers := []section.Layer{
			section.Retry(retry.Constant(3, time.Minute)),
			section.RateLimit(limiter.PerSecond(1, limiter.Burst(5)), func(v int) int {
				if v == 7 {
					panic("cost")
				}
				return v
			}),
		}
		r := through(t, source.Slice([]int{5, 6, 7, -1, 1}), section.Map(layers, func(_ context.Context, v int) (int, error) { calls++; return v, nil }))
		require.Equal(t, []int{5, 1}, r.out)
		require.Equal(t, 2, calls)
		require.ErrorIs(t, r.failed[0], limiter.ErrCost)
		var p *stages.PanicError
		require.ErrorAs(t, r.failed[1], &p)
		require.ErrorIs(t, r.failed[2], limiter.ErrCost)
		require.NoError(t, r.err)
	})
}

// An item does not wait for a turn that comes too late, and the service is not
// blamed for it.
func TestADeadlineInTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := fuse(t, 1, time.Hour)
		begun := time.Now()
		r := through(t, source.Slice(upTo(4)), section.Map([]section.Layer{
			section.Breaker(b), section.Timeout(1500 * time.Millisecond), section.RateLimit[int](limiter.Every(time.Second), nil),
		}, same))
		require.Equal(t, []int{0, 1}, r.out)
		require.Len(t, r.failed, 2)
		for _, f := range r.failed {
			require.ErrorIs(t, f, stages.ErrTimeout)
			var w *limiter.WaitError
			require.ErrorAs(t, f, &w)
			require.Zero(t, f.Attempts)
		}
		require.Equal(t, time.Second, time.Since(begun), "that it comes too late is known before")
		require.Equal(t, breaker.Closed, b.State())
		r = dated(t, false, 1500*time.Millisecond, source.Slice(upTo(4)), rated(limiter.Every(time.Second), nil, same))
		require.Equal(t, []int{0, 1}, r.out)
		require.Equal(t, int64(2), r.ledger().Expired)
	})
}

// A section and other users of a limiter share one rate. Its line is in the order of arrival.
func TestASharedRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limited(t, limiter.Every(time.Second))
		other := make(chan time.Duration, 5)
		begun := time.Now()
		go func() {
			defer close(other)
			for range 5 {
				_ = l.Wait(context.Background(), 1)
				other <- time.Since(begun)
			}
		}()
		r := through(t, source.Slice(upTo(5)), rated(l, nil, same))
		var last time.Duration
		for last = range other {
		}
		require.Equal(t, 9*time.Second, last)
		require.LessOrEqual(t, r.took, 6*time.Second, "its items were in line when the other came again")
		require.Equal(t, uint64(10), r.nodes[1].Observed()[0].(limiter.Snapshot).Admitted)
	})
}

// Where the guard is the outermost layer it counts the items that wait, as it should.
func TestAGuardBoundsWhatWaitsForTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, err := guard.New(guard.Limit(3))
		require.NoError(t, err)
		most := 0
		r := through(t, source.Slice(upTo(20)), section.Map([]section.Layer{section.Guard(g), section.RateLimit[int](limiter.Every(time.Second), nil)},
			func(_ context.Context, v int) (int, error) { most = max(most, g.Snapshot().Depth); return v, nil }))
		require.Equal(t, upTo(20), r.out)
		require.Equal(t, 3, most)
	})
}

// A classifier that panics fails its item, and the section goes on.
func TestARateWithABrokenClassifier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := limiter.Every(time.Second, limiter.Classify(func(context.Context, error) outcome.Outcome { panic("classifier") }))
		r := through(t, source.Slice(upTo(5)), rated(p, nil, tenfold))
		require.Equal(t, []int{0, 20, 40}, r.out)
		require.Len(t, r.failed, 2)
		for _, f := range r.failed {
			require.ErrorIs(t, f, errOdd)
			require.ErrorContains(t, f, "classifier")
		}
		require.NoError(t, r.err)
	})
}

func TestRateLimitRefusesWhatIsWrong(t *testing.T) {
	require.ErrorContains(t, rated(nil, nil, same).(stages.Validator).Validate(), "limiter is nil")
	require.ErrorIs(t, rated(limiter.PerSecond(0), nil, same).(stages.Validator).Validate(), limiter.ErrPolicy)
	require.Error(t, rated((*limiter.Limiter)(nil), nil, same).(stages.Validator).Validate())
	require.ErrorContains(t, operator.Throttle[int](nil, nil).(stages.Validator).Validate(), "limiter is nil")
	require.ErrorIs(t, operator.Throttle[int](limiter.PerSecond(0), nil).(stages.Validator).Validate(), limiter.ErrPolicy)
}
