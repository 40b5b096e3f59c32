package retry_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
)

// rejection is what an open breaker says.
type rejection struct{ after time.Duration }

func (rejection) Error() string { return "breaker: open" }
func (r rejection) Outcome() outcome.Outcome {
	return outcome.Outcome{Kind: outcome.Ignored, After: r.after}
}

func TestWhatIsTriedAgain(t *testing.T) {
	live := t.Context()
	cancelled, cancel := context.WithCancel(live)
	cancel()
	expired, cancel := context.WithDeadline(live, time.Now().Add(-time.Hour))
	defer cancel()
	tests := []struct {
		name     string
		ctx      context.Context
		attempt  int // of 3
		err      error
		retry    bool
		reason   retry.Reason
		attempts int // in the error
	}{
		{"failure", live, 1, errDown, true, 0, 0},
		{"failure of the last but one", live, 2, errDown, true, 0, 0},
		{"failure of the last", live, 3, errDown, false, retry.Exhausted, 3},
		{"failure beyond the last", live, math.MaxInt, errDown, false, retry.Exhausted, math.MaxInt},
		{"attempt 0 counts as 1", live, 0, errDown, true, 0, 0},
		{"permanent at attempt 0", live, 0, outcome.AsPermanent(errDown), false, retry.Permanent, 1},
		{"rejected at attempt 0", live, 0, rejection{time.Second}, false, retry.Rejected, 0},
		{"throttled", live, 1, outcome.AsThrottled(errDown, 1), true, 0, 0},
		{"throttled at the last", live, 3, outcome.AsThrottled(errDown, 1), false, retry.Exhausted, 3},
		{"permanent", live, 1, outcome.AsPermanent(errDown), false, retry.Permanent, 1},
		{"permanent at the last", live, 3, outcome.AsPermanent(errDown), false, retry.Permanent, 3},
		{"deadline inside the call", live, 1, context.DeadlineExceeded, true, 0, 0},
		{"the service cancelled", live, 1, context.Canceled, true, 0, 0},
		{"breaker open", live, 1, rejection{time.Second}, false, retry.Rejected, 0},
		{"breaker open at the second", live, 2, rejection{time.Second}, false, retry.Rejected, 1},
		{"shed", live, 1, outcome.AsIgnored(errDown), false, retry.Rejected, 0},
		{"the caller cancelled", cancelled, 2, context.Canceled, false, retry.Cancelled, 2},
		{"another error after the caller cancelled", cancelled, 2, errDown, false, retry.Cancelled, 2},
		{"the deadline has passed", expired, 2, errDown, false, retry.Deadline, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRetrier(t, retry.Constant(3, time.Second))
				v := r.Next(tt.ctx, retry.Try{Attempt: tt.attempt, Err: tt.err})
				require.Equal(t, tt.retry, v.Retry)
				require.Equal(t, tt.reason, v.Reason)
				require.False(t, v.Free)
				if tt.retry {
					require.NoError(t, v.Err)
					require.Positive(t, v.Delay)
					return
				}
				e := requireError(t, v.Err)
				require.Equal(t, tt.reason, e.Reason)
				require.Equal(t, tt.attempts, e.Attempts)
				require.Equal(t, tt.err, e.Err)
				require.Zero(t, v.Delay)
			})
		})
	}
}

func TestSuccessIsNotTriedAgain(t *testing.T) {
	r := newRetrier(t, retry.Constant(3, time.Second))
	require.Equal(t, retry.Verdict{}, r.Next(t.Context(), retry.Try{Attempt: 1}))
}

func TestClassifierDecidesWhatIsTriedAgain(t *testing.T) {
	errNotFound, errGone := errors.New("404"), errors.New("410")
	r := newRetrier(t, retry.Constant(3, time.Second, retry.Classify(func(ctx context.Context, err error) outcome.Outcome {
		switch {
		case errors.Is(err, errNotFound):
			return outcome.Outcome{Kind: outcome.Success}
		case errors.Is(err, errGone):
			return outcome.Outcome{Kind: outcome.Permanent}
		}
		return outcome.Classify(ctx, err)
	})))
	require.Equal(t, retry.Verdict{Err: errNotFound}, r.Next(t.Context(), retry.Try{Attempt: 1, Err: errNotFound}))
	require.Equal(t, retry.Permanent, r.Next(t.Context(), retry.Try{Attempt: 1, Err: errGone}).Reason)
	require.True(t, r.Next(t.Context(), retry.Try{Attempt: 1, Err: errDown}).Retry)
	require.Equal(t, retry.Snapshot{Calls: 2, Attempts: 3, Retries: 1, Succeeded: 1, GaveUp: 1, Permanent: 1}, r.Snapshot())

	v, err := r.Do(t.Context(), func(context.Context) (int, error) { return 5, errNotFound })
	require.Equal(t, 5, v)
	require.Same(t, errNotFound, err, "a success goes through as it is")
}

func TestRejectionIsWaitedOutWhereAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRetrier(t, retry.Constant(2, time.Second, retry.RetryRejected()))
		s := &script{errs: []error{
			rejection{10 * time.Second}, rejection{20 * time.Second}, errDown, rejection{30 * time.Second}, errDown,
		}}
		_, err := r.Do(t.Context(), s.call)
		require.Equal(t, []time.Duration{10 * time.Second, 20 * time.Second, time.Second, 30 * time.Second}, s.waits())
		e := requireError(t, err)
		require.Equal(t, retry.Exhausted, e.Reason)
		require.Equal(t, 2, e.Attempts, "a rejection costs no attempt")
		require.Equal(t, retry.Snapshot{Calls: 1, Attempts: 2, Retries: 1, Waits: 3, GaveUp: 1, Exhausted: 1}, r.Snapshot())
	})
}

// Fault: no attempt has been made when the first try is rejected, and 2^-1 is not
// something to shift by.
func TestTheFirstTryCanBeRejected(t *testing.T) {
	asked := 0
	for name, p := range map[string]retry.Policy{
		"exponential":  retry.Exponential(2, time.Second, retry.RetryRejected()),
		"equal":        retry.Exponential(2, time.Second, retry.RetryRejected(), retry.Jitter(retry.Equal)),
		"decorrelated": retry.Exponential(2, time.Second, retry.RetryRejected(), retry.Jitter(retry.Decorrelated)),
		"constant":     retry.Constant(2, time.Second, retry.RetryRejected()),
		"none":         retry.None(retry.RetryRejected()),
		"custom": retry.Custom(2, func(attempt int, _ time.Duration) time.Duration {
			asked = attempt
			return time.Second
		}, retry.RetryRejected()),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRetrier(t, p)
			for range 50 { // a rejection leaves the number as it was, so it can follow another
				v := r.Next(t.Context(), retry.Try{Attempt: 1, Err: rejection{10 * time.Second}})
				require.True(t, v.Retry && v.Free)
				require.GreaterOrEqual(t, v.Delay, 10*time.Second)
				require.LessOrEqual(t, v.Delay, 20*time.Second)
			}
		})
	}
	require.Equal(t, 1, asked, "attempts count from 1")
}

func TestRejectionIsNotWaitedOutInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRetrier(t, retry.Constant(2, time.Second, retry.RetryRejected()))
		v := r.Next(t.Context(), retry.Try{Attempt: 1, Err: rejection{0}})
		require.Equal(t, retry.Rejected, v.Reason, "does not tell when to come back")

		v = r.Next(t.Context(), retry.Try{Attempt: 1, Err: rejection{6 * time.Minute}})
		require.Equal(t, retry.Postponed, v.Reason)

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		v = r.Next(ctx, retry.Try{Attempt: 1, Err: rejection{2 * time.Minute}})
		require.Equal(t, retry.Deadline, v.Reason)
		require.Zero(t, requireError(t, v.Err).Attempts)

		v = r.Next(t.Context(), retry.Try{Attempt: 2, Err: rejection{time.Second}})
		require.Equal(t, retry.Verdict{Retry: true, Free: true, Delay: time.Second}, v, "also after the last but one")
	})
}

// A caller can tell the beginning of a call also if nothing is limited by it.
func TestABeginningAloneLimitsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		time.Sleep(time.Hour)
		require.True(t, newRetrier(t, retry.Constant(9, time.Second)).Next(t.Context(), retry.Try{Attempt: 1, Err: errDown, Began: began}).Retry)
	})
}

func TestTheEarlierDeadlineHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRetrier(t, retry.Constant(9, 10*time.Second))
		for _, tt := range []struct {
			ctx, own time.Duration // 0: none
			retry    bool
		}{
			{0, 0, true}, {10, 0, false}, {11, 0, true}, {0, 10, false}, {0, 11, true},
			{11, 10, false}, {10, 11, false}, {11, 11, true}, {0, -5, false},
		} {
			ctx, cancel := context.Background(), context.CancelFunc(func() {})
			if tt.ctx != 0 {
				ctx, cancel = context.WithTimeout(ctx, tt.ctx*time.Second)
			}
			try := retry.Try{Attempt: 1, Err: errDown}
			if tt.own != 0 {
				try.Deadline = time.Now().Add(tt.own * time.Second)
			}
			v := r.Next(ctx, try)
			cancel()
			require.Equal(t, tt.retry, v.Retry, "%d %d", tt.ctx, tt.own)
			if !v.Retry {
				require.Equal(t, retry.Deadline, v.Reason)
				require.ErrorIs(t, v.Err, context.DeadlineExceeded)
				require.ErrorIs(t, v.Err, errDown)
			}
		}
	})
}

func TestAbandon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRetrier(t, retry.Constant(9, time.Second))
		err := r.Abandon(t.Context(), retry.Try{Attempt: 2, Err: errDown})
		e := requireError(t, err)
		require.Equal(t, retry.Abandoned, e.Reason)
		require.Equal(t, 2, e.Attempts)
		require.ErrorIs(t, err, errDown)
		require.NotErrorIs(t, err, context.Canceled, "no context was cancelled")
		require.EqualError(t, err, "retry: abandoned after 2 attempts: connection refused")
		require.Equal(t, outcome.Failure, outcome.Classify(t.Context(), err).Kind, "the service did fail")

		asked := outcome.Outcome{Kind: outcome.Throttled, After: 7 * time.Second}
		err = r.Abandon(t.Context(), retry.Try{Attempt: 1, Err: outcome.AsThrottled(errDown, asked.After)})
		require.Equal(t, asked, requireError(t, err).Outcome(), "what the service asked for stays known")
		require.Equal(t, asked.After, requireError(t, err).After())

		ctx, cancel := context.WithDeadline(t.Context(), time.Now())
		defer cancel()
		err = r.Abandon(ctx, retry.Try{Attempt: 1, Err: errDown})
		require.Equal(t, retry.Deadline, requireError(t, err).Reason)
		require.Equal(t, retry.Snapshot{Calls: 3, GaveUp: 3, Abandoned: 2, Deadline: 1}, r.Snapshot(),
			"the tries themselves were counted by Next")
	})
}
