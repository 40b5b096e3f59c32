package stages

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
)

// carried reports whether the entrance of a section makes the call that this is
// called from.
func carried() bool { return strings.Contains(string(debug.Stack()), ".carry(") }

// resilient is a section's usual layers, for calls that are not all new.
func resilient() []Layer[int] {
	return []Layer[int]{
		Guard[int](guard.Limit(256)),
		Dedup(dedup.Window(time.Minute), func(v int) int { return v }),
		Breaker[int](breaker.Consecutive("service", 5, time.Second)),
		Retry[int](retry.Constant(3, time.Millisecond)),
	}
}

func TestTheEntranceMakesLightCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		last := false
		r := through(t, Slice(upTo(5000)), Section(resilient(), func(_ context.Context, v int) (int, error) {
			if v == 4999 {
				last = carried()
			}
			return v, nil
		}, Workers(8)))
		require.Equal(t, upTo(5000), r.out)
		require.True(t, last)
		require.Equal(t, int64(5000), r.nodes[1].Effort().Attempts)
	})
}

// A call may be light for long and then wait: served from memory, until it is not. The
// entrance that makes it can take nothing in meanwhile. That happens a few times.
func TestRareSlowCallsAreLeftToTheWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stalls := 0
		r := through(t, Slice(upTo(60_000)), Section(resilient()[2:], func(_ context.Context, v int) (int, error) {
			if v%500 == 499 {
				if carried() {
					stalls++
				}
				time.Sleep(time.Second)
			}
			return v, nil
		}, Workers(8), Unordered()))
		require.Len(t, r.out, 60_000)
		require.Positive(t, stalls)
		require.LessOrEqual(t, stalls, 4)
		require.Less(t, r.took, 25*time.Second, "120 calls of a second by 8 workers")
	})
}

// What has failed comes back to the workers, and the entrance is in the place of one.
func TestNoMoreCallsThanWorkersAtATime(t *testing.T) {
	for _, workers := range []int{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			var g gauge
			var tried [3000]atomic.Bool
			r := through(t, Slice(upTo(3000)), Section(resilient(), func(_ context.Context, v int) (int, error) {
				return g.call(func() (int, error) {
					runtime.Gosched()
					if v%30 == 29 && !tried[v].Swap(true) {
						return 0, errFlaky
					}
					return v, nil
				})
			}, Workers(workers)))
			require.Empty(t, r.failed)
			require.Equal(t, upTo(3000), r.out)
			require.LessOrEqual(t, g.most.Load(), int32(workers))
		})
	}
}

// Wherever user code ends the goroutine that carries, nothing is lost.
func TestAGoexitWhileCarryingLosesNothing(t *testing.T) {
	for _, at := range []int{2000, 2999} { // also where nothing comes after it
		exitWhileCarrying(t, 3000, at)
	}
}

// exitWhileCarrying does so in all places, at one of n items.
func exitWhileCarrying(t *testing.T, n, at int) {
	var times int
	exit := func(v int, how func()) {
		if v == at && times == 0 {
			times++
			how()
		}
	}
	type parts struct{ call, key, classify, join, below func(int) }
	for name, tt := range map[string]struct {
		parts
		breaks bool // the run
	}{
		"call":       {parts: parts{call: func(v int) { exit(v, runtime.Goexit) }}},
		"call panic": {parts: parts{call: func(v int) { exit(v, func() { panic("call") }) }}},
		"join":       {parts: parts{join: func(v int) { exit(v, runtime.Goexit) }}},
		"join panic": {parts: parts{join: func(v int) { exit(v, func() { panic("join") }) }}},
		"below":      {parts: parts{below: func(v int) { exit(v, runtime.Goexit) }}},
		"key panic":  {parts: parts{key: func(v int) { exit(v, func() { panic("key") }) }}},
		"key":        {parts: parts{key: func(v int) { exit(v, runtime.Goexit) }}, breaks: true},
		"classifier": {parts: parts{classify: func(v int) { exit(v, runtime.Goexit) }}, breaks: true},
	} {
		t.Run(fmt.Sprint(name, at), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				times = 0
				do := func(f func(int), v int) {
					if f != nil {
						f(v)
					}
				}
				layers := []Layer[int]{
					Guard[int](guard.Limit(256)),
					Dedup(dedup.Window(time.Minute), func(v int) int { do(tt.key, v); return v }),
					Breaker[int](breaker.Consecutive("service", 5, time.Second, breaker.Classify(
						func(context.Context, error) outcome.Outcome {
							do(tt.classify, at)
							return outcome.Outcome{Kind: outcome.Ignored}
						}))),
				}
				s := Enrich(layers, func(_ context.Context, v int) (int, error) {
					do(tt.call, v)
					if tt.classify != nil && v == at {
						return 0, errFlaky
					}
					return v, nil
				}, func(own, _ int) int { do(tt.join, own); return own }, Workers(4))
				below := Map(func(_ context.Context, v int) (int, error) { do(tt.below, v); return v, nil })
				got, failed, err := chained(t, Slice(upTo(n)), s, below, 128)
				require.Equal(t, 1, times)
				require.Equal(t, tt.breaks, err != nil, "%v", err)
				if !tt.breaks {
					require.Equal(t, 1, failed)
					require.Equal(t, n-1, got)
				}
			})
		})
	}
}

// chained runs two stages with a buffer between them, and returns how many items came
// through and how many failed. Both are all there were.
func chained(t *testing.T, src Source[int], s, below Stage[int, int], buffer int) (got, failed int, err error) {
	t.Helper()
	rt := NewRuntime(t.Context(), false, "source", "above", "below", "sink")
	defer rt.Close()
	n := rt.Nodes()
	o0, i0 := Link[int](rt, n[0], n[1], 128)
	o1, i1 := Link[int](rt, n[1], n[2], buffer)
	o2, i2 := Link[int](rt, n[2], n[3], 128)
	var wg conc.WaitGroup
	wg.Go(func() { RunSource(src, o0) })
	wg.Go(func() { RunStage(s, i0, o1) })
	wg.Go(func() { RunStage(below, i1, o2) })
	seen := make(map[int]bool)
	RunSink(everything[int]{func(_ *Inlet[int], it Item[int]) {
		v := it.Value
		if it.failed() {
			v = it.fault.Value.(int)
			failed++
		} else {
			got++
		}
		require.False(t, seen[v], "%d came out twice", v)
		seen[v] = true
	}}, i2)
	wg.Wait()
	require.Equal(t, n[0].Ledger().Out, int64(got+failed))
	return got, failed, rt.Err()
}

// An entrance that is to shed has to be there, whatever becomes of a call.
func TestAnEntranceThatShedsMakesNoCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var carries atomic.Bool
		through(t, Slice(upTo(3000)), Section([]Layer[int]{Guard[int](guard.Limit(1024, guard.Shedding()))}, func(_ context.Context, v int) (int, error) {
			if v%100 == 0 && carried() {
				carries.Store(true)
			}
			return v, nil
		}))
		require.False(t, carries.Load())
	})
}
