package operator_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/source"
)

const ms = time.Millisecond

// upTo returns 0 to n-1.
func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

func itself(v int) int { return v }

// same is a call that cannot fail.
func same(_ context.Context, v int) (int, error) { return v, nil }

// fails is a call that cannot succeed.
func fails(context.Context, int) (int, error) { return 0, errFlaky }

// thirds fails with errOdd, errFlaky or not at all.
func thirds(_ context.Context, v int) (int, error) {
	return v, []error{nil, errOdd, errFlaky}[v%3]
}

// tenfold fails odd numbers.
func tenfold(_ context.Context, v int) (int, error) {
	if v%2 == 1 {
		return 0, errOdd
	}
	return 10 * v, nil
}

// takes is a call that takes d.
func takes(d time.Duration) func(context.Context, int) (int, error) {
	return func(_ context.Context, v int) (int, error) {
		time.Sleep(d)
		return v, nil
	}
}

// dawdle is a call that takes d unless its context ends before.
func dawdle(d time.Duration) func(context.Context, int) (int, error) {
	return func(ctx context.Context, v int) (int, error) {
		select {
		case <-time.After(d):
			return v, nil
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// every is a source of 0 to n-1, d apart.
func every(d time.Duration, n int) stages.Source[int] {
	return stages.SourceFunc[int](func(ctx context.Context, out *stages.Outlet[int]) error {
		for i := 0; i < n && ctx.Err() == nil; i++ {
			out.Emit(i)
			select {
			case <-time.After(d):
			case <-ctx.Done():
			}
		}
		return nil
	})
}

// bursts is a source of 0, 1, 2, ... of which each comes so many milliseconds after the one
// before.
func bursts(gaps ...int) stages.Source[int] {
	return source.Seq(func(yield func(int) bool) {
		for i, gap := range gaps {
			if time.Sleep(time.Duration(gap) * time.Millisecond); !yield(i) {
				return
			}
		}
	})
}

// after makes a control that does something at a certain time of the run.
func after(d time.Duration, do func(*kernel.Run)) func(*kernel.Run) {
	return func(r *kernel.Run) {
		time.Sleep(d)
		do(r)
	}
}

func abort(r *kernel.Run) { r.Abort(errGone) }
func stop(r *kernel.Run)  { r.Stop() }

// acked is a source of 0 to n-1 that notes the acknowledgement of each.
type acked struct {
	n    int
	gap  time.Duration // before each
	took bool          // the last one

	mu   sync.Mutex // settle is called from any goroutine
	errs map[int][]error
}

func (a *acked) Run(_ context.Context, out *stages.Outlet[int]) error {
	a.errs = map[int][]error{}
	for i := range a.n {
		time.Sleep(a.gap)
		a.took = out.EmitAcked(func(err error) { a.note(i, err) }, i)
		if !a.took {
			return nil
		}
	}
	return nil
}

func (a *acked) note(i int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.errs[i] = append(a.errs[i], err)
}

// once checks that each item was acknowledged once, and returns the errors.
func (a *acked) once(t *testing.T) []error {
	t.Helper()
	errs := make([]error, a.n)
	for i := range a.n {
		require.Len(t, a.errs[i], 1, "item %d", i)
		errs[i] = a.errs[i][0]
	}
	return errs
}
