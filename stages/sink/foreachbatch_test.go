package sink_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// heard is a source of 0 to n-1 that notes the acknowledgement of each.
type heard struct {
	n    int
	mu   sync.Mutex // settle is called from any goroutine
	errs map[int][]error
}

func (h *heard) Run(_ context.Context, out *stages.Outlet[int]) error {
	h.errs = map[int][]error{}
	for v := range h.n {
		out.EmitAcked(func(err error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.errs[v] = append(h.errs[v], err)
		}, v)
	}
	return nil
}

// once requires that each item was acknowledged once, and returns the errors.
func (h *heard) once(t *testing.T) []error {
	t.Helper()
	errs := make([]error, h.n)
	for v := range h.n {
		require.Len(t, h.errs[v], 1, "item %d", v)
		errs[v] = h.errs[v][0]
	}
	return errs
}

func TestForEachBatchAcknowledgesEachItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &heard{n: 10}
		_, l, err := deliver(t, h, sink.ForEachBatch(4, time.Second, func(_ context.Context, vs []int) error {
			time.Sleep(time.Second)
			failed := map[int]error{}
			for i, v := range vs {
				switch {
				case v%4 == 0:
					failed[i] = errFlaky
				case v == 7:
					failed[i] = stages.ErrDrop
				}
			}
			if len(failed) == 0 {
				return nil
			}
			return fmt.Errorf("bulk: %w", &stages.BatchError{Errs: failed})
		}, stages.Workers(2)))
		require.ErrorIs(t, err, errFlaky)
		for v, err := range h.once(t) {
			if v%4 == 0 {
				require.ErrorIs(t, err, errFlaky)
			} else {
				require.NoError(t, err, "7 was dropped on purpose")
			}
		}
		require.Equal(t, stages.Ledger{In: 10, Out: 6, Failed: 3, Filtered: 1}, l)
	})
}

// A batch that fails as a whole, a panic and a Goexit leave no item without its
// acknowledgement.
func TestForEachBatchSurvivesItsFunction(t *testing.T) {
	for name, tt := range map[string]struct {
		f    func() error
		want error
	}{
		"error":  {func() error { return errFlaky }, errFlaky},
		"panic":  {func() error { panic(errFlaky) }, errFlaky},
		"Goexit": {func() error { runtime.Goexit(); return nil }, stages.ErrGoexit},
		"drop":   {func() error { return stages.ErrDrop }, nil},
	} {
		for _, workers := range []int{1, 3} {
			t.Run(fmt.Sprint(name, workers), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := &heard{n: 10}
					f := func(context.Context, []int) error {
						time.Sleep(time.Second) // the source has brought all items: an aborted run takes no more
						return tt.f()
					}
					_, l, err := deliver(t, h, sink.ForEachBatch(3, 0, f, stages.Workers(workers)))
					require.ErrorIs(t, err, tt.want)
					require.Zero(t, l.Out)
					for _, err := range h.once(t) {
						require.ErrorIs(t, err, tt.want)
					}
				})
			})
		}
	}
}

// What is held when the run is aborted goes back to its source, and no call is made for it.
func TestForEachBatchOnAnAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		h := &heard{n: 10}
		wait := stages.SourceFunc[int](func(ctx context.Context, out *stages.Outlet[int]) error {
			_ = h.Run(ctx, out)
			<-ctx.Done()
			return nil
		})
		_, _, err := deliver(t, wait, sink.ForEachBatch(100, time.Hour, func(context.Context, []int) error { calls++; return nil }), after(time.Second, abort))
		require.ErrorIs(t, err, errGone)
		require.Zero(t, calls)
		for _, err := range h.once(t) {
			require.ErrorIs(t, err, stages.ErrAborted)
		}
	})
}

func TestForEachBatchRefusesWhatIsWrong(t *testing.T) {
	g := flow.From(source.Slice([]int{1})).To(sink.ForEachBatch[int](0, -1, nil))
	err := g.Validate()
	require.ErrorContains(t, err, "function is nil")
	require.ErrorContains(t, err, "batch size must be at least 1, not 0")
	require.ErrorContains(t, err, "batch delay is negative")
}

func ExampleForEachBatch() {
	insert := func(_ context.Context, rows []int) error {
		fmt.Println("insert", rows)
		return nil
	}
	_, err := flow.From(source.Slice([]int{1, 2, 3, 4, 5})).To(sink.ForEachBatch(2, 0, insert)).Run(context.Background())
	fmt.Println(err)
	// Output:
	// insert [1 2]
	// insert [3 4]
	// insert [5]
	// <nil>
}
