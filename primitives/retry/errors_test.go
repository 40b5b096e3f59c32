package retry_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
)

type statusError struct{ code int }

func (*statusError) Error() string { return "status" }

func TestTheLastErrorIsReachableOnEveryExit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cancelled := func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(1500*time.Millisecond, cancel)
			return ctx, cancel
		}
		timed := func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(t.Context(), 1500*time.Millisecond)
		}
		live := func() (context.Context, context.CancelFunc) { return t.Context(), func() {} }
		asItIs := func(err error) error { return err }
		for want, tt := range map[retry.Reason]struct {
			attempts int
			ctx      func() (context.Context, context.CancelFunc)
			last     func(error) error
		}{
			retry.Exhausted: {2, live, asItIs},
			retry.Permanent: {5, live, outcome.AsPermanent},
			retry.Rejected:  {5, live, outcome.AsIgnored},
			retry.Postponed: {5, live, func(err error) error { return outcome.AsThrottled(err, time.Hour) }},
			retry.Nested:    {5, live, func(err error) error { return &retry.Error{Attempts: 2, Err: err} }},
			retry.Cancelled: {5, cancelled, asItIs},
			retry.Deadline:  {5, timed, asItIs},
		} {
			ctx, cancel := tt.ctx()
			r := newRetrier(t, retry.Constant(tt.attempts, time.Second, retry.Name("model")))
			last := &statusError{503}
			s := &script{errs: []error{errDown, tt.last(last), errDown}}
			_, err := r.Do(ctx, s.call)
			cancel()
			require.Equal(t, want, requireError(t, err).Reason)
			require.Equal(t, "model", requireError(t, err).Name)
			require.ErrorIs(t, err, last, "%v", want)
			var status *statusError
			require.ErrorAs(t, err, &status)
			require.Equal(t, 503, status.code)
			if want == retry.Rejected {
				require.ErrorIs(t, err, errDown, "the last attempt, too")
			} else {
				require.NotErrorIs(t, err, errDown, "only the last one")
			}
		}
	})
}

// The mark stops the innermost retrier, also if that has one attempt, and not the one
// around it.
func TestPermanentDoesNotStopAnOuterRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, innerPolicy := range []retry.Policy{retry.None(), retry.Constant(1, time.Second), retry.Constant(5, time.Second)} {
			inner, outer := newRetrier(t, innerPolicy), newRetrier(t, retry.Constant(3, time.Second))
			calls := 0
			_, err := outer.Do(t.Context(), func(ctx context.Context) (int, error) {
				return inner.Do(ctx, func(context.Context) (int, error) {
					calls++
					return 0, outcome.AsPermanent(errDown)
				})
			})
			require.Equal(t, 3, calls)
			require.Equal(t, retry.Exhausted, requireError(t, err).Reason)
			require.ErrorIs(t, err, errDown)
		}
	})
}

func TestPermanentMarkAroundAnInnerRetryIsForTheOuter(t *testing.T) {
	inner, outer := newRetrier(t, retry.None()), newRetrier(t, retry.Constant(3, time.Second))
	calls := 0
	_, err := outer.Do(t.Context(), func(ctx context.Context) (int, error) {
		calls++
		v, err := inner.Do(ctx, func(context.Context) (int, error) { return 0, errDown })
		return v, outcome.AsPermanent(err)
	})
	require.Equal(t, 1, calls)
	require.Equal(t, retry.Permanent, requireError(t, err).Reason)
}

// Requests that the service refuses as wrong must not open a breaker around the
// retry, though they are errors of the retry; those it fails on must.
func TestErrorKeepsItsMeaningForABreaker(t *testing.T) {
	r := newRetrier(t, retry.Constant(1, time.Second))
	for _, tt := range []struct {
		err  error
		want breaker.State
	}{
		{outcome.AsPermanent(errDown), breaker.Closed},
		{rejection{1}, breaker.Closed},
		{errDown, breaker.Open},
		{outcome.AsThrottled(errDown, 1), breaker.Open},
	} {
		b, err := breaker.New(breaker.Consecutive("model", 2, time.Minute))
		require.NoError(t, err)
		for range 2 {
			_, err := b.Do(t.Context(), func(ctx context.Context) (int, error) {
				return r.Do(ctx, func(context.Context) (int, error) { return 0, tt.err })
			})
			require.ErrorIs(t, err, tt.err)
		}
		require.Equal(t, tt.want, b.State(), tt.err)
	}
}

// The fault: a breaker that opened ended the call with its rejection, and the
// error that had opened it was lost.
func TestRejectionAfterFailuresKeepsTheFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := breaker.New(breaker.Consecutive("svc", 2, 40*time.Second))
		require.NoError(t, err)
		full := &statusError{507}
		call := func(ctx context.Context) (int, error) {
			return b.Do(ctx, func(context.Context) (int, error) { return 0, full })
		}
		_, err = newRetrier(t, retry.Constant(10, time.Millisecond)).Do(t.Context(), call)
		e := requireError(t, err)
		require.Equal(t, retry.Rejected, e.Reason)
		require.Equal(t, 2, e.Attempts)
		require.Equal(t, full, e.Failure)
		require.ErrorIs(t, err, full)
		require.ErrorIs(t, err, breaker.ErrOpen)
		require.ErrorContains(t, err, ": the last attempt: status")
		require.Equal(t, outcome.Ignored, outcome.Classify(t.Context(), err).Kind, "the service was not called again")

		// The failure survives the rejections that are waited out.
		b.Reset()
		patient := retry.Constant(10, time.Millisecond, retry.RetryRejected(), retry.MaxElapsed(50*time.Second))
		_, err = newRetrier(t, patient).Do(t.Context(), call)
		e = requireError(t, err)
		require.Equal(t, retry.Elapsed, e.Reason)
		require.Equal(t, 3, e.Attempts)
		require.ErrorIs(t, e.Err, breaker.ErrOpen)
		require.Equal(t, full, e.Failure)
	})
}

// The step form is told of it by its caller.
func TestNextKeepsTheFailureBeforeARejection(t *testing.T) {
	r := newRetrier(t, retry.Constant(9, time.Second))
	e := requireError(t, r.Next(t.Context(), retry.Try{Attempt: 3, Err: rejection{1}, Failure: errDown}).Err)
	require.Equal(t, rejection{1}, e.Err)
	require.Equal(t, errDown, e.Failure)
	require.ErrorIs(t, e, errDown)
	e = requireError(t, r.Next(t.Context(), retry.Try{Attempt: 1, Err: rejection{1}}).Err)
	require.NoError(t, e.Failure)
	e = requireError(t, r.Next(t.Context(), retry.Try{Attempt: 9, Err: errTimeout, Failure: errDown}).Err)
	require.NoError(t, e.Failure, "Err is the error of the last attempt itself")
	require.NotErrorIs(t, e, errDown)
}

// Retry around a breaker: the rejections of the open breaker end the call, or
// are waited out.
func TestRetryAroundABreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := breaker.New(breaker.Consecutive("model", 2, 10*time.Second))
		require.NoError(t, err)
		s := fails(2)
		call := func(ctx context.Context) (int, error) { return b.Do(ctx, s.call) }

		_, err = newRetrier(t, retry.Constant(9, time.Second)).Do(t.Context(), call)
		require.Equal(t, retry.Rejected, requireError(t, err).Reason)
		require.Equal(t, 2, requireError(t, err).Attempts)
		require.ErrorIs(t, err, breaker.ErrOpen)
		require.Len(t, s.begun, 2)

		start := time.Now()
		_, err = newRetrier(t, retry.Constant(1, time.Second, retry.RetryRejected())).Do(t.Context(), call)
		require.NoError(t, err)
		require.Equal(t, 9*time.Second, time.Since(start), "until the window was over")
		require.Equal(t, breaker.Closed, b.State())
	})
}

func TestErrorText(t *testing.T) {
	cause := errors.New("the user left")
	postponed := func() error {
		r := newRetrier(t, retry.Constant(2, time.Second))
		return r.Next(t.Context(), retry.Try{Attempt: 1, Err: outcome.AsThrottled(errDown, time.Hour)}).Err
	}
	tests := map[string]error{
		"retry: postponed after 1 attempt: asked to wait 1h0m0s: connection refused": postponed(),
		"retry: exhausted after 3 attempts: connection refused":                      &retry.Error{Attempts: 3, Reason: retry.Exhausted, Err: errDown},
		`retry "model": permanent after 1 attempt: connection refused`:               &retry.Error{Name: "model", Attempts: 1, Reason: retry.Permanent, Err: errDown},
		"retry: cancelled after 0 attempts: context canceled":                        &retry.Error{Reason: retry.Cancelled, Cause: context.Canceled},
		"retry: cancelled after 0 attempts: context canceled: the user left":         &retry.Error{Reason: retry.Cancelled, Cause: errors.Join(context.Canceled, cause)},
		"retry: deadline after 1 attempt: context deadline exceeded":                 &retry.Error{Attempts: 1, Reason: retry.Deadline, Err: context.DeadlineExceeded, Cause: context.DeadlineExceeded},
		"retry: rejected after 2 attempts: breaker: open: the last attempt: connection refused": &retry.Error{
			Attempts: 2, Reason: retry.Rejected, Err: breaker.ErrOpen, Failure: errDown,
		},
		"retry: deadline after 1 attempt: connection refused: context deadline exceeded": &retry.Error{Attempts: 1, Reason: retry.Deadline, Err: errDown, Cause: context.DeadlineExceeded},
	}
	for want, err := range tests {
		require.EqualError(t, err, want)
	}
}

// An Error that was made by hand must not read as a success.
func TestErrorIsNeverASuccess(t *testing.T) {
	require.Equal(t, outcome.Failure, (&retry.Error{Err: errDown}).Outcome().Kind)
	require.Equal(t, outcome.Ignored, (&retry.Error{}).Outcome().Kind)
}

func TestReasonNames(t *testing.T) {
	want := []string{"undecided", "exhausted", "permanent", "deadline", "cancelled", "rejected", "postponed",
		"elapsed", "over budget", "nested", "abandoned", "invalid", "unknown"}
	for i, name := range want {
		require.Equal(t, name, retry.Reason(i).String())
	}
}
