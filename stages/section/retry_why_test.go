package section_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/section"
	"github.com/weir-go/weir/stages/source"
)

// retried returns the error of the retry layer in a failed item.
func retried(t *testing.T, err error) *retry.Error {
	t.Helper()
	var e *retry.Error
	require.ErrorAs(t, err, &e)
	return e
}

// The fault: the error of an item that ended with a rejection did not have the failure that
// opened the breaker, so the dead letter did not say what was wrong.
func TestARejectionAfterFailuresKeepsTheFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice([]int{1}), section.Map([]section.Layer{
			section.Retry(retry.Constant(10, time.Millisecond)),
			section.Breaker(breaker.Consecutive("svc", 2, time.Minute)),
		}, fails))
		require.ErrorIs(t, r.failed[0], breaker.ErrOpen)
		require.ErrorIs(t, r.failed[0], errFlaky)
		e := retried(t, r.failed[0])
		require.Equal(t, 2, e.Attempts)
		require.Equal(t, errFlaky, e.Failure)
		require.Contains(t, r.failed[0].Error(), "the last attempt: flaky")
	})
}

// A rejection that the layer waits out counts as no try: the failure before it stays.
func TestARejectionThatIsWaitedOutKeepsTheFailure(t *testing.T) {
	for name, end := range map[string]struct {
		by  func(*kernel.Run)
		err error
	}{
		"at an abort": {abort, stages.ErrAborted},
		"at a drain":  {stop, stages.ErrDrained},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := through(t, lasting(1), section.Map([]section.Layer{
					section.Retry(retry.Constant(10, time.Millisecond, retry.RetryRejected()), stages.OnDrain(stages.DrainFail)),
					section.Breaker(breaker.Consecutive("svc", 2, time.Minute)),
				}, fails), after(time.Second, end.by))
				require.ErrorIs(t, r.failed[0], end.err)
				e := retried(t, r.failed[0])
				require.ErrorIs(t, e.Err, breaker.ErrOpen)
				require.Equal(t, errFlaky, e.Failure)
				require.Equal(t, 2, e.Attempts)
			})
		})
	}
}

// The failure of one item is not in the error of the next one in its place.
func TestTheFailureIsThatOfTheItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		b := fuse(t, 3, time.Minute)
		r := through(t, every(time.Second, 2), section.Map([]section.Layer{
			section.Retry(retry.Constant(2, time.Millisecond)),
			section.Breaker(b),
		}, func(context.Context, int) (int, error) {
			if calls++; calls == 2 {
				b.Trip()
			}
			return 0, errFlaky
		}))
		require.Len(t, r.failed, 2)
		require.ErrorIs(t, r.failed[0], errFlaky)
		e := retried(t, r.failed[1])
		require.Equal(t, retry.Rejected, e.Reason)
		require.NoError(t, e.Failure)
		require.NotErrorIs(t, r.failed[1], errFlaky)
	})
}

// No context was cancelled: an item that a drain gives up must not look as if its caller had
// cancelled it.
func TestADrainLooksLikeNoCancellation(t *testing.T) {
	for _, drain := range []stages.Drain{stages.DrainRunNow, stages.DrainFail, stages.DrainHandBack} {
		t.Run(drain.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := through(t, lasting(3), section.Map([]section.Layer{patient(stages.OnDrain(drain))}, fails), after(time.Minute, stop))
				require.Len(t, r.failed, 3)
				for _, f := range r.failed {
					require.NotErrorIs(t, f, context.Canceled)
					require.NotErrorIs(t, f, context.DeadlineExceeded)
					e := retried(t, f)
					require.Equal(t, retry.Abandoned, e.Reason)
					require.NoError(t, e.Cause)
				}
			})
		})
	}
}

// An abort is no cancellation by the caller of an item, unless the context of the run was
// cancelled.
func TestAnAbortedWaitTellsTheAbort(t *testing.T) {
	waits := func(cause error) *stages.ItemError {
		var f *stages.ItemError
		synctest.Test(t, func(t *testing.T) {
			r := through(t, lasting(1), section.Map([]section.Layer{patient()}, fails),
				after(time.Minute, func(r *kernel.Run) { r.Abort(cause) }))
			f = r.failed[0]
			require.ErrorIs(t, f, stages.ErrAborted)
			require.ErrorIs(t, f, errFlaky)
			require.Equal(t, retry.Abandoned, retried(t, f).Reason)
		})
		return f
	}
	f := waits(errGone)
	require.ErrorIs(t, f, errGone)
	require.NotErrorIs(t, f, context.Canceled)
	require.ErrorIs(t, waits(context.Canceled), context.Canceled)
}

// A try that fails after the abort is not tried again, and counts.
func TestATryThatFailsAfterAnAbortTellsTheAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries, err := retry.New(retry.Constant(9, time.Second))
		require.NoError(t, err)
		r := through(t, lasting(1), section.Map([]section.Layer{section.Retry(tries)}, func(context.Context, int) (int, error) {
			time.Sleep(time.Hour)
			return 0, errFlaky
		}), after(time.Minute, abort))
		require.ErrorIs(t, r.failed[0], stages.ErrAborted)
		require.ErrorIs(t, r.failed[0], errGone)
		require.ErrorIs(t, r.failed[0], errFlaky)
		require.Equal(t, 1, retried(t, r.failed[0]).Attempts)
		require.EqualValues(t, 1, tries.Snapshot().Attempts)
	})
}
