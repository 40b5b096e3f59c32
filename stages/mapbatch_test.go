package stages

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// tens is a bulk call that takes a second; of each batch those fail that are
// divisible by 4.
func tens(_ context.Context, vs []int) ([]int, error) {
	time.Sleep(time.Second)
	outs, failed := make([]int, len(vs)), map[int]error{}
	for i, v := range vs {
		outs[i] = 10 * v
		switch {
		case v%4 == 0:
			failed[i] = errFlaky
		case v == 7:
			failed[i] = ErrDrop
		}
	}
	if len(failed) == 0 {
		return outs, nil
	}
	return outs, fmt.Errorf("bulk: %w", &BatchError{Errs: failed})
}

func TestMapBatchKeepsItemsApart(t *testing.T) {
	for name, opts := range map[string][]Option{"one call": nil, "calls at a time": {Workers(3)}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := &queue{n: 10, size: 10, end: io.EOF}
				r := through(t, Acked(q.read), MapBatch(3, time.Minute, tens, opts...))
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
				require.Equal(t, Timing{Stage: "stage", Work: time.Second, Attempts: 1}, r.timing(0))
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
		"no index":      func(vs []int) ([]int, error) { return vs, &BatchError{} },
		"wrong index":   func(vs []int) ([]int, error) { return vs, &BatchError{map[int]error{9: errFlaky}} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := &queue{n: 5, size: 5, end: io.EOF}
				r := through(t, Acked(q.read), MapBatch(2, 0, func(_ context.Context, vs []int) ([]int, error) { return f(vs) }))
				require.Len(t, r.failed, 5)
				q.once(t)
				require.Error(t, q.errs[0][0])
			})
		})
	}
}

// A batch leaves when its first item has waited long enough, and in a drain at
// once.
func TestWhenABulkCallIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sizes []int
		note := func(_ context.Context, vs []int) ([]int, error) { sizes = append(sizes, len(vs)); return vs, nil }
		through(t, every(time.Second, 10), MapBatch(100, 3500*time.Millisecond, note))
		require.Equal(t, []int{4, 4, 2}, sizes)

		sizes = nil
		r := through(t, every(time.Second, 10), MapBatch(100, time.Hour, note), after(4500*time.Millisecond, stop))
		require.Equal(t, []int{5}, sizes)
		require.Less(t, r.took, 5*time.Second)
	})
}

func TestABulkCallIsNotMadeForWhatIsLateOrAborted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		called := 0
		bulk := MapBatch(4, 0, func(_ context.Context, vs []int) ([]int, error) { called += len(vs); return vs, nil })
		r := run(t, false, bulk, nil, fed(every(time.Second, 10), Deadline[int](1500*time.Millisecond)))
		require.Len(t, r.out, 5, "two of each four, and one of the last two: the others have waited too long")
		require.Equal(t, 5, called)
		require.Equal(t, int64(5), r.ledger().Expired)

		q := &queue{n: 100, size: 10, gap: time.Second}
		r = through(t, Acked(q.read), MapBatch(7, 0, tens), after(5200*time.Millisecond, abort))
		q.once(t)
		require.NotEmpty(t, r.failed)
	})
}

func TestForEachBatchAcknowledgesEachItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queue{n: 10, size: 10, end: io.EOF}
		rt := NewRuntime(t.Context(), false, "source", "sink")
		defer rt.Close()
		out, in := Link[int](rt, rt.Nodes()[0], rt.Nodes()[1], 16)
		go RunSource(Acked(q.read), out)
		RunSink(ForEachBatch(4, time.Second, func(ctx context.Context, vs []int) error {
			_, err := tens(ctx, vs)
			return err
		}, Workers(2)), in)
		q.once(t)
		require.NoError(t, q.errs[1][0])
		require.NoError(t, q.errs[7][0], "dropped on purpose")
		require.ErrorIs(t, q.errs[8][0], errFlaky)
		require.ErrorIs(t, rt.Err(), errFlaky)
		require.NoError(t, rt.Nodes()[1].Ledger().Check())
		require.Equal(t, int64(6), rt.Nodes()[1].Ledger().Out)
	})
}

func TestBatchErrorsAndFaults(t *testing.T) {
	e := &BatchError{map[int]error{5: errGone, 3: errFlaky}}
	require.EqualError(t, e, "stages: 2 items of a batch failed, the first at 3: flaky")
	require.ErrorIs(t, e, errFlaky)
	require.EqualError(t, &BatchError{}, "stages: a batch failed")
	require.NoError(t, (&BatchError{}).Unwrap())
	err := MapBatch[int, int](0, -1, nil).(Validator).Validate()
	require.ErrorContains(t, err, "batch size")
	require.ErrorContains(t, err, "function is nil")
	require.ErrorContains(t, ForEachBatch[int](1, 0, nil).(Validator).Validate(), "function is nil")
}
