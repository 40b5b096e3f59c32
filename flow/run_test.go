package flow_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// endless is a source that goes on until it is stopped, a value a millisecond.
var endless = stages.SourceFunc[int](func(ctx context.Context, out *stages.Outlet[int]) error {
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
			out.Emit(i)
		}
	}
})

func slow(_ context.Context, v int) (int, error) {
	time.Sleep(2 * time.Millisecond)
	return v, nil
}

func TestStopDrainsWhatIsInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		n := 0
		rep, err := flow.From(endless).Map("slow", slow).ForEach(t.Context(), func(context.Context, int) error {
			n++
			return nil
		}, flow.StopWhen(stop.Done()))
		require.NoError(t, err)
		require.NoError(t, rep.Check())
		require.GreaterOrEqual(t, n, 99)
		require.Equal(t, int64(n), rep.Ledger.In)
		require.Greater(t, rep.Elapsed, 190*time.Millisecond)
	})
}

func TestADrainThatTakesTooLongIsAborted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := flow.From(endless).Map("slow", slow).To(sink.ForEach(func(context.Context, int) error { return nil }))
		r, err := g.Start(t.Context(), flow.DrainTimeout(10*time.Millisecond))
		require.NoError(t, err)
		time.Sleep(100 * time.Millisecond)
		require.Positive(t, r.Snapshot().Ledger.Balance(), "items are inside")
		r.Stop()
		rep, err := r.Wait()
		require.ErrorIs(t, err, flow.ErrDrainTimeout)
		require.NoError(t, rep.Check())
		require.Positive(t, rep.Ledger.Failed)
	})
}

func TestTheEndOfTheContextAborts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		var rep flow.Report
		var last error
		n := 0
		for r := range flow.From(endless).Map("slow", slow).Results(ctx, flow.ReportTo(&rep)) {
			last = r.Err
			n++
		}
		require.ErrorIs(t, last, context.DeadlineExceeded)
		require.NoError(t, rep.Check())
		require.Equal(t, rep.Ledger.In, int64(n-1), "each accepted item was yielded")
	})
}

func TestAFailedItemWithNowhereToGoStopsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rep, err := flow.From(endless).Map("check", func(_ context.Context, v int) (int, error) {
			if v == 7 {
				return 0, errFlaky
			}
			return v, nil
		}).ForEach(t.Context(), func(context.Context, int) error { return nil })
		require.ErrorIs(t, err, errFlaky)
		var item *stages.ItemError
		require.ErrorAs(t, err, &item)
		require.Equal(t, "check", item.Stage)
		require.Equal(t, 7, item.Value)
		require.NoError(t, rep.Check())
	})
}

func TestErrorPolicies(t *testing.T) {
	fail := func(_ context.Context, v int) (int, error) {
		if v%2 == 1 {
			return 0, errFlaky
		}
		return v, nil
	}
	got, err := flow.From(source.Slice(upTo(6))).Map("fail", fail).
		OnError(func(_ context.Context, e *stages.ItemError) (int, error) {
			if e.Value == 3 {
				return 0, stages.ErrDrop
			}
			return -e.Value.(int), nil
		}).Collect(t.Context())
	require.NoError(t, err)
	require.Equal(t, []int{0, -1, 2, 4, -5}, got)

	var rep flow.Report
	var kept []any
	got, err = flow.From(source.Slice(upTo(6))).Map("fail", fail).
		DeadLetter(func(_ context.Context, e *stages.ItemError) error {
			if e.Value == 5 {
				return errors.New("disk full")
			}
			kept = append(kept, e.Value)
			return nil
		}).Collect(t.Context(), flow.ReportTo(&rep))
	require.ErrorIs(t, err, errFlaky)
	require.ErrorContains(t, err, "disk full")
	require.Equal(t, []int{0, 2, 4}, got)
	require.Equal(t, []any{1, 3}, kept)
	require.NoError(t, rep.Check())
	require.Equal(t, int64(2), rep.Ledger.DeadLettered)
}

func TestAStageThatBreaksOrHasEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := stages.StageFunc[int, int](func(_ context.Context, in *stages.Inlet[int], out *stages.Outlet[int]) error {
			it, _ := in.Next()
			out.Send(it)
			panic("at the second item")
		})
		var rep flow.Report
		got, err := flow.From(endless).Via("broken", broken).Collect(t.Context(), flow.ReportTo(&rep))
		require.ErrorContains(t, err, `stage "broken": panic in stage "broken": at the second item`)
		require.Equal(t, []int{0}, got)
		require.NoError(t, rep.Check())

		take := stages.StageFunc[int, int](func(_ context.Context, in *stages.Inlet[int], out *stages.Outlet[int]) error {
			for range 3 {
				it, _ := in.Next()
				out.Send(it)
			}
			return nil
		})
		got, err = flow.From(endless).Via("take", take).Collect(t.Context(), flow.ReportTo(&rep))
		require.NoError(t, err)
		require.Equal(t, upTo(3), got)
		require.NoError(t, rep.Check())
	})
}

func TestLeavingTheLoopEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := flow.From(endless).Map("slow", slow)
		for range s.Results(t.Context()) {
			break
		}
		require.PanicsWithValue(t, "in the loop", func() {
			for range s.Results(t.Context()) {
				panic("in the loop")
			}
		})
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range s.Results(t.Context()) {
				runtime.Goexit() // as t.FailNow does
			}
		}()
		<-done
	})
}

func TestChan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		for r := range flow.From(source.Slice(upTo(100))).Map("same", same).Chan(t.Context()) {
			require.NoError(t, r.Err)
			require.Equal(t, n, r.Value)
			require.Equal(t, 1, r.Timings.Len())
			n++
		}
		require.Equal(t, 100, n)

		ctx, cancel := context.WithCancel(t.Context())
		ch := flow.From(endless).Chan(ctx)
		<-ch
		cancel() // no goroutine receives after this
	})
}

func TestResultsCarryTimingsAlsoOnFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for r := range flow.From(source.Slice([]int{1})).Map("slow", slow).Map("fail", func(context.Context, int) (int, error) {
			time.Sleep(time.Second)
			return 0, errFlaky
		}).Map("skipped", same).Results(t.Context()) {
			require.ErrorIs(t, r.Err, errFlaky)
			require.Equal(t, 2, r.Timings.Len())
			require.Equal(t, stages.Timing{Stage: "slow", Work: 2 * time.Millisecond, Attempts: 1}, r.Timings.At(0))
			require.Equal(t, "fail", r.Timings.Slowest().Stage)
			require.Equal(t, "slow", r.Timings.Fastest().Stage)
			require.Equal(t, 1002*time.Millisecond, r.Timings.Total())
			require.Contains(t, r.Timings.String(), "fail")
		}
	})
}
