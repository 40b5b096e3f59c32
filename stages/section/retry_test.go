package section_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/section"
	"github.com/weir-go/weir/stages/source"
)

func TestARetryThatWaitsHoldsNoWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		r := through(t, source.Slice(upTo(100)), section.Map([]section.Layer{section.Retry(retry.Constant(3, time.Hour, retry.Cap(time.Hour)))},
			func(_ context.Context, v int) (int, error) {
				if v == 0 && tries < 2 {
					tries++
					return 0, errFlaky
				}
				return v, nil
			}, stages.Workers(1), stages.Unordered()))
		require.Equal(t, 0, r.out[99])
		require.Equal(t, stages.Timing{Stage: "stage", Wait: 2 * time.Hour, Attempts: 3}, r.timing(99))
		for _, tm := range r.times[:99] {
			require.Zero(t, tm.Total(), "nobody waited for it")
		}
	})
}

// However many wait, one worker serves them, each when it is due.
func TestManyWaitAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first, again []time.Duration
		begun := time.Now()
		tried := map[int]bool{}
		r := through(t, source.Slice(upTo(500)), section.Map([]section.Layer{section.Retry(retry.Constant(2, time.Minute))},
			func(_ context.Context, v int) (int, error) {
				time.Sleep(time.Millisecond)
				if !tried[v] {
					tried[v] = true
					first = append(first, time.Since(begun))
					return 0, errFlaky
				}
				again = append(again, time.Since(begun))
				return v, nil
			}))
		require.Equal(t, upTo(500), r.out)
		require.Len(t, again, 500)
		for i := range again {
			// 1 ms is the second call itself.
			require.Equal(t, first[i]+time.Minute+time.Millisecond, again[i])
		}
	})
}

// Later failures with a shorter wait overtake earlier ones with a longer one.
func TestWhoIsDueFirstGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tried := map[int]bool{}
		var order []int
		through(t, source.Slice([]int{50, 10, 40, 20, 30}), section.Map([]section.Layer{section.Retry(retry.Constant(2, time.Second, retry.Jitter(retry.NoJitter)))},
			func(_ context.Context, v int) (int, error) {
				if tried[v] {
					order = append(order, v)
					return v, nil
				}
				tried[v] = true
				return 0, outcome.AsThrottled(errFlaky, time.Duration(v)*time.Second)
			}))
		require.Equal(t, []int{10, 20, 30, 40, 50}, order)
	})
}

func TestTheServerSaysWhenToComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var at []time.Duration
		r := through(t, source.Slice([]int{1}), section.Map([]section.Layer{section.Retry(retry.Constant(3, time.Millisecond))},
			func(context.Context, int) (int, error) {
				at = append(at, time.Since(begun))
				return 0, outcome.AsThrottled(errFlaky, time.Minute)
			}))
		require.Equal(t, []time.Duration{0, time.Minute, 2 * time.Minute}, at)
		require.ErrorIs(t, r.failed[0], retry.ErrGaveUp)
		require.ErrorIs(t, r.failed[0], errFlaky)
		require.Equal(t, 3, r.failed[0].Attempts)
		require.Equal(t, 2*time.Minute, r.timing(0).Wait)
	})
}

func TestARetryGivesUp(t *testing.T) {
	for name, tt := range map[string]struct {
		err    error
		calls  int
		reason retry.Reason
	}{
		"when it has tried often enough":     {errFlaky, 4, retry.Exhausted},
		"at once where nothing can mend it":  {outcome.AsPermanent(errFlaky), 1, retry.Permanent},
		"at once where it was no attempt":    {outcome.AsIgnored(errFlaky), 1, retry.Rejected},
		"at once where it would take a year": {outcome.AsThrottled(errFlaky, 365*24*time.Hour), 1, retry.Postponed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				r := through(t, source.Slice([]int{1}), section.Map([]section.Layer{section.Retry(retry.Constant(4, time.Second, retry.Name("api")))},
					func(context.Context, int) (int, error) { calls++; return 0, tt.err }))
				require.Equal(t, tt.calls, calls)
				require.Equal(t, tt.calls, r.failed[0].Attempts)
				var e *retry.Error
				require.ErrorAs(t, r.failed[0], &e)
				require.Equal(t, tt.reason, e.Reason)
				require.Equal(t, "api", e.Name)
				require.ErrorIs(t, e, errFlaky)
			})
		})
	}
}

// The attempts of one item are not held against the next one in its slot.
func TestEachItemHasItsOwnAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := map[int]int{}
		r := through(t, source.Slice(upTo(50)), section.Map([]section.Layer{section.Retry(retry.Constant(3, time.Second))},
			func(_ context.Context, v int) (int, error) {
				if calls[v]++; calls[v] < 3 {
					return 0, errFlaky
				}
				return v, nil
			}))
		require.Equal(t, upTo(50), r.out)
		for i := range 50 {
			require.Equal(t, 3, r.timing(i).Attempts)
		}
	})
}

func TestASharedRetrierIsSeenFromOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries, err := retry.New(retry.Constant(2, time.Second))
		require.NoError(t, err)
		through(t, source.Slice(upTo(3)), section.Map([]section.Layer{section.Retry(tries)}, fails))
		require.Equal(t, uint64(3), tries.Snapshot().Retries)
		require.Equal(t, uint64(3), tries.Snapshot().GaveUp)
	})
}

// Whatever waits when a flow is aborted leaves at once.
func TestAnAbortEndsTheWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		r := through(t, source.Slice(upTo(100)), section.Map([]section.Layer{section.Retry(retry.Constant(9, time.Hour, retry.Cap(time.Hour)))},
			func(context.Context, int) (int, error) { calls.Add(1); return 0, errFlaky }, stages.Workers(3)), after(90*time.Minute, abort))
		require.Len(t, r.failed, 100)
		for _, f := range r.failed {
			require.ErrorIs(t, f, stages.ErrAborted)
			require.ErrorIs(t, f, errGone)
			require.Equal(t, 2, f.Attempts)
		}
		require.Equal(t, int32(200), calls.Load(), "no call after the abort")
		require.Equal(t, 90*time.Minute, r.took)
	})
}

// The order is kept among items that are tried again, and the section says so
// by the wait of those behind.
func TestAnOrderedSectionWaitsForItsRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tried := false
		var mu sync.Mutex
		var done []int
		r := through(t, source.Slice(upTo(5)), section.Map([]section.Layer{section.Retry(retry.Constant(2, time.Minute))},
			func(_ context.Context, v int) (int, error) {
				if v == 0 && !tried {
					tried = true
					return 0, errFlaky
				}
				mu.Lock()
				defer mu.Unlock()
				done = append(done, v)
				return v, nil
			}), after(time.Second, func(*kernel.Run) {
			mu.Lock()
			defer mu.Unlock()
			assert.Equal(t, []int{1, 2, 3, 4}, done)
		}))
		require.Equal(t, upTo(5), r.out)
		require.False(t, slices.IsSorted(done))
		for i := range 5 {
			require.Equal(t, time.Minute, r.times[i].Total())
		}
	})
}
