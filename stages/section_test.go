package stages

import (
	"context"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
)

// documented is all four layers in the order the documentation names.
func documented() []Layer[int] {
	return []Layer[int]{
		Guard[int](guard.Limit(32)),
		Dedup(dedup.Window(0), func(v int) int { return v }),
		Breaker[int](breaker.Consecutive("service", 1_000, time.Second)),
		Retry[int](retry.Constant(3, 10*time.Millisecond)),
	}
}

func TestASectionKeepsTheOrderAmongManyWorkers(t *testing.T) {
	for name, layers := range map[string][]Layer[int]{"no layers": nil, "all four": documented()} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tried := map[int]*atomic.Int32{}
				for i := range 300 {
					tried[i] = &atomic.Int32{}
				}
				r := through(t, Slice(upTo(300)), Section(layers, func(_ context.Context, v int) (int, error) {
					time.Sleep(time.Duration(v*7919%13) * time.Millisecond)
					if layers != nil && v%5 == 0 && tried[v].Add(1) == 1 {
						return 0, errFlaky // and the retry makes it late
					}
					return v, nil
				}, Workers(8)))
				require.Equal(t, upTo(300), r.out)
			})
		})
	}
}

func TestAnUnorderedSectionLetsTheQuickPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, Slice(upTo(100)), Section(documented(), func(_ context.Context, v int) (int, error) {
			if v == 0 {
				time.Sleep(time.Hour)
			}
			return v, nil
		}, Workers(2), Unordered()))
		require.Equal(t, 0, r.out[99], "the slow one is last")
		require.Less(t, r.times[98].Total(), time.Second)
		slices.Sort(r.out)
		require.Equal(t, upTo(100), r.out)
	})
}

func TestASectionHoldsAtMostItsCapacity(t *testing.T) {
	for name, tt := range map[string]struct {
		layers []Layer[int]
		inside int
	}{
		"its guard's":  {[]Layer[int]{Guard[int](guard.Limit(5))}, 5},
		"the default":  {nil, DefaultCapacity},
		"inner guards": {[]Layer[int]{Retry[int](retry.None()), Guard[int](guard.Limit(5))}, DefaultCapacity},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				emitted := 0
				source := SourceFunc[int](func(ctx context.Context, out *Outlet[int]) error {
					for ; ctx.Err() == nil && emitted < 3000; emitted++ {
						out.Emit(emitted)
					}
					return nil
				})
				r := through(t, source, Section(tt.layers, takes(time.Hour), Workers(4)), after(time.Minute, func(rt *Runtime) {
					synctest.Wait()
					// 16 items are on the edge, and the entrance has taken a batch of up to 16.
					assert.LessOrEqual(t, emitted, tt.inside+32)
					assert.GreaterOrEqual(t, emitted, tt.inside)
					rt.Abort(errGone)
				}))
				require.Equal(t, int64(emitted), r.ledger().Balance()+int64(len(r.out)+len(r.failed)))
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
				r := through(t, Slice([]int{7}), Section([]Layer[int]{Retry[int](retry.Constant(3, 10*time.Second))},
					func(context.Context, int) (int, error) {
						time.Sleep(time.Second)
						if calls++; calls < 3 {
							return 0, errFlaky
						}
						return 7, tt.last
					}))
				require.Equal(t, Timing{Stage: "stage", Wait: 20 * time.Second, Work: 3 * time.Second, Attempts: 3}, r.timing(0))
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
		r := through(t, Slice([]int{7}), Section([]Layer[int]{Retry[int](retry.Constant(3, time.Second))},
			func(context.Context, int) (int, error) { time.Sleep(time.Second); return 0, errFlaky }))
		require.Equal(t, 3*time.Second, r.timing(0).Work)
		require.Equal(t, 3*time.Second, r.nodes[1].Effort().Longest)
	})
}

// What an item waited for a slot, a worker and its turn is its wait.
func TestTheWaitOfASectionIsEverythingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, Slice(upTo(4)), Section([]Layer[int]{Guard[int](guard.Limit(2))}, takes(time.Second)))
		for i := range 4 {
			require.Equal(t, time.Second, r.timing(i).Work)
			require.Equal(t, time.Duration(i)*time.Second, r.timing(i).Wait)
		}
	})
}

func TestAnItemThatALayerAnsweredHasNoWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, Slice([]int{1, 1, 1}), Section([]Layer[int]{Dedup(dedup.Window(time.Minute), func(v int) int { return v })}, takes(time.Second)))
		require.Equal(t, Timing{Stage: "stage", Work: time.Second, Attempts: 1}, r.timing(0))
		require.Equal(t, Timing{Stage: "stage", Wait: time.Second}, r.timing(1))
		require.Equal(t, Timing{Stage: "stage", Wait: time.Second}, r.timing(2))
	})
}

func TestASectionWithoutTimings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := drive(t, true, Slice(upTo(50)), Section(documented(), func(_ context.Context, v int) (int, error) {
			time.Sleep(time.Millisecond)
			if v == 20 {
				return 0, errFlaky
			}
			return v, nil
		}, Workers(4)))
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
			r := through(t, Slice(upTo(200)), Section(nil, func(_ context.Context, v int) (int, error) {
				if v%50 == 7 {
					panic(errFlaky)
				}
				return v, nil
			}, Workers(workers)))
			require.Len(t, r.out, 196)
			require.Len(t, r.failed, 4)
			for i, f := range r.failed {
				var p *PanicError
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

func TestAGoexitInTheCallCostsOneItem(t *testing.T) {
	for _, workers := range []int{1, 4} {
		synctest.Test(t, func(t *testing.T) {
			r := through(t, Slice(upTo(40)), Section(documented(), func(_ context.Context, v int) (int, error) {
				time.Sleep(time.Millisecond)
				if v == 10 || v == 11 {
					runtime.Goexit()
				}
				return v, nil
			}, Workers(workers)))
			require.Len(t, r.out, 38)
			for i, f := range r.failed {
				require.ErrorIs(t, f, ErrGoexit)
				require.Equal(t, 10+i, f.Value)
			}
			require.NoError(t, r.err)
		})
	}
}

// Cheap calls are made in groups; the neighbours of the one that ended its
// goroutine have not been called, and are not to blame.
func TestAGoexitFailsNoNeighbours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, Slice(upTo(500)), Section(nil, func(_ context.Context, v int) (int, error) {
			if v == 300 {
				runtime.Goexit()
			}
			return v, nil
		}))
		require.Len(t, r.failed, 1)
	})
}

func TestASectionDropsOnPurpose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, Slice(upTo(100)), Section(documented(), func(_ context.Context, v int) (int, error) {
			if v%10 == 0 {
				return 0, ErrDrop
			}
			return v, nil
		}, Workers(3)))
		require.Len(t, r.out, 90)
		require.Equal(t, int64(10), r.ledger().Filtered)
		require.Empty(t, r.failed)
		require.Equal(t, int64(100), r.nodes[1].Effort().Attempts, "to drop is no failure, and is not tried again")
	})
}

func TestFailedItemsPassASectionInTheirPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		rt := NewRuntime(t.Context(), false, "source", "first", "section", "sink")
		defer rt.Close()
		n := rt.Nodes()
		o0, i0 := Link[int](rt, n[0], n[1], 8)
		o1, i1 := Link[int](rt, n[1], n[2], 8)
		o2, i2 := Link[int](rt, n[2], n[3], 8)
		go RunSource(Slice(upTo(9)), o0)
		go RunStage(Map(func(_ context.Context, v int) (int, error) {
			if v%3 == 0 {
				return 0, errOdd
			}
			return v, nil
		}), i0, o1)
		go RunStage(Section(documented(), func(_ context.Context, v int) (int, error) {
			calls.Add(1)
			time.Sleep(time.Millisecond)
			return v, nil
		}, Workers(2)), i1, o2)
		var order []int
		RunSink(everything[int]{func(in *Inlet[int], it Item[int]) {
			v := it.Value
			if it.failed() {
				v = -it.fault.Value.(int)
				require.Equal(t, "first", it.fault.Stage)
				require.Equal(t, 1, in.Timings(it).Len(), "it did not go through the section")
			}
			order = append(order, v)
		}}, i2)
		require.Equal(t, []int{0, 1, 2, -3, 4, 5, -6, 7, 8}, order)
		require.Equal(t, int32(6), calls.Load())
		require.Equal(t, Ledger{In: 6, Out: 6}, n[2].Ledger())
	})
}

func TestEnrichGivesEachItemItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		r := through(t, Slice(upTo(6)), Enrich([]Layer[int]{Dedup(dedup.Window(time.Minute), func(v int) int { return v / 3 })},
			func(_ context.Context, v int) (string, error) { calls++; return string(rune('a' + v/3)), nil },
			func(v int, shared string) [2]any {
				if v == 4 {
					panic("join")
				}
				return [2]any{v, shared}
			}))
		require.Equal(t, [][2]any{{0, "a"}, {1, "a"}, {2, "a"}, {3, "b"}, {5, "b"}}, r.out)
		require.Equal(t, 2, calls)
		var p *PanicError
		require.ErrorAs(t, r.failed[0], &p, "a panic of join fails its item")
		require.Equal(t, 4, r.failed[0].Value)
	})
}

func TestAGoexitInJoinLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, Slice(upTo(10)), Enrich(nil, same, func(v, _ int) int {
			if v == 5 {
				runtime.Goexit()
			}
			return v
		}))
		require.NoError(t, r.err)
		require.Len(t, r.out, 9)
		require.ErrorIs(t, r.failed[0], ErrGoexit)
	})
}

func TestAnAbortEmptiesASection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, every(time.Millisecond, 1_000), Section(documented()[1:], func(ctx context.Context, v int) (int, error) {
			select {
			case <-ctx.Done():
				return v, nil // it ends in time, and that counts
			case <-time.After(50 * time.Millisecond):
			}
			return v, errFlaky
		}, Workers(8)), after(500*time.Millisecond, abort))
		require.Equal(t, 500*time.Millisecond, r.took)
		require.NotEmpty(t, r.failed)
		for _, f := range r.failed {
			require.ErrorIs(t, f, errGone) // also those that a retry gave up on for it
		}
	})
}

// A stopped section finishes what is inside, also what waits for its next try, for
// as long as it may.
func TestAStopDrainsASection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := map[int]int{}
		r := through(t, every(time.Second, 100), Section([]Layer[int]{Retry[int](retry.Constant(3, time.Hour, retry.Cap(time.Hour)), OnDrain(DrainWait))},
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
		r := through(t, Slice(upTo(10)), Section(documented(), same))
		seen := r.nodes[1].Layers()
		require.Len(t, seen, 4)
		require.Equal(t, uint64(10), seen[0].(guard.Snapshot).Admitted)
		require.Equal(t, uint64(10), seen[1].(dedup.Snapshot).Misses)
		require.Equal(t, breaker.Closed, seen[2].(breaker.Snapshot).State)
		require.Equal(t, uint64(10), seen[3].(retry.Snapshot).Succeeded)
		require.Empty(t, r.nodes[0].Layers())
	})
}

func TestASectionRefusesWhatIsWrong(t *testing.T) {
	key := func(v int) int { return v }
	other, err := dedup.New[string, string](dedup.Window(1))
	require.NoError(t, err)
	for want, s := range map[string]Stage[int, int]{
		"function is nil":             Section[int, int](nil, nil),
		"workers must be at least 1":  Section(nil, same, Workers(0)),
		"an option is nil":            Section(nil, same, nil),
		"layer 2 is nil":              Section([]Layer[int]{Retry[int](retry.None()), nil}, same),
		"join function is nil":        Enrich[int, int, int](nil, same, nil),
		"guard is nil":                Section([]Layer[int]{Guard[int](nil)}, same),
		"guard: invalid policy":       Section([]Layer[int]{Guard[int](guard.Limit(0))}, same),
		"dedup is nil":                Section([]Layer[int]{Dedup(nil, key)}, same),
		"dedup: invalid policy":       Section([]Layer[int]{Dedup(dedup.Window(-1), key)}, same),
		"dedup key function is nil":   Section([]Layer[int]{Dedup[int, int](dedup.Window(1), nil)}, same),
		"must be a *dedup.Dedup[int,": Section([]Layer[int]{Dedup(other, key)}, same),
		"breaker is nil":              Section([]Layer[int]{Breaker[int](nil)}, same),
		"breaker: invalid policy":     Section([]Layer[int]{Breaker[int](breaker.Consecutive("", 0, -1))}, same),
		"retry is nil":                Section([]Layer[int]{Retry[int](nil)}, same),
		"retry: invalid policy":       Section([]Layer[int]{Retry[int](retry.Policy{})}, same),
	} {
		require.ErrorContains(t, s.(Validator).Validate(), want)
	}
}

// Who runs a section without having asked whether it is valid gets the same
// error from the run, and no item is lost.
func TestASectionThatIsInvalidFailsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nop := Retry[int](retry.None())
		for want, layers := range map[string][]Layer[int]{
			"guard: invalid policy":   {Guard[int](guard.Limit(0))},
			"guard: invalid":          {nop, Guard[int](guard.Limit(-1))},
			"dedup: invalid policy":   {Dedup(dedup.Window(-1), func(v int) int { return v })},
			"breaker: invalid policy": {Breaker[int](breaker.Policy{})},
			"retry: invalid policy":   {Retry[int](retry.Policy{})},
		} {
			s := Section(layers, same)
			r := through(t, Slice(upTo(20)), StageFunc[int, int](s.Run))
			require.ErrorContains(t, r.err, want)
			require.Empty(t, r.out)
			for _, f := range r.failed {
				require.ErrorContains(t, f, want)
			}
		}
	})
}
