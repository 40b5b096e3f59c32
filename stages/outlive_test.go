package stages

import (
	"context"
	"iter"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/limiter"
)

// exits is a function that ends its goroutine for each 7th item.
func exits(_ context.Context, v int) (int, error) { return exit(v), nil }

func exit(v int) int {
	if v%7 == 3 {
		runtime.Goexit()
	}
	return v
}

// The fault: where a function ended its goroutine, the neighbours that were handed on
// together failed with it, and all that came after; and the run.
func TestAGoexitCostsTheItemAndNothingElse(t *testing.T) {
	type stage = Stage[int, int]
	flat := func(ctx context.Context, v int) (iter.Seq[int], error) {
		return slices.Values([]int{exit(v)}), nil
	}
	for name, s := range map[string]func() stage{
		"Map":     func() stage { return Map(exits) },
		"workers": func() stage { return Map(exits, Workers(3)) },
		"Filter": func() stage {
			return Filter(func(_ context.Context, v int) (bool, error) { exit(v); return true, nil })
		},
		"FlatMap":           func() stage { return FlatMap(flat) },
		"sequence":          func() stage { return FlatMap(lazily) },
		"Scan":              func() stage { return Scan(0, func(_ context.Context, _, v int) (int, error) { return exit(v), nil }) },
		"DistinctUntil":     func() stage { return DistinctUntilChanged(exit) },
		"Throttle":          func() stage { return Throttle(limiter.PerSecond(1000), func(v int) int { exit(v); return 1 }) },
		"Lanes":             func() stage { return Lanes(func(v int) int { return v % 5 }, exits) },
		"Lanes, by the key": func() stage { return Lanes(exit, same) },
		"lanes of workers":  func() stage { return Lanes(func(v int) int { return 0 }, exits, Workers(3)) },
		"Section":           func() stage { return Section(nil, exits) },
	} {
		for _, n := range []int{40, 3000} { // also when it has shown that it is cheap
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := through(t, Slice(upTo(n)), s())
					require.NoError(t, r.err)
					var rest, struck []int
					for v := range n {
						if v%7 == 3 {
							struck = append(struck, v)
						} else {
							rest = append(rest, v)
						}
					}
					if name == "lanes of workers" || name == "Lanes" || name == "Lanes, by the key" {
						slices.Sort(r.out)
						slices.SortFunc(r.failed, func(a, b *ItemError) int { return a.Value.(int) - b.Value.(int) })
					}
					require.Equal(t, rest, r.out)
					var failed []int
					for _, f := range r.failed {
						require.ErrorIs(t, f, ErrGoexit)
						failed = append(failed, f.Value.(int))
					}
					require.Equal(t, struck, failed)
				})
			})
		}
	}
}

// lazily ends the goroutine from inside its sequence.
func lazily(_ context.Context, v int) (iter.Seq[int], error) {
	return func(yield func(int) bool) { yield(exit(v)) }, nil
}

// Those that make one item of several do it with the others.
func TestAGoexitCostsNoBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		weigh := func(v int) int { exit(v); return 1 }
		r := through(t, Slice(upTo(70)), Batch[int](10, 0, Weight(60, weigh)))
		require.NoError(t, r.err)
		require.Len(t, r.failed, 10)
		require.Len(t, slices.Concat(r.out...), 60)
		w := through(t, Slice(upTo(70)), Window[int](Tumbling(time.Hour), PerKey(exit)))
		require.NoError(t, w.err)
		require.Len(t, w.failed, 10)
		require.Len(t, w.out, 60)
		one := through(t, Slice(upTo(70)), Reduce(0, func(_ context.Context, n, v int) (int, error) { return n + exit(v), nil }))
		require.NoError(t, one.err)
		require.Len(t, one.out, 1)
	})
}

// Error policies fail no neighbour either, and what they were asked about remains
// failed.
func TestAGoexitInAnErrorPolicy(t *testing.T) {
	for name, s := range map[string]Stage[int, int]{
		"OnError":    OnError(func(_ context.Context, e *ItemError) (int, error) { return exit(e.Value.(int)), nil }),
		"DeadLetter": DeadLetter[int](func(_ context.Context, e *ItemError) error { exit(e.Value.(int)); return nil }),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := behindMap(t, Slice(upTo(70)), fails, s)
				require.NoError(t, r.err)
				require.Len(t, r.failed, 10)
				for i, f := range r.failed {
					require.ErrorIs(t, f, ErrGoexit)
					require.Equal(t, 7*i+3, f.Value)
				}
			})
		})
	}
}

// A run that may leave its functions behind calls them from goroutines of their own.
func TestAGoexitInARunThatCanBeAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, s := range []Stage[int, int]{Map(exits), Map(exits, Workers(3)), Scan(0, func(_ context.Context, _, v int) (int, error) { return exit(v), nil })} {
			r := run(t, false, s, nil, func(rt *Runtime, wg *conc.WaitGroup) *Inlet[int] {
				rt.Detach()
				out, in := Link[int](rt, rt.Nodes()[0], rt.Nodes()[1], 16)
				wg.Go(func() { RunSource(Slice(upTo(70)), out) })
				return in
			})
			require.NoError(t, r.err)
			require.Len(t, r.out, 60)
			require.Len(t, r.failed, 10)
		}
	})
}

// The fault: where a stage was done by the goroutine of the one above, and its buffer
// was smaller than a batch, what was left of the batch was lost with the goroutine.
func TestAGoexitInASmallBufferLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 3000
		exits := Map(func(_ context.Context, v int) (int, error) {
			if v%500 == 450 {
				runtime.Goexit()
			}
			return v, nil
		})
		got, failed, err := chained(t, Slice(upTo(n)), Map(same), exits, 8)
		require.NoError(t, err)
		require.Equal(t, n/500, failed)
		require.Equal(t, n-n/500, got)
	})
}
