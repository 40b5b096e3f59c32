package operator_test

import (
	"context"
	"iter"
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

// calling is every operator that calls a function for items one at a time.
func calling(f func(int) int) map[string]func(*flow.Stream[int]) *flow.Stream[int] {
	via := func(s stages.Stage[int, int]) func(*flow.Stream[int]) *flow.Stream[int] {
		return func(in *flow.Stream[int]) *flow.Stream[int] { return in.Via("op", s) }
	}
	return map[string]func(*flow.Stream[int]) *flow.Stream[int]{
		"Map":     via(operator.Map(func(_ context.Context, v int) (int, error) { return f(v), nil })),
		"Filter":  via(operator.Filter(func(_ context.Context, v int) (bool, error) { f(v); return true, nil })),
		"Scan":    via(operator.Scan(0, func(_ context.Context, _, v int) (int, error) { return f(v), nil })),
		"Reduce":  via(operator.Reduce(0, func(_ context.Context, _, v int) (int, error) { return f(v), nil })),
		"FlatMap": via(operator.FlatMap(func(_ context.Context, v int) (iter.Seq[int], error) { return slices.Values([]int{f(v)}), nil })),
		"sequence": via(operator.FlatMap(func(_ context.Context, v int) (iter.Seq[int], error) {
			return func(yield func(int) bool) {
				for yield(f(v)) {
				}
			}, nil
		})),
		"DistinctUntilChanged": via(operator.DistinctUntilChanged(f)),
		"Throttle":             via(operator.Throttle(limiter.PerSecond(1e9), f)),
		"MapBatch": via(operator.MapBatch(2, 0, func(_ context.Context, vs []int) ([]int, error) {
			f(vs[0])
			return vs, nil
		})),
		"Batch": func(in *flow.Stream[int]) *flow.Stream[int] {
			return in.Batch(3, 0, stages.Weight(1<<30, f)).Map("first", func(_ context.Context, b []int) (int, error) { return b[0], nil })
		},
		"OnError": func(in *flow.Stream[int]) *flow.Stream[int] {
			return in.Map("fail", fails).OnError(func(_ context.Context, e *stages.ItemError) (int, error) { return f(e.Value.(int)), nil })
		},
		"DeadLetter": func(in *flow.Stream[int]) *flow.Stream[int] {
			return in.Map("fail", fails).DeadLetter(func(_ context.Context, e *stages.ItemError) error { f(e.Value.(int)); return nil })
		},
	}
}

// The fault: after an abort functions were still called with the items inside, and what they
// made of the items counted. Here a function aborts the run itself: it is the last to be called,
// and what is behind it goes back to the source.
func TestNoFunctionBeginsOnceTheRunIsAborted(t *testing.T) {
	for name := range calling(itself) {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				synctest.Test(t, func(t *testing.T) {
					var r *flow.Run
					called, late := 0, 0
					started := make(chan struct{})
					op := calling(func(v int) int {
						<-started
						if called++; called == 5 {
							r.Abort(errGone)
						} else if called > 5 {
							late++
						}
						return v
					})[name]
					a := &acked{n: 500}
					r, err := op(flow.From(a)).To(nothing{}).Start(t.Context())
					require.NoError(t, err)
					close(started)
					rep, err := r.Wait()
					require.ErrorIs(t, err, errGone)
					require.NoError(t, rep.Check())
					require.Zero(t, late)
					hear(t, a)
				})
			}
		})
	}
}

// nothing is a sink that takes everything.
type nothing struct{}

func (nothing) Run(_ context.Context, in *stages.Inlet[int]) error {
	for it := range in.All() {
		in.Done(it)
	}
	return nil
}

// An item that is at work when the run is aborted tells of it by its context.
func TestAnAbortEndsTheContextOfACall(t *testing.T) {
	wait := func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }
	for name, s := range map[string]stages.Stage[int, int]{
		"Scan":     operator.Scan(0, func(ctx context.Context, _, v int) (int, error) { return v, wait(ctx) }),
		"Reduce":   operator.Reduce(0, func(ctx context.Context, _, v int) (int, error) { return v, wait(ctx) }),
		"FlatMap":  operator.FlatMap(func(ctx context.Context, v int) (iter.Seq[int], error) { return nil, wait(ctx) }),
		"MapBatch": operator.MapBatch(2, 0, func(ctx context.Context, vs []int) ([]int, error) { return vs, wait(ctx) }),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := through(t, source.Slice(upTo(30)), s, after(time.Second, abort))
				require.Equal(t, time.Second, r.took)
				require.Empty(t, r.out)
				for _, f := range r.failed {
					require.ErrorIs(t, f, errGone)
				}
			})
		})
	}
}
