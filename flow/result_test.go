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
	"github.com/weir-go/weir/stages/source"
)

// collected is what ranging over results has seen.
type collected struct {
	values []int
	errs   []error
}

func drainTo[S ~func(func(flow.Result[int]) bool)](seq S) (c collected) {
	for r := range seq {
		if r.Err != nil {
			c.errs = append(c.errs, r.Err)
		} else {
			c.values = append(c.values, r.Value)
		}
	}
	return c
}

// odd fails odd numbers.
func odd(_ context.Context, v int) (int, error) {
	if v%2 == 1 {
		return 0, errFlaky
	}
	return v, nil
}

func TestHoweverTheLoopIsLeftTheBooksAreClosed(t *testing.T) {
	leave := map[string]func(*flow.Report, *flow.Stream[int]){
		"break": func(rep *flow.Report, s *flow.Stream[int]) {
			for range s.Results(ctx, flow.ReportTo(rep)) {
				break
			}
		},
		"panic": func(rep *flow.Report, s *flow.Stream[int]) {
			defer func() { _ = recover() }()
			for range s.Results(ctx, flow.ReportTo(rep)) {
				panic("in the loop")
			}
		},
		"goexit": func(rep *flow.Report, s *flow.Stream[int]) {
			done := make(chan struct{})
			go func() {
				defer close(done)
				for range s.Results(ctx, flow.ReportTo(rep)) {
					runtime.Goexit()
				}
			}()
			<-done
		},
	}
	for name, how := range leave {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var rep flow.Report
				how(&rep, flow.From(endless).Map("slow", slow, stages.Workers(3)))
				require.NoError(t, rep.Check())
				require.Positive(t, rep.Ledger.Out)
				require.Len(t, rep.Stages, 3, "the report was written")
			})
		})
	}
}

func TestResultsCanBeRangedOverAgain(t *testing.T) {
	results := flow.From(source.Slice(upTo(4))).Map("odd", odd).Results(t.Context())
	for range 2 {
		got := drainTo(results)
		require.Equal(t, []int{0, 2}, got.values)
		require.Len(t, got.errs, 2)
	}
}

func TestFailedItemsKeepTheirPlace(t *testing.T) {
	n := 0
	for r := range flow.From(source.Slice(upTo(500))).Map("odd", odd, stages.Workers(4)).Map("same", same).Results(t.Context()) {
		if n%2 == 1 {
			var item *stages.ItemError
			require.ErrorAs(t, r.Err, &item)
			require.Equal(t, n, item.Value)
			require.Equal(t, 1, item.Attempts)
			require.False(t, item.Entered.IsZero())
		} else {
			require.NoError(t, r.Err)
			require.Equal(t, n, r.Value)
		}
		n++
	}
	require.Equal(t, 500, n)
}

// A run that cannot start or that breaks says so, whatever way it is run.
func TestTheErrorOfTheRunComesLast(t *testing.T) {
	broken := stages.SourceFunc[int](func(_ context.Context, out *stages.Outlet[int]) error {
		out.Emit(1)
		return errors.New("disk on fire")
	})
	for name, tt := range map[string]struct {
		stream func() *flow.Stream[int]
		values []int
		want   string
	}{
		"invalid": {func() *flow.Stream[int] { return flow.From[int](nil) }, nil, "it is nil"},
		"broken":  {func() *flow.Stream[int] { return flow.From[int](broken) }, []int{1}, "disk on fire"},
	} {
		t.Run(name, func(t *testing.T) {
			got := drainTo(tt.stream().Results(t.Context()))
			require.Equal(t, tt.values, got.values)
			require.Len(t, got.errs, 1)
			require.ErrorContains(t, got.errs[0], tt.want)

			var values []int
			var last error
			for r := range tt.stream().Chan(t.Context()) {
				if last = r.Err; last == nil {
					values = append(values, r.Value)
				}
			}
			require.Equal(t, tt.values, values)
			require.ErrorContains(t, last, tt.want)

			values, err := tt.stream().Collect(t.Context())
			require.Equal(t, tt.values, values)
			require.ErrorContains(t, err, tt.want)

			_, err = tt.stream().ForEach(t.Context(), func(context.Context, int) error { return nil })
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestForEachStopsAtTheFirstError(t *testing.T) {
	for name, f := range map[string]func(context.Context, int) error{
		"error":  func(context.Context, int) error { return errFlaky },
		"panic":  func(context.Context, int) error { panic(errFlaky) },
		"goexit": func(context.Context, int) error { runtime.Goexit(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rep, err := flow.From(endless).ForEach(t.Context(), f)
				var item *stages.ItemError
				require.ErrorAs(t, err, &item)
				require.Equal(t, "results", item.Stage)
				if name == "goexit" {
					require.ErrorIs(t, err, stages.ErrGoexit)
				} else {
					require.ErrorIs(t, err, errFlaky)
				}
				require.NoError(t, rep.Check())
				require.Positive(t, rep.Ledger.Failed)
			})
		})
	}
}

func TestAChanThatIsAbandonedEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var rep flow.Report
		ch := flow.From(endless).Map("slow", slow).Chan(ctx, flow.ReportTo(&rep))
		for range 3 {
			require.NoError(t, (<-ch).Err)
		}
		time.Sleep(time.Second)
		cancel()
		time.Sleep(time.Second) // the call that is under way does not look at its context
		synctest.Wait()
		require.NoError(t, rep.Check())
		require.Positive(t, rep.Ledger.Failed, "what was inside")
		_, open := <-ch
		require.False(t, open)
	})
}

// Results start their run when they are ranged over, and not before.
func TestResultsStartNothingByThemselves(t *testing.T) {
	began := false
	source := stages.SourceFunc[int](func(context.Context, *stages.Outlet[int]) error { began = true; return nil })
	results := flow.From[int](source).Results(t.Context())
	require.False(t, began)
	drainTo(results)
	require.True(t, began)
}

func TestUntimedResultsCarryNoTimings(t *testing.T) {
	var rep flow.Report
	for r := range flow.From(source.Slice(upTo(3))).Map("odd", odd).Results(t.Context(), flow.Untimed(), flow.ReportTo(&rep)) {
		require.Zero(t, r.Timings.Len())
	}
	require.NoError(t, rep.Check())
	odds, ok := rep.Stage("odd")
	require.True(t, ok)
	require.Zero(t, odds.Effort.Work)
	require.Equal(t, int64(1), odds.Ledger.Failed)
}
