package outcome_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/primitives/outcome"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// errStatus is what a gRPC client makes of a context that ends: it wraps nothing.
var errStatus = errors.New("rpc error: code = Canceled desc = context canceled")

func TestClassify(t *testing.T) {
	boom := errors.New("boom")
	live := context.Background()
	cancelled, cancel := context.WithCancel(live)
	cancel()
	left, leave := context.WithCancelCause(live)
	leave(errors.New("the user has closed the page"))
	late, stop := context.WithDeadline(live, time.Now().Add(-time.Second))
	defer stop()
	inside, stop := context.WithTimeout(late, time.Hour)
	defer stop()
	ignored, failure := outcome.Outcome{Kind: outcome.Ignored}, outcome.Outcome{Kind: outcome.Failure}
	tests := []struct {
		name string
		ctx  context.Context
		err  error
		want outcome.Outcome
	}{
		{"no error", live, nil, outcome.Outcome{}},
		{"no error after the caller cancelled", cancelled, nil, outcome.Outcome{}},
		{"plain error", live, boom, failure},
		{"no context", nil, boom, failure},
		{"no context, cancelled", nil, context.Canceled, failure},

		{"deadline hit inside the call", live, context.DeadlineExceeded, failure},
		{"the caller's deadline", late, context.DeadlineExceeded, failure},
		{"the caller's deadline, as the client puts it", late, errStatus, failure},
		{"the caller's deadline, as a cancellation", late, context.Canceled, failure},
		{"the caller's deadline, before a later one", inside, errStatus, failure},
		{"a deadline of the function before the caller cancelled", cancelled, fmt.Errorf("get: %w", context.DeadlineExceeded), failure},

		{"the caller cancelled", cancelled, fmt.Errorf("call: %w", context.Canceled), ignored},
		{"the caller cancelled, as the client puts it", cancelled, errStatus, ignored},
		{"the caller cancelled for a reason", left, errStatus, ignored},
		{"another error after the caller cancelled", cancelled, boom, ignored},
		{"the service cancelled", live, context.Canceled, failure},

		{"permanent, wrapped again", live, fmt.Errorf("x: %w", outcome.AsPermanent(boom)), outcome.Outcome{Kind: outcome.Permanent}},
		{"permanent after the caller cancelled", cancelled, outcome.AsPermanent(boom), outcome.Outcome{Kind: outcome.Permanent}},
		{"throttled", live, outcome.AsThrottled(boom, time.Second), outcome.Outcome{Kind: outcome.Throttled, After: time.Second}},
		{"throttled by a negative time", live, outcome.AsThrottled(boom, -1), outcome.Outcome{Kind: outcome.Throttled}},
		{"a negative time of another type", live, &outcome.Error{Err: boom, Meaning: outcome.Outcome{Kind: outcome.Throttled, After: -5}},
			outcome.Outcome{Kind: outcome.Throttled}},
		{"ignored", live, outcome.AsIgnored(boom), ignored},
		{"ignored at the deadline", late, outcome.AsIgnored(context.DeadlineExceeded), ignored},
		{"the outermost mark wins", live, outcome.AsPermanent(outcome.AsIgnored(boom)), outcome.Outcome{Kind: outcome.Permanent}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, outcome.Classify(tt.ctx, tt.err))
		})
	}
}

// A function that several callers share runs under a context without deadlines,
// which is cancelled when the last of them has passed.
func TestADeadlineAsTheCauseIsAFailure(t *testing.T) {
	for _, cause := range []error{context.DeadlineExceeded, fmt.Errorf("the last caller: %w", context.DeadlineExceeded)} {
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(cause)
		require.Equal(t, outcome.Failure, outcome.Classify(ctx, ctx.Err()).Kind)
		require.Equal(t, outcome.Failure, outcome.Classify(ctx, errStatus).Kind)
		require.False(t, outcome.Cancelled(ctx))
	}
}

// One call of an errgroup times out, and the group cancels the others, which say
// nothing about their services.
func TestTheDeadlineOfAnotherCallIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		request, done := context.WithTimeout(t.Context(), time.Minute)
		defer done()
		group, cancel := context.WithCancelCause(request)
		cancel(fmt.Errorf("service A: %w", context.DeadlineExceeded))
		require.True(t, outcome.Cancelled(group))
		require.Equal(t, outcome.Ignored, outcome.Classify(group, errStatus).Kind)
		time.Sleep(time.Minute - 1)
		require.True(t, outcome.Cancelled(group), "a nanosecond before its own deadline")
		time.Sleep(1 * time.Nanosecond)
		require.False(t, outcome.Cancelled(group), "the deadline of the request has passed, too")
	})
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	require.False(t, outcome.Cancelled(ctx))
	cancel()
	require.True(t, outcome.Cancelled(ctx))
	//lint:ignore SA1012 a caller without a context is what is tested
	require.False(t, outcome.Cancelled(nil))
}

func TestClassifyDoesNotAllocate(t *testing.T) {
	boom := errors.New("boom")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.Zero(t, testing.AllocsPerRun(100, func() {
		outcome.Classify(ctx, nil)
		outcome.Classify(ctx, boom)
		outcome.Classify(context.Background(), boom)
	}))
}

func TestAnErrorWithoutAnErrorHasAText(t *testing.T) {
	require.EqualError(t, &outcome.Error{Meaning: outcome.Outcome{Kind: outcome.Throttled}}, "outcome: throttled")
}

func TestMarksAreTransparent(t *testing.T) {
	boom := errors.New("boom")
	for _, err := range []error{outcome.AsPermanent(boom), outcome.AsThrottled(boom, 1), outcome.AsIgnored(boom)} {
		require.ErrorIs(t, err, boom)
		require.EqualError(t, err, "boom")
	}
	require.NoError(t, outcome.AsPermanent(nil))
	require.NoError(t, outcome.AsThrottled(nil, 1))
	require.NoError(t, outcome.AsIgnored(nil))
}

func TestKindNames(t *testing.T) {
	require.Equal(t, "throttled", outcome.Throttled.String())
	require.Equal(t, "unknown", outcome.Kind(99).String())
}
