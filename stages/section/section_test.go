package section_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/section"
	"github.com/weir-go/weir/stages/source"
)

// documented is all four layers in the order the documentation names.
func documented() []section.Layer {
	return []section.Layer{
		section.Guard(guard.Limit(32)),
		section.Dedup(dedup.Window(0), func(v int) int { return v }),
		section.Breaker(breaker.Consecutive("service", 1_000, time.Second)),
		section.Retry(retry.Constant(3, 10*time.Millisecond)),
	}
}

func TestASectionKeepsTheOrderAmongManyWorkers(t *testing.T) {
	for name, layers := range map[string][]section.Layer{"no layers": nil, "all four": documented()} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tried := map[int]*atomic.Int32{}
				for i := range 300 {
					tried[i] = &atomic.Int32{}
				}
				r := through(t, source.Slice(upTo(300)), section.Map(layers, func(_ context.Context, v int) (int, error) {
					time.Sleep(time.Duration(v*7919%13) * time.Millisecond)
					if layers != nil && v%5 == 0 && tried[v].Add(1) == 1 {
						return 0, errFlaky // and the retry makes it late
					}
					return v, nil
				}, stages.Workers(8)))
				require.Equal(t, upTo(300), r.out)
			})
		})
	}
}

func TestAnUnorderedSectionLetsTheQuickPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice(upTo(100)), section.Map(documented(), func(_ context.Context, v int) (int, error) {
			if v == 0 {
				time.Sleep(time.Hour)
			}
			return v, nil
		}, stages.Workers(2), stages.Unordered()))
		require.Equal(t, 0, r.out[99], "the slow one is last")
		require.Less(t, r.times[98].Total(), time.Second)
		slices.Sort(r.out)
		require.Equal(t, upTo(100), r.out)
	})
}

func TestASectionHoldsAtMostItsCapacity(t *testing.T) {
	for name, tt := range map[string]struct {
		layers []section.Layer
		inside int
	}{
		"its guard's":  {[]section.Layer{section.Guard(guard.Limit(5))}, 5},
		"the default":  {nil, section.DefaultCapacity},
		"inner guards": {[]section.Layer{section.Retry(retry.None()), section.Guard(guard.Limit(5))}, section.DefaultCapacity},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				emitted := 0
				source := stages.SourceFunc[int](func(ctx context.Context, out *stages.Outlet[int]) error {
					for ; ctx.Err() == nil && emitted < 3000; emitted++ {
						out.Emit(emitted)
					}
					return nil
				})
				r := through(t, source, section.Map(tt.layers, takes(time.Hour), stages.Workers(4)), after(time.Minute, func(rt *kernel.Run) {
					synctest.Wait()
					// 16 items are on the edge, and the entrance has taken a batch of up to 16.
					assert.LessOrEqual(t, emitted, tt.inside+32)
					assert.GreaterOrEqual(t, emitted, tt.inside)
					rt.Abort(errGone)
				}))
				require.Equal(t, emitted, len(r.out)+len(r.failed))
			})
		})
	}
}

func TestTheTimingOfASectionIsTheWorkOfAllAttempts(t *testing.T) {
	for name, tt := range map[string]struct {
		last     error
		attempts int
	}{"success": {nil, 3}, "failure": {errFlaky, 3}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				r := through(t, source.Slice([]int{7}), section.Map([]section.Layer{section.Retry(retry.Constant(3, 10*time.Second))},
					func(context.Context, int) (int, error) {
						time.Sleep(time.Second)
						if calls++; calls < 3 {
							return 0, errFlaky
						}
						return 7, tt.last
					}))
				require.Equal(t, stages.Timing{Stage: "stage", Wait: 20 * time.Second, Work: 3 * time.Second, Attempts: 3}, r.timing(0))
				require.Equal(t, 23*time.Second, r.times[0].Total())
				e := r.nodes[1].Effort()
				require.Equal(t, int64(3), e.Attempts)
				require.Equal(t, 20*time.Second, e.Wait)
				require.Equal(t, 3*time.Second, e.Work)
				if tt.last != nil {
					require.Equal(t, 3, r.failed[0].Attempts)
					require.Equal(t, 7, r.failed[0].Value)
				}
			})
		})
	}
}

// The longest work on an item is that of all its attempts, as in its timing.
func TestTheLongestWorkIsThatOfAnItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice([]int{7}), section.Map([]section.Layer{section.Retry(retry.Constant(3, time.Second))},
			func(context.Context, int) (int, error) { time.Sleep(time.Second); return 0, errFlaky }))
		require.Equal(t, 3*time.Second, r.timing(0).Work)
		require.Equal(t, 3*time.Second, r.nodes[1].Effort().Longest)
	})
}

// The time in which an item waited for a permit, a worker and its turn is its wait.
func TestTheWaitOfASectionIsEverythingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice(upTo(4)), section.Map([]section.Layer{section.Guard(guard.Limit(2))}, takes(time.Second)))
		for i := range 4 {
			require.Equal(t, time.Second, r.timing(i).Work)
			require.Equal(t, time.Duration(i)*time.Second, r.timing(i).Wait)
		}
	})
}

func TestAnItemThatALayerAnsweredHasNoWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice([]int{1, 1, 1}), section.Map([]section.Layer{section.Dedup(dedup.Window(time.Minute), func(v int) int { return v })}, takes(time.Second)))
		require.Equal(t, stages.Timing{Stage: "stage", Work: time.Second, Attempts: 1}, r.timing(0))
		require.Equal(t, stages.Timing{Stage: "stage", Wait: time.Second}, r.timing(1))
		require.Equal(t, stages.Timing{Stage: "stage", Wait: time.Second}, r.timing(2))
	})
}

func TestASectionWithoutTimings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := drive(t, true, source.Slice(upTo(50)), section.Map(documented(), func(_ context.Context, v int) (int, error) {
			time.Sleep(time.Millisecond)
			if v == 20 {
				return 0, errFlaky
			}
			return v, nil
		}, stages.Workers(4)))
		require.Len(t, r.out, 49)
		require.ErrorIs(t, r.failed[0], errFlaky)
		require.True(t, r.failed[0].Entered.IsZero())
		require.Zero(t, r.times[0].Len())
		require.Zero(t, r.nodes[1].Effort().Work)
		require.Zero(t, r.nodes[1].Effort().Wait)
	})
}

func TestPanicsInTheCallCostOneItemEach(t *testing.T) {
	for _, workers := range []int{1, 4} {
		synctest.Test(t, func(t *testing.T) {
			r := through(t, source.Slice(upTo(200)), section.Map(nil, func(_ context.Context, v int) (int, error) {
				if v%50 == 7 {
					panic(errFlaky)
				}
				return v, nil
			}, stages.Workers(workers)))
			require.Len(t, r.out, 196)
			require.Len(t, r.failed, 4)
			for i, f := range r.failed {
				var p *stages.PanicError
				require.ErrorAs(t, f, &p)
				require.ErrorIs(t, f, errFlaky)
				require.Equal(t, 50*i+7, f.Value)
				require.Equal(t, 1, f.Attempts)
				require.Contains(t, string(p.Stack), "section_test.go")
			}
			require.NoError(t, r.err, "the run goes on")
		})
	}
}

func TestASectionDropsOnPurpose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice(upTo(100)), section.Map(documented(), func(_ context.Context, v int) (int, error) {
			if v%10 == 0 {
				return 0, stages.ErrDrop
			}
			return v, nil
		}, stages.Workers(3)))
		require.Len(t, r.out, 90)
		require.Equal(t, int64(10), r.ledger().Filtered)
		require.Empty(t, r.failed)
		require.Equal(t, int64(100), r.nodes[1].Effort().Attempts, "to drop is no failure, and is not tried again")
	})
}

func TestFailedItemsPassASectionInTheirPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		r := behindMap(t, source.Slice(upTo(9)), func(_ context.Context, v int) (int, error) {
			if v%3 == 0 {
				return 0, errOdd
			}
			return v, nil
		}, section.Map(documented(), func(_ context.Context, v int) (int, error) {
			calls.Add(1)
			time.Sleep(time.Millisecond)
			return v, nil
		}, stages.Workers(2)))
		require.Equal(t, []string{"!", "1", "2", "!", "4", "5", "!", "7", "8"}, r.order)
		for i, f := range r.failed {
			require.Equal(t, "map", f.Stage)
			require.Equal(t, 3*i, f.Value)
			require.Equal(t, 1, r.times[3*i].Len(), "it did not go through the section")
		}
		require.Equal(t, int32(6), calls.Load())
		require.Equal(t, stages.Ledger{In: 6, Out: 6}, r.ledger())
	})
}

func TestEnrichGivesEachItemItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		r := through(t, source.Slice(upTo(6)), section.Enrich([]section.Layer{section.Dedup(dedup.Window(time.Minute), func(v int) int { return v / 3 })},
			func(_ context.Context, v int) (string, error) { calls++; return string(rune('a' + v/3)), nil },
			func(v int, shared string) [2]any {
				if v == 4 {
					panic("join")
				}
				return [2]any{v, shared}
			}))
		require.Equal(t, [][2]any{{0, "a"}, {1, "a"}, {2, "a"}, {3, "b"}, {5, "b"}}, r.out)
		require.Equal(t, 2, calls)
		var p *stages.PanicError
		require.ErrorAs(t, r.failed[0], &p, "a panic of join fails its item")
		require.Equal(t, 4, r.failed[0].Value)
	})
}

func TestAnAbortEmptiesASection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, every(time.Millisecond, 1_000), section.Map(documented()[1:], func(ctx context.Context, v int) (int, error) {
			select {
			case <-ctx.Done():
				return v, nil // it ends in time, and that counts
			case <-time.After(50 * time.Millisecond):
			}
			return v, errFlaky
		}, stages.Workers(8)), after(500*time.Millisecond, abort))
		require.Equal(t, 500*time.Millisecond, r.took)
		require.NotEmpty(t, r.failed)
		for _, f := range r.failed {
			require.ErrorIs(t, f, errGone) // also items for which a retry gave up because of it
		}
	})
}

// A stopped section finishes all items inside, and items that wait for their next try as well.
func TestAStopDrainsASection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := map[int]int{}
		r := through(t, every(time.Second, 100), section.Map([]section.Layer{section.Retry(retry.Constant(3, time.Hour, retry.Cap(time.Hour)), stages.OnDrain(stages.DrainWait))},
			func(_ context.Context, v int) (int, error) {
				if calls[v]++; calls[v] < 3 {
					return 0, errFlaky
				}
				return v, nil
			}), after(10*time.Second+time.Millisecond, stop))
		require.Equal(t, upTo(11), r.out)
		require.NoError(t, r.err)
		require.Equal(t, 2*time.Hour+10*time.Second, r.took)
	})
}

func TestASectionShowsItsLayers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice(upTo(10)), section.Map(documented(), same))
		seen := r.nodes[1].Observed()
		require.Len(t, seen, 4)
		require.Equal(t, uint64(10), seen[0].(guard.Snapshot).Admitted)
		require.Equal(t, uint64(10), seen[1].(dedup.Snapshot).Misses)
		require.Equal(t, breaker.Closed, seen[2].(breaker.Snapshot).State)
		require.Equal(t, uint64(10), seen[3].(retry.Snapshot).Succeeded)
		require.Empty(t, r.nodes[0].Observed())
	})
}

func TestASectionRefusesWhatIsWrong(t *testing.T) {
	key := func(v int) int { return v }
	other, err := dedup.New[string, string](dedup.Window(1))
	require.NoError(t, err)
	for want, s := range map[string]stages.Stage[int, int]{
		"function is nil":                    section.Map[int, int](nil, nil),
		"workers must be at least 1":         section.Map(nil, same, stages.Workers(0)),
		"an option is nil":                   section.Map(nil, same, nil),
		"layer 2: a layer is the zero Layer": section.Map([]section.Layer{section.Retry(retry.None()), {}}, same),
		"join function is nil":               section.Enrich[int, int, int](nil, same, nil),
		"guard is nil":                       section.Map([]section.Layer{section.Guard(nil)}, same),
		"guard: invalid policy":              section.Map([]section.Layer{section.Guard(guard.Limit(0))}, same),
		"dedup is nil":                       section.Map([]section.Layer{section.Dedup(nil, key)}, same),
		"dedup: invalid policy":              section.Map([]section.Layer{section.Dedup(dedup.Window(-1), key)}, same),
		"dedup key function is nil":          section.Map([]section.Layer{section.Dedup[int, int](dedup.Window(1), nil)}, same),
		"must be a *dedup.Dedup[int,":        section.Map([]section.Layer{section.Dedup(other, key)}, same),
		"breaker is nil":                     section.Map([]section.Layer{section.Breaker(nil)}, same),
		"breaker: invalid policy":            section.Map([]section.Layer{section.Breaker(breaker.Consecutive("", 0, -1))}, same),
		"retry is nil":                       section.Map([]section.Layer{section.Retry(nil)}, same),
		"retry: invalid policy":              section.Map([]section.Layer{section.Retry(retry.Policy{})}, same),
	} {
		require.ErrorContains(t, s.(stages.Validator).Validate(), want)
	}
}

// Each item panicked in such a layer: "interface conversion: handoff.Column is ...".
func TestALayerForOtherItemsIsRefused(t *testing.T) {
	for want, l := range map[string]section.Layer{
		"layer 1: dedup is for items of type string, and the items of the stage are of type int": section.Dedup(
			dedup.Window(1), func(s string) string { return s }),
		"layer 1: rate limit is for items of type string, and the items of the stage are of type int": section.RateLimit(
			limiter.PerSecond(1), func(s string) int { return len(s) }),
		"and the items of the stage are of type int": section.Use[string](passing{}),
	} {
		require.ErrorContains(t, validate(section.Map([]section.Layer{l}, same)), want)
	}
	require.NoError(t, validate(section.Map([]section.Layer{section.RateLimit[string](limiter.PerSecond(1), nil)}, same)))
}

// passing is a layer for strings.
type passing struct{}

func (passing) Open(*section.Port[string]) (section.Handler[string], error) { return nil, nil }

// An item waited for itself in the second layer, for its own permit or its own answer. The second
// breaker refused the probe of the first one, and no call passed ever after.
func TestAPrimitiveTwiceInASectionIsRefused(t *testing.T) {
	g := guard.Of(guard.Limit(1))
	d := dedup.Of[int, section.Answer](dedup.Window(time.Minute))
	b := breaker.Of(breaker.Consecutive("b", 1, time.Minute))
	key := func(v int) int { return v }
	nop := section.Retry(retry.None())
	for kind, l := range map[string]section.Layer{"guard": section.Guard(g), "dedup": section.Dedup(d, key), "breaker": section.Breaker(b)} {
		require.EqualError(t, validate(section.Map([]section.Layer{nop, l, nop, l}, same)), "layer 4: its "+kind+" is that of layer 2")
	}
	twice := []section.Layer{section.Guard(guard.Limit(1)), section.Guard(guard.Limit(1)), section.Guard(g), section.Guard(guard.Of(guard.Limit(1)))}
	require.NoError(t, validate(section.Map(twice, same)))
}

// A section that runs although it is not valid fails the run with the same error, and no item
// is lost.
func TestASectionThatIsInvalidFailsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nop := section.Retry(retry.None())
		for want, layers := range map[string][]section.Layer{
			"guard: invalid policy":   {section.Guard(guard.Limit(0))},
			"guard: invalid":          {nop, section.Guard(guard.Limit(-1))},
			"dedup: invalid policy":   {section.Dedup(dedup.Window(-1), func(v int) int { return v })},
			"breaker: invalid policy": {section.Breaker(breaker.Policy{})},
			"retry: invalid policy":   {section.Retry(retry.Policy{})},
		} {
			s := section.Map(layers, same)
			r := through(t, source.Slice(upTo(20)), stages.StageFunc[int, int](s.Run))
			require.ErrorContains(t, r.err, want)
			require.Empty(t, r.out)
			for _, f := range r.failed {
				require.ErrorContains(t, f, want)
			}
		}
	})
}
