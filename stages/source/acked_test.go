package source_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/source"
)

// queue hands out 0 to n-1, size at a time, and notes what it hears.
type queue struct {
	n, size int
	gap     time.Duration // before each batch
	end     error         // comes with the last batch

	next int
	mu   sync.Mutex
	errs map[int][]error
}

func (q *queue) read(ctx context.Context) (batch []source.Delivery[int], err error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(q.gap):
	}
	for ; len(batch) < q.size && q.next < q.n; q.next++ {
		v := q.next
		batch = append(batch, source.Delivery[int]{Value: v, Ack: func(err error) {
			q.mu.Lock()
			defer q.mu.Unlock()
			if q.errs == nil {
				q.errs = map[int][]error{}
			}
			q.errs[v] = append(q.errs[v], err)
		}})
	}
	if q.next == q.n {
		err = q.end
	}
	return batch, err
}

// once checks that what was handed out was acknowledged once.
func (q *queue) once(t *testing.T) {
	t.Helper()
	require.Equal(t, upTo(q.next), slices.Sorted(maps.Keys(q.errs)))
	for v, errs := range q.errs {
		require.Len(t, errs, 1, "value %d", v)
	}
}

func TestAckedAcknowledgesEachDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queue{n: 10, size: 4, end: io.EOF}
		out, err := results(t, source.Acked(q.read), thirds)
		require.NoError(t, err)
		require.Len(t, out, 4)
		q.once(t)
		require.NoError(t, q.errs[3][0])
		require.ErrorIs(t, q.errs[4][0], errOdd)
	})
}

// What comes with an error enters the flow before the run stops.
func TestAnErrorOfReadStopsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queue{n: 3, size: 5, end: errGone}
		out, err := results(t, source.Acked(q.read), same)
		require.ErrorIs(t, err, errGone)
		require.ErrorContains(t, err, `stage "source"`)
		require.Equal(t, upTo(3), out)
		q.once(t)
	})
}

func TestAckedStopsWithTheIntake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queue{n: 1000, size: 5, gap: time.Second}
		out, err := results(t, source.Acked(q.read), same, after(3500*time.Millisecond, stop))
		require.NoError(t, err)
		require.Equal(t, upTo(15), out)
		q.once(t)
	})
}

// The edge holds 16 items; those of the batch that it has not taken by the abort
// are acknowledged all the same.
func TestAnAbortAcknowledgesWhatWasReadAndNotTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queue{n: 100, size: 100}
		_, _ = results(t, source.Acked(q.read), takes(time.Second), after(2500*time.Millisecond, abort))
		q.once(t)
		require.NoError(t, q.errs[1][0])
		require.ErrorIs(t, q.errs[99][0], stages.ErrAborted)
		require.ErrorIs(t, q.errs[99][0], errGone)
	})
}

func TestADeliveryNeedsNoAcknowledgement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, err := results(t, source.Acked(func(context.Context) ([]source.Delivery[int], error) {
			return []source.Delivery[int]{{Value: 1}}, io.EOF
		}), same)
		require.NoError(t, err)
		require.Equal(t, []int{1}, out)
	})
	require.ErrorContains(t, validate(source.Acked[int](nil)), "read function is nil")
}

// results runs a source and a Map of f, and returns what came out. Failures leave like results.
func results(t *testing.T, src stages.Source[int], f func(context.Context, int) (int, error), control ...func(*flow.Run)) (out []int, err error) {
	t.Helper()
	r, err := flow.From(src).Map("map", f, stages.Buffer(16)).To(everything{&out}).Start(t.Context())
	require.NoError(t, err)
	var wg sync.WaitGroup
	for _, c := range control {
		wg.Go(func() { c(r) })
	}
	rep, err := r.Wait()
	wg.Wait()
	require.NoError(t, rep.Check())
	return out, err
}

// everything is a sink that takes failures as well, and keeps the values.
type everything struct{ out *[]int }

func (everything) TakesFailures() bool { return true }

func (s everything) Run(_ context.Context, in *stages.Inlet[int]) error {
	for it := range in.All() {
		if it.Err() == nil {
			*s.out = append(*s.out, it.Value)
		}
		in.Done(it)
	}
	return nil
}

var errOdd = errors.New("odd")

// thirds fails with errOdd, errFlaky or not at all.
func thirds(_ context.Context, v int) (int, error) {
	return v, []error{nil, errOdd, errFlaky}[v%3]
}

func same(_ context.Context, v int) (int, error) { return v, nil }

// takes is a call that takes d.
func takes(d time.Duration) func(context.Context, int) (int, error) {
	return func(_ context.Context, v int) (int, error) {
		time.Sleep(d)
		return v, nil
	}
}
