package operator_test

import (
	"context"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
)

// A function or a sequence that does not heed the abort is left behind. If it comes back after
// the run has ended, it does no harm.
func TestWorkThatIsLeftBehindComesBack(t *testing.T) {
	back := make(chan struct{})
	wait := func(v int) int { <-back; return v }
	for name, s := range map[string]func() stages.Stage[int, int]{
		"Scan": func() stages.Stage[int, int] {
			return operator.Scan(0, func(_ context.Context, _, v int) (int, error) { return wait(v), nil })
		},
		"Reduce": func() stages.Stage[int, int] {
			return operator.Reduce(0, func(_ context.Context, _, v int) (int, error) { return wait(v), nil })
		},
		"FlatMap": func() stages.Stage[int, int] {
			return operator.FlatMap(func(_ context.Context, v int) (iter.Seq[int], error) { wait(v); return nil, nil })
		},
		"sequence": func() stages.Stage[int, int] {
			return operator.FlatMap(func(_ context.Context, v int) (iter.Seq[int], error) {
				return func(yield func(int) bool) {
					for i := range 100 {
						if i == 5 {
							wait(v)
						}
						if !yield(i) {
							return
						}
					}
				}, nil
			})
		},
		"MapBatch": func() stages.Stage[int, int] {
			return operator.MapBatch(3, 0, func(_ context.Context, vs []int) ([]int, error) { wait(0); return vs, nil })
		},
		"Distinct": func() stages.Stage[int, int] { return operator.DistinctUntilChanged(wait) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				back = make(chan struct{})
				r, err := flow.From(source.Slice(upTo(20))).Via("stage", s()).To(nothing{}).Start(t.Context(), flow.AbandonAfter(time.Second))
				require.NoError(t, err)
				time.Sleep(time.Second)
				r.Abort(errGone)
				rep, err := r.Wait()
				require.ErrorIs(t, err, errGone)
				require.NoError(t, rep.Check())
				close(back)
				synctest.Wait() // what was left behind has returned
			})
		})
	}
}
