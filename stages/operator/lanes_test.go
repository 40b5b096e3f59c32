package operator_test

import (
	"context"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
)

// keyed is an item of a key, the n-th of it.
type numbered struct{ key, n int }

func byKey(v numbered) int { return v.key }

// numberedUpTo returns n items of each key, in turns.
func numberedUpTo(keys, n int) (all []numbered) {
	for i := range n {
		for k := range keys {
			all = append(all, numbered{k, i})
		}
	}
	return all
}

// inOrder checks that the items of each key are in order.
func inOrder(t *testing.T, all []numbered) {
	t.Helper()
	next := map[int]int{}
	for _, v := range all {
		require.Equal(t, next[v.key], v.n, "key %d", v.key)
		next[v.key]++
	}
}

func TestLanesKeepTheOrderOfEachKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, workers := range []int{1, 3, 16} {
			r := through(t, source.Slice(numberedUpTo(7, 60)), operator.Lanes(byKey, func(_ context.Context, v numbered) (numbered, error) {
				if v.key%2 == 0 { // the others are cheap
					time.Sleep(time.Duration(v.n*v.key%13) * time.Millisecond)
				}
				return v, nil
			}, stages.Workers(workers)))
			require.Len(t, r.out, 420)
			inOrder(t, r.out)
		}
	})
}

func TestLanesKeepTheOrderOfItemsThatExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := operator.Lanes(func(int) int { return 0 }, takes(30*ms), stages.Workers(3))
		r := run(t, false, s, nil, fed(source.Slice(upTo(3)), operator.Deadline[int](10*ms)))
		require.Equal(t, []string{"0", "!", "!"}, r.order)
		require.Equal(t, int64(2), r.ledger().Expired)
	})
}

func TestLanesWorkOnDifferentKeysAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nap := func(_ context.Context, v numbered) (numbered, error) {
			time.Sleep(10 * time.Millisecond)
			return v, nil
		}
		r := through(t, source.Slice(numberedUpTo(4, 10)), operator.Lanes(byKey, nap, stages.Workers(4)))
		require.Len(t, r.out, 40)
		require.Equal(t, 100*time.Millisecond, r.took)
		r = through(t, source.Slice(numberedUpTo(1, 10)), operator.Lanes(byKey, nap, stages.Workers(4)))
		require.Equal(t, 100*time.Millisecond, r.took, "one key, one at a time")
		inOrder(t, r.out)
	})
}

// Keys at rest hold nothing.
func TestIdleLanesAreFreed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := runtime.NumGoroutine()
		goroutines, keys := 0, 0
		src := source.Seq(func(yield func(*numbered) bool) {
			var all []weak.Pointer[numbered]
			for k := range 5000 {
				v := &numbered{k, 0}
				all = append(all, weak.Make(v))
				if !yield(v) {
					return
				}
			}
			time.Sleep(time.Minute)
			goroutines = runtime.NumGoroutine() - before
			runtime.GC()
			for _, k := range all {
				if k.Value() != nil {
					keys++
				}
			}
			yield(&numbered{5000, 0})
		})
		key := func(v *numbered) *numbered { return v }
		r := through(t, src, operator.Lanes(key, func(_ context.Context, v *numbered) (int, error) { return v.key, nil }, stages.Workers(4)))
		require.Len(t, r.out, 5001)
		require.Less(t, goroutines, 10)
		// On 32 bits the allocator puts two keys into one block, which keeps both.
		require.Less(t, keys, 400, "the lanes that were at rest last")
	})
}

func TestLanesAccountForWhatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := func(v int) int {
			if v == 3 {
				panic("key")
			}
			return v % 5
		}
		r := behindMap(t, source.Slice([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}), func(_ context.Context, v int) (int, error) {
			if v == 1 {
				return 0, errFlaky
			}
			return v, nil
		}, operator.Lanes(key, func(_ context.Context, v int) (int, error) {
			switch v {
			case 4:
				return 0, errFlaky
			case 5:
				panic("five")
			case 6:
				return 0, errOdd
			case 7:
				return 0, stages.ErrDrop
			}
			return v, nil
		}, stages.Workers(2)))
		slices.Sort(r.out)
		require.Equal(t, []int{0, 2, 8, 9}, r.out)
		require.Len(t, r.failed, 5)
	})
}

// An exit fails the item and aborts the run, whichever function it is in.
func TestAGoexitInLanesLosesNothing(t *testing.T) {
	key := func(v int) int { return v % 5 }
	for name, s := range map[string]stages.Stage[int, int]{
		"function":              operator.Lanes(key, func(_ context.Context, v int) (int, error) { return exitAt(40, v), nil }, stages.Workers(3)),
		"key":                   operator.Lanes(func(v int) int { return exitAt(40, v) }, same),
		"key, while items wait": operator.Lanes(func(v int) int { return exitAt(40, v) % 5 }, takes(20*ms), stages.Workers(3)),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &acked{n: 100, gap: ms}
				r := through(t, a, s)
				require.ErrorIs(t, r.err, stages.ErrGoexit)
				require.ErrorContains(t, r.err, `stage "stage"`)
				require.ErrorIs(t, a.errs[40][0], stages.ErrGoexit)
				for i, errs := range a.errs {
					require.Len(t, errs, 1, "item %d", i)
					if i != 40 && errs[0] != nil {
						require.ErrorIs(t, errs[0], stages.ErrAborted, "item %d goes back", i)
					}
				}
			})
		})
	}
}

// exitAt ends the goroutine if v is at.
func exitAt(at, v int) int {
	if v == at {
		runtime.Goexit()
	}
	return v
}

func TestLanesSurviveAnAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice(numberedUpTo(9, 100)), operator.Lanes(byKey, func(ctx context.Context, v numbered) (numbered, error) {
			time.Sleep(10 * time.Millisecond)
			return v, ctx.Err()
		}, stages.Workers(3)), after(55*time.Millisecond, abort))
		require.NotEmpty(t, r.out)
		require.NotEmpty(t, r.failed)
	})
}

func TestLanesCanGetMoreWorkersAndFewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := func(n int) func(*kernel.Run) { return func(rt *kernel.Run) { _ = rt.Nodes()[1].SetWorkers(n) } }
		nap := func(_ context.Context, v numbered) (numbered, error) {
			time.Sleep(10 * time.Millisecond)
			return v, nil
		}
		r := through(t, source.Slice(numberedUpTo(8, 100)), operator.Lanes(byKey, nap), after(time.Second, set(8)), after(1500*time.Millisecond, set(2)))
		inOrder(t, r.out)
		// 100 items one by one, 400 by eight, 300 by two.
		require.InDelta(t, 3000, r.took.Milliseconds(), 60)
	})
}

func TestLanesCheckTheirSettings(t *testing.T) {
	err := operator.Lanes[int, int, int](nil, nil, stages.Workers(0)).(stages.Validator).Validate()
	for _, what := range []string{"key function is nil", "function is nil", "workers must be at least 1"} {
		require.ErrorContains(t, err, what)
	}
}
