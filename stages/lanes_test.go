package stages

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/require"
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
			r := through(t, Slice(numberedUpTo(7, 60)), Lanes(byKey, func(_ context.Context, v numbered) (numbered, error) {
				if v.key%2 == 0 { // the others are cheap
					time.Sleep(time.Duration(v.n*v.key%13) * time.Millisecond)
				}
				return v, nil
			}, Workers(workers)))
			require.Len(t, r.out, 420)
			inOrder(t, r.out)
		}
	})
}

func TestLanesWorkOnDifferentKeysAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nap := func(_ context.Context, v numbered) (numbered, error) {
			time.Sleep(10 * time.Millisecond)
			return v, nil
		}
		r := through(t, Slice(numberedUpTo(4, 10)), Lanes(byKey, nap, Workers(4)))
		require.Len(t, r.out, 40)
		require.Equal(t, 100*time.Millisecond, r.took)
		r = through(t, Slice(numberedUpTo(1, 10)), Lanes(byKey, nap, Workers(4)))
		require.Equal(t, 100*time.Millisecond, r.took, "one key, one at a time")
		inOrder(t, r.out)
	})
}

// Keys at rest hold nothing.
func TestIdleLanesAreFreed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := runtime.NumGoroutine()
		most := 0
		src := Seq(func(yield func(numbered) bool) {
			for k := range 5000 {
				if !yield(numbered{k, 0}) {
					return
				}
			}
			time.Sleep(time.Minute)
			most = runtime.NumGoroutine() - before
			yield(numbered{5000, 0})
		})
		r := through(t, src, Lanes(byKey, func(_ context.Context, v numbered) (int, error) { return v.key, nil }, Workers(4)))
		require.Len(t, r.out, 5001)
		require.Less(t, most, 10)

		y := &yard[int, int]{open: map[int]*lane[int, int]{}, wanted: 1, hired: 1}
		y.work.L, y.room.L = &y.mu, &y.mu
		for k := range 5000 {
			y.put(k, Item[int]{Value: k})
			mine, group := y.take(nil, nil, 1)
			y.done(mine, len(group))
		}
		require.Empty(t, y.open)
		require.LessOrEqual(t, len(y.spare), 64)
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
		r := behindMap(t, Slice([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}), func(_ context.Context, v int) (int, error) {
			if v == 1 {
				return 0, errFlaky
			}
			return v, nil
		}, Lanes(key, func(_ context.Context, v int) (int, error) {
			switch v {
			case 4:
				return 0, errFlaky
			case 5:
				panic("five")
			case 6:
				runtime.Goexit()
			case 7:
				return 0, ErrDrop
			}
			return v, nil
		}, Workers(2)))
		slices.Sort(r.out)
		require.Equal(t, []int{0, 2, 8, 9}, r.out)
		require.Len(t, r.failed, 5)
	})
}

func TestLanesGoOnWhereTheKeyFunctionEndsItsGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, Slice([]int{0, 1, 2}), Lanes(func(v int) int {
			if v == 1 {
				runtime.Goexit()
			}
			return v
		}, same))
		slices.Sort(r.out)
		require.Equal(t, []int{0, 2}, r.out)
		require.Len(t, r.failed, 1)
		require.NoError(t, r.err)
	})
}

func TestLanesSurviveAnAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, Slice(numberedUpTo(9, 100)), Lanes(byKey, func(ctx context.Context, v numbered) (numbered, error) {
			time.Sleep(10 * time.Millisecond)
			return v, ctx.Err()
		}, Workers(3)), after(55*time.Millisecond, abort))
		require.NotEmpty(t, r.out)
		require.NotEmpty(t, r.failed)
	})
}

func TestLanesCanGetMoreWorkersAndFewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := func(n int) func(*Runtime) { return func(rt *Runtime) { _ = rt.Nodes()[1].SetWorkers(n) } }
		nap := func(_ context.Context, v numbered) (numbered, error) {
			time.Sleep(10 * time.Millisecond)
			return v, nil
		}
		r := through(t, Slice(numberedUpTo(8, 100)), Lanes(byKey, nap), after(time.Second, set(8)), after(1500*time.Millisecond, set(2)))
		inOrder(t, r.out)
		// 100 items one by one, 400 by eight, 300 by two.
		require.InDelta(t, 3000, r.took.Milliseconds(), 60)
	})
}

func TestLanesCheckTheirSettings(t *testing.T) {
	err := Lanes[int, int, int](nil, nil, Workers(0)).(Validator).Validate()
	for _, what := range []string{"key function is nil", "function is nil", "workers must be at least 1"} {
		require.ErrorContains(t, err, what)
	}
}

func BenchmarkLanes(b *testing.B) {
	for _, keys := range []int{1, 100, 100_000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			b.ReportAllocs()
			all := make([]int, b.N)
			for i := range all {
				all[i] = i % keys
			}
			b.ResetTimer()
			rt := NewRuntime(b.Context(), false, "source", "lanes", "sink")
			defer rt.Close()
			n := rt.Nodes()
			out, in := Link[int](rt, n[0], n[1], 256)
			next, last := Link[int](rt, n[1], n[2], 256)
			var wg conc.WaitGroup
			wg.Go(func() { RunSource(Slice(all), out) })
			wg.Go(func() { RunStage(Lanes(func(v int) int { return v }, same, Workers(4)), in, next) })
			RunSink(ForEach(func(context.Context, int) error { return nil }), last)
			wg.Wait()
		})
	}
}
