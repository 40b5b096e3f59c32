package operator_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/sink"
)

// tens is a bulk call that takes a second. Of each batch the items fail that are divisible by
// 4, and 7 is dropped.
func tens(_ context.Context, vs []int) ([]int, error) {
	time.Sleep(time.Second)
	outs, failed := make([]int, len(vs)), map[int]error{}
	for i, v := range vs {
		outs[i] = 10 * v
		switch {
		case v%4 == 0:
			failed[i] = errFlaky
		case v == 7:
			failed[i] = stages.ErrDrop
		}
	}
	if len(failed) == 0 {
		return outs, nil
	}
	return outs, fmt.Errorf("bulk: %w", &stages.BatchError{Errs: failed})
}

func TestMapBatchKeepsItemsApart(t *testing.T) {
	for name, opts := range map[string][]stages.BulkOption{"one call": nil, "calls at a time": {stages.Workers(3)}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := &acked{n: 10}
				r := through(t, q, operator.MapBatch(3, time.Minute, tens, opts...))
				require.Equal(t, []string{"!", "10", "20", "30", "!", "50", "60", "!", "90"}, r.order)
				q.once(t)
				for v, errs := range q.errs {
					if v%4 == 0 {
						require.ErrorIs(t, errs[0], errFlaky)
					} else {
						require.NoError(t, errs[0])
					}
				}
				require.Equal(t, int64(4), r.nodes[1].Effort().Attempts, "calls")
				require.Equal(t, stages.Timing{Stage: "stage", Work: time.Second, Attempts: 1}, r.timing(0))
				if opts != nil {
					require.Equal(t, 2*time.Second, r.took)
				} else {
					require.Equal(t, 4*time.Second, r.took)
				}
			})
		})
	}
}

func TestABatchThatFailsAsAWhole(t *testing.T) {
	for name, f := range map[string]func([]int) ([]int, error){
		"error":         func([]int) ([]int, error) { return nil, errFlaky },
		"panic":         func([]int) ([]int, error) { panic(errFlaky) },
		"Goexit":        func([]int) ([]int, error) { runtime.Goexit(); return nil, nil },
		"results short": func(vs []int) ([]int, error) { return vs[1:], nil },
		"no index":      func(vs []int) ([]int, error) { return vs, &stages.BatchError{} },
		"wrong index":   func(vs []int) ([]int, error) { return vs, &stages.BatchError{Errs: map[int]error{9: errFlaky}} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := &acked{n: 5}
				r := through(t, q, operator.MapBatch(2, 0, func(_ context.Context, vs []int) ([]int, error) { return f(vs) }))
				require.Len(t, r.failed, 5)
				q.once(t)
				require.Error(t, q.errs[0][0])
			})
		})
	}
}

// A batch leaves when its first item has waited long enough, and at once in a drain.
func TestWhenABulkCallIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sizes []int
		note := func(_ context.Context, vs []int) ([]int, error) { sizes = append(sizes, len(vs)); return vs, nil }
		through(t, every(time.Second, 10), operator.MapBatch(100, 3500*time.Millisecond, note))
		require.Equal(t, []int{4, 4, 2}, sizes)

		sizes = nil
		r := through(t, every(time.Second, 10), operator.MapBatch(100, time.Hour, note), after(4500*time.Millisecond, stop))
		require.Equal(t, []int{5}, sizes)
		require.Less(t, r.took, 5*time.Second)
	})
}

func TestABulkCallIsNotMadeForWhatIsLateOrAborted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		called := 0
		bulk := operator.MapBatch(4, 0, func(_ context.Context, vs []int) ([]int, error) { called += len(vs); return vs, nil })
		r := run(t, false, bulk, nil, fed(every(time.Second, 10), operator.Deadline[int](1500*time.Millisecond)))
		require.Len(t, r.out, 5, "two of each four, and one of the last two: the others have waited too long")
		require.Equal(t, 5, called)
		require.Equal(t, int64(5), r.ledger().Expired)

		q := &acked{n: 100, gap: 100 * time.Millisecond}
		r = through(t, q, operator.MapBatch(7, 0, tens), after(5250*time.Millisecond, abort))
		require.NotEmpty(t, q.errs)
		for v, errs := range q.errs {
			require.Len(t, errs, 1, "value %d", v)
		}
		require.NotEmpty(t, r.failed)
	})
}

func TestBatchErrorsAndFaults(t *testing.T) {
	e := &stages.BatchError{Errs: map[int]error{5: errGone, 3: errFlaky}}
	require.EqualError(t, e, "stages: 2 items of a batch failed, the first at 3: flaky")
	require.ErrorIs(t, e, errFlaky)
	for range 20 { // maps have no order
		e = &stages.BatchError{Errs: map[int]error{0: errFlaky, 3: errGone, 5: errGone}}
		require.EqualError(t, e, "stages: 3 items of a batch failed, the first at 0: flaky")
	}
	require.EqualError(t, &stages.BatchError{}, "stages: a batch failed")
	require.NoError(t, (&stages.BatchError{}).Unwrap())
	err := validate(operator.MapBatch[int, int](0, -1, nil))
	require.ErrorContains(t, err, "batch size")
	require.ErrorContains(t, err, "function is nil")
	require.ErrorContains(t, validate(sink.ForEachBatch[int](1, 0, nil)), "function is nil")
}
