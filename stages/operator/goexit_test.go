package operator_test

import (
	"context"
	"iter"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
)

// exitsAt returns a function that ends its goroutine for one item.
func exitsAt(at int) func(int) int {
	return func(v int) int {
		if v == at {
			runtime.Goexit()
		}
		return v
	}
}

// exits is every operator with a function that is called with the items, and ends the
// goroutine for one of them.
func exits(exit func(int) int) map[string]stages.Stage[int, int] {
	return map[string]stages.Stage[int, int]{
		"Map":     operator.Map(func(_ context.Context, v int) (int, error) { return exit(v), nil }),
		"workers": operator.Map(func(_ context.Context, v int) (int, error) { return exit(v), nil }, stages.Workers(3)),
		"Filter":  operator.Filter(func(_ context.Context, v int) (bool, error) { exit(v); return true, nil }),
		"FlatMap": operator.FlatMap(func(_ context.Context, v int) (iter.Seq[int], error) {
			return slices.Values([]int{exit(v)}), nil
		}),
		"sequence": operator.FlatMap(func(_ context.Context, v int) (iter.Seq[int], error) {
			return func(yield func(int) bool) { yield(exit(v)) }, nil
		}),
		"Scan":          operator.Scan(0, func(_ context.Context, _, v int) (int, error) { return exit(v), nil }),
		"DistinctUntil": operator.DistinctUntilChanged(exit),
		"Throttle":      operator.Throttle(limiter.PerSecond(1e6), func(v int) int { exit(v); return 1 }),
		"MapBatch": operator.MapBatch(1, 0, func(_ context.Context, vs []int) ([]int, error) {
			exit(vs[0])
			return vs, nil
		}),
	}
}

// A function that ends its goroutine fails its item and aborts the run. No item is lost: what
// came before has left, and what comes behind fails with the abort.
func TestAGoexitFailsItsItemAndAbortsTheRun(t *testing.T) {
	for _, n := range []int{40, 3000} { // also after the stage has shown that it is cheap
		for name := range exits(itself) {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					at := n / 2
					r := behindMap(t, source.Slice(upTo(n)), same, exits(exitsAt(at))[name])
					require.ErrorIs(t, r.err, stages.ErrGoexit)
					require.ErrorContains(t, r.err, `"stage"`)
					require.NotEmpty(t, r.failed)
					struck := 0
					for _, f := range r.failed {
						require.ErrorIs(t, f, stages.ErrGoexit)
						if f.Value == at && f.Stage == "stage" {
							struck++
							require.NotErrorIs(t, f, stages.ErrAborted)
						} else {
							require.ErrorIs(t, f, stages.ErrAborted)
						}
					}
					require.Equal(t, 1, struck)
					require.NotContains(t, r.out, at)
					require.True(t, slices.IsSorted(r.out), r.out)
					if name != "workers" {
						require.Equal(t, upTo(at), r.out)
					}
				})
			})
		}
	}
}

// The same for stages that make one item of several: what they hold is not lost.
func TestAGoexitLosesNoItemThatIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &acked{n: 20}
		r := through(t, a, operator.Batch[int](100, time.Hour, stages.Weight(1000, exitsAt(10))))
		require.ErrorIs(t, r.err, stages.ErrGoexit)
		require.Equal(t, [][]int{upTo(10)}, r.out, "what is done is delivered")
		require.ErrorIs(t, r.failed[0], stages.ErrGoexit)
		require.Equal(t, 10, r.failed[0].Value)
		hear(t, a)

		a = &acked{n: 20}
		one := through(t, a, operator.Reduce(0, func(_ context.Context, n, v int) (int, error) { return n + exitsAt(10)(v), nil }))
		require.ErrorIs(t, one.err, stages.ErrGoexit)
		require.Empty(t, one.out)
		for _, errs := range a.errs {
			require.ErrorIs(t, errs[0], stages.ErrGoexit)
		}
		hear(t, a)
	})
}

// hear requires that the source has heard once of each item that it could emit.
func hear(t *testing.T, a *acked) {
	t.Helper()
	require.NotEmpty(t, a.errs)
	for v, errs := range a.errs {
		require.Len(t, errs, 1, "item %d", v)
	}
}

// An item whose policy ends the goroutine remains failed, with both errors.
func TestAGoexitInAPolicy(t *testing.T) {
	for name, s := range map[string]stages.Stage[int, int]{
		"OnError":    operator.OnError(func(context.Context, *stages.ItemError) (int, error) { runtime.Goexit(); return 0, nil }),
		"DeadLetter": operator.DeadLetter[int](func(context.Context, *stages.ItemError) error { runtime.Goexit(); return nil }),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &acked{n: 6}
				r := behindMap(t, a, tenfold, s)
				require.ErrorIs(t, r.err, stages.ErrGoexit)
				require.Equal(t, []int{0}, r.out)
				require.ErrorIs(t, r.failed[0], errOdd)
				require.ErrorIs(t, r.failed[0], stages.ErrGoexit)
				hear(t, a)
			})
		})
	}
}

// The same in a run that may leave its functions behind, which calls them from goroutines of
// their own.
func TestAGoexitInARunThatCanBeAbandoned(t *testing.T) {
	for name := range exits(itself) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &acked{n: 70}
				r, err := flow.From(a).Via("stage", exits(exitsAt(35))[name]).To(nothing{}).Start(t.Context(), flow.AbandonAfter(time.Hour))
				require.NoError(t, err)
				rep, err := r.Wait()
				require.ErrorIs(t, err, stages.ErrGoexit)
				require.NoError(t, rep.Check())
				hear(t, a)
				require.ErrorIs(t, a.errs[35][0], stages.ErrGoexit)
			})
		})
	}
}

// The failed item fills the edge below, whose receiver waits. The receiver was not woken, and the
// stage waited for room for the next item forever.
func TestAGoexitWakesTheReceiverOfAFullEdge(t *testing.T) {
	exit := func(v int) int {
		time.Sleep(time.Second) // so that the receiver waits
		return exitsAt(1)(v)
	}
	for name := range exits(itself) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &acked{n: 4}
				rep, err := flow.From(a).Via("stage", exits(exit)[name]).To(nothing{}, stages.Buffer(1)).Run(t.Context())
				require.ErrorIs(t, err, stages.ErrGoexit)
				require.NoError(t, rep.Check())
				hear(t, a)
			})
		})
	}
}
