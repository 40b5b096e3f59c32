package retry_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
)

func TestSnapshotCountsEveryCallOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRetrier(t, retry.Exponential(3, time.Second, retry.Name("model")))
		dead, cancel := context.WithCancel(t.Context())
		cancel()
		var wg sync.WaitGroup
		for range 100 {
			for _, call := range []*script{
				fails(0), fails(2), fails(100), // 1, 3 and 3 attempts
				{errs: []error{errDown, outcome.AsPermanent(errDown)}},        // 2
				{errs: []error{outcome.AsIgnored(errDown)}},                   // none
				{errs: []error{outcome.AsThrottled(errDown, 1000*time.Hour)}}, // 1
			} {
				wg.Go(func() { _, _ = r.Do(t.Context(), call.call) })
			}
			wg.Go(func() { _, _ = r.Do(dead, fails(0).call) })
		}
		wg.Wait()
		require.Equal(t, retry.Snapshot{
			Name: "model", Calls: 700, Attempts: 1000, Retries: 500, Succeeded: 200,
			GaveUp: 500, Exhausted: 100, Permanent: 100, Rejected: 100, Postponed: 100, Cancelled: 100,
		}, r.Snapshot())
	})
}

// Each reason counts as one call that gave up.
func TestSnapshotAddsUpAllReasons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, 0, 1e-9, 1)
		late, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		gone, leave := context.WithCancel(t.Context())
		leave()
		r := newRetrier(t, retry.Constant(2, time.Second, retry.WithBudget(b), retry.MaxElapsed(time.Minute)))
		next := func(ctx context.Context, try retry.Try) { _ = r.Next(ctx, try) }
		next(t.Context(), retry.Try{Attempt: 2, Err: errDown})
		next(t.Context(), retry.Try{Err: outcome.AsPermanent(errDown)})
		next(late, retry.Try{Err: errDown})
		next(gone, retry.Try{Err: errDown})
		next(t.Context(), retry.Try{Err: outcome.AsIgnored(errDown)})
		next(t.Context(), retry.Try{Err: outcome.AsThrottled(errDown, time.Hour)})
		next(t.Context(), retry.Try{Err: errDown, Began: time.Now().Add(-time.Minute)})
		drain(t, b)
		next(t.Context(), retry.Try{Err: errDown})
		next(t.Context(), retry.Try{Err: &retry.Error{Attempts: 2, Err: errDown}})
		_ = r.Abandon(t.Context(), retry.Try{})
		s := r.Snapshot()
		require.Equal(t, []uint64{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, []uint64{
			s.Exhausted, s.Permanent, s.Deadline, s.Cancelled, s.Rejected, s.Postponed, s.Elapsed, s.OverBudget, s.Nested, s.Abandoned,
		})
		require.EqualValues(t, 10, s.GaveUp)
		require.EqualValues(t, 10, s.Calls)
	})
}

// Whatever a call needed more than one attempt for is counted as ever, also in
// the step form, and a budget still gets its share.
func TestUncountedLeavesFirstSuccessesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		budget := newBudget(t, 0.5, 0, 4)
		drain(t, budget)
		for _, opts := range [][]retry.Option{
			{retry.Uncounted()},
			{retry.Uncounted(), retry.Hedge(time.Second, 2)},
			{retry.Uncounted(), retry.WithBudget(budget)},
		} {
			r := newRetrier(t, retry.Constant(3, time.Second, opts...))
			for _, failures := range []int{0, 0, 1, 0, 9} {
				_, _ = r.Do(t.Context(), fails(failures).call)
			}
			require.True(t, r.Next(t.Context(), retry.Try{Attempt: 1, Err: nil}) == retry.Verdict{})
			s := r.Snapshot()
			require.Equal(t, []uint64{1, 1, 2}, []uint64{s.Succeeded, s.GaveUp, s.Calls})
		}
		require.Equal(t, uint64(2), budget.Snapshot().Retries-4, "six calls are three tokens, of which one was not used")
	})
}
