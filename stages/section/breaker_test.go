package section_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/section"
	"github.com/weir-go/weir/stages/source"
)

// fuse returns a breaker to be shared and looked at.
func fuse(t *testing.T, failures int, recovery time.Duration, opts ...breaker.Option) *breaker.Breaker {
	b, err := breaker.New(breaker.Consecutive("service", failures, recovery, opts...))
	require.NoError(t, err)
	return b
}

// rejections returns how many items the breaker refused.
func rejections[I, O any](r *rig[I, O]) (n int) {
	for _, f := range r.failed {
		if errors.Is(f, breaker.ErrOpen) {
			n++
		}
	}
	return n
}

func TestABreakerStopsTheCallsToWhatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		r := through(t, every(time.Second, 20), section.Map([]section.Layer{section.Breaker(fuse(t, 3, time.Hour))},
			func(context.Context, int) (int, error) { calls++; return 0, errFlaky }))
		require.Equal(t, 3, calls)
		require.Equal(t, 17, rejections(r))
		var open *breaker.OpenError
		require.ErrorAs(t, r.failed[3], &open)
		require.Equal(t, "service", open.Name)
		require.Zero(t, r.failed[3].Attempts)
		require.Equal(t, stages.Timing{Stage: "stage"}, r.timing(3), "it is answered at once")
	})
}

func TestABreakerFindsOutThatTheServiceIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		r := through(t, every(time.Second, 20), section.Map([]section.Layer{section.Breaker(fuse(t, 2, 5*time.Second))},
			func(_ context.Context, v int) (int, error) {
				if time.Since(begun) < 10*time.Second {
					return 0, errFlaky
				}
				return v, nil
			}))
		// Opened by 0 and 1; 6 is a probe that fails, 11 one that does not.
		require.Equal(t, []int{11, 12, 13, 14, 15, 16, 17, 18, 19}, r.out)
		require.Equal(t, 11-3, rejections(r))
	})
}

// The order of breaker and retry decides what is an outcome.
func TestTheOrderOfBreakerAndRetry(t *testing.T) {
	policy := breaker.Consecutive("service", 5, time.Hour)
	tries := retry.Constant(3, time.Second)
	for name, tt := range map[string]struct {
		layers      []section.Layer
		calls, open int
	}{
		"breaker around retry: five items fail, of three calls each": {[]section.Layer{section.Breaker(policy), section.Retry(tries)}, 15, 15},
		"retry around breaker: each attempt counts":                  {[]section.Layer{section.Retry(tries), section.Breaker(policy)}, 5, 19},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				r := through(t, every(time.Minute, 20), section.Map(tt.layers, func(context.Context, int) (int, error) { calls++; return 0, errFlaky }))
				require.Equal(t, tt.calls, calls)
				require.Equal(t, tt.open, rejections(r))
				require.Len(t, r.failed, 20)
			})
		})
	}
}

// An open breaker is no failed attempt: the retry around it gives up at once,
// or waits for it without spending attempts where the policy says so.
func TestARetryAroundAnOpenBreaker(t *testing.T) {
	for name, tt := range map[string]struct {
		tries retry.Policy
		took  time.Duration
		ok    bool
	}{
		"gives up": {retry.Constant(3, time.Second), 0, false},
		"waits":    {retry.Constant(1, time.Second, retry.RetryRejected()), time.Minute, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := fuse(t, 1, time.Minute)
				b.Trip()
				r := through(t, source.Slice([]int{1}), section.Map([]section.Layer{section.Retry(tt.tries), section.Breaker(b)}, same))
				require.Equal(t, tt.took, r.took)
				require.Equal(t, tt.ok, len(r.out) == 1)
			})
		})
	}
}

// The first try may be one that was rejected: it has no attempt to its name.
func TestARetryWaitsForABreakerThatWasOpenBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := fuse(t, 1, time.Minute)
		b.Trip()
		r := through(t, source.Slice([]int{1}), section.Map([]section.Layer{
			section.Retry(retry.Exponential(3, time.Second, retry.RetryRejected())), section.Breaker(b),
		}, same))
		require.NoError(t, r.err)
		require.Equal(t, []int{1}, r.out)
	})
}

func TestWhatIsNoFailureOfTheServiceDoesNotOpen(t *testing.T) {
	for name, err := range map[string]error{
		"drop":      stages.ErrDrop,
		"permanent": outcome.AsPermanent(errOdd),
		"ignored":   outcome.AsIgnored(errOdd),
		"aborted":   stages.ErrAborted,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := fuse(t, 1, time.Hour)
				through(t, source.Slice(upTo(20)), section.Map([]section.Layer{section.Breaker(b)}, func(context.Context, int) (int, error) { return 0, err }))
				require.Equal(t, breaker.Closed, b.State())
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		b := fuse(t, 1, time.Hour)
		through(t, source.Slice(upTo(20)), section.Map([]section.Layer{section.Breaker(b)}, func(context.Context, int) (int, error) { panic("down") }))
		require.Equal(t, breaker.Open, b.State(), "a panic is a failure")
	})
}

func TestABreakerThatHoldsLosesNothingAndKeepsTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var failed atomic.Int32
		r := through(t, source.Slice(upTo(200)), section.Map([]section.Layer{
			section.Guard(guard.Limit(10)),
			section.Retry(retry.Constant(100, 100*time.Millisecond)),
			section.Breaker(breaker.Consecutive("service", 3, time.Second), stages.Hold()),
		}, func(_ context.Context, v int) (int, error) {
			if time.Since(begun) < 5*time.Second {
				failed.Add(1)
				return 0, errFlaky
			}
			return v, nil
		}, stages.Workers(2)))
		require.Equal(t, upTo(200), r.out)
		require.LessOrEqual(t, failed.Load(), int32(10+5), "what was under way, and one probe a second")
		require.LessOrEqual(t, r.took, 6*time.Second)
	})
}

// Those who are held are admitted in order, one as the probe and, when that has
// succeeded, the others.
func TestAHeldStreamResumesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := fuse(t, 1, time.Minute)
		b.Trip()
		begun := time.Now()
		var order []int
		var first time.Duration
		r := through(t, source.Slice(upTo(20)), section.Map([]section.Layer{section.Breaker(b, stages.Hold())}, func(_ context.Context, v int) (int, error) {
			if order = append(order, v); v == 0 {
				first = time.Since(begun)
				time.Sleep(time.Second)
			}
			return v, nil
		}))
		require.Equal(t, upTo(20), order)
		require.Equal(t, upTo(20), r.out)
		require.Equal(t, time.Minute, first)
		require.Equal(t, 61*time.Second, r.took)
		require.Equal(t, 61*time.Second, r.timing(19).Wait)
	})
}

// A stop does not have a service called that is down.
func TestADrainWaitsForABreakerThatHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := fuse(t, 1, time.Minute)
		b.Trip()
		r := through(t, lasting(5), section.Map([]section.Layer{section.Breaker(b, stages.Hold())}, same), after(time.Second, stop))
		require.NoError(t, r.err)
		require.Equal(t, upTo(5), r.out)
		require.Equal(t, time.Minute, r.took)
	})
}

// An outage does not empty the source: what is held fills the section, and the
// stream pauses.
func TestAHeldStreamPausesItsSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := fuse(t, 1, time.Hour)
		b.Trip()
		var emitted atomic.Int32
		source := stages.SourceFunc[int](func(ctx context.Context, out *stages.Outlet[int]) error {
			for i := range 1000 {
				if ctx.Err() != nil || !out.Emit(i) {
					break
				}
				emitted.Add(1)
			}
			return nil
		})
		r := through(t, source, section.Map([]section.Layer{section.Guard(guard.Limit(5)), section.Breaker(b, stages.Hold())}, same),
			after(time.Minute, abort))
		require.LessOrEqual(t, emitted.Load(), int32(5+16+16+1))
		require.Len(t, r.failed, int(emitted.Load()))
		require.ErrorIs(t, r.failed[0], stages.ErrAborted)
		require.Equal(t, time.Minute, r.took)
	})
}

// What was held when the flow was aborted takes no probe with it: the slot
// belongs to the other users of the breaker.
func TestAnAbortTakesNoProbeOfASharedBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := fuse(t, 1, time.Second, breaker.Lease(time.Hour))
		source := stages.SourceFunc[int](func(_ context.Context, out *stages.Outlet[int]) error {
			out.Emit(0) // is under way when the breaker opens, and outlives the abort
			time.Sleep(200 * time.Millisecond)
			out.Emit(1)
			return nil
		})
		r := through(t, source, section.Map([]section.Layer{section.Breaker(b, stages.Hold())}, takes(3*time.Second)),
			after(100*time.Millisecond, func(*kernel.Run) { b.Trip() }),
			after(500*time.Millisecond, abort))
		require.Equal(t, []string{"0", "!"}, r.order)
		require.Zero(t, b.Snapshot().Probes)
		_, err := b.Allow()
		require.NoError(t, err, "there is a probe for who comes next")
	})
}

func TestTwoSectionsShareABreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := fuse(t, 2, time.Hour)
		through(t, source.Slice(upTo(2)), section.Map([]section.Layer{section.Breaker(b)}, fails))
		r := through(t, source.Slice(upTo(2)), section.Map([]section.Layer{section.Breaker(b)}, same))
		require.Equal(t, 2, rejections(r))
	})
}

// A classifier is user code: its panic is the failure of the layer, which ends
// the run, and no item is lost.
func TestAClassifierThatPanicsEndsTheRun(t *testing.T) {
	bad := func(context.Context, error) outcome.Outcome { panic("classifier") }
	for name, layers := range map[string][]section.Layer{
		"breaker": {section.Breaker(breaker.Consecutive("service", 3, time.Hour, breaker.Classify(bad)))},
		"retry":   {section.Retry(retry.Constant(3, time.Second, retry.Classify(bad)))},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := through(t, source.Slice(upTo(100)), section.Map(layers, func(_ context.Context, v int) (int, error) {
					if v == 10 {
						return 0, errFlaky
					}
					time.Sleep(time.Millisecond)
					return v, nil
				}, stages.Workers(2)))
				require.ErrorContains(t, r.err, "classifier")
				require.Equal(t, int(r.ledger().In), len(r.out)+len(r.failed))
			})
		})
	}
}
