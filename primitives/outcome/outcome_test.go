package outcome_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/primitives/outcome"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestClassify(t *testing.T) {
	boom := errors.New("boom")
	live := context.Background()
	cancelled, cancel := context.WithCancel(live)
	cancel()
	tests := []struct {
		name string
		ctx  context.Context
		err  error
		want outcome.Outcome
	}{
		{"no error", live, nil, outcome.Outcome{}},
		{"plain error", live, boom, outcome.Outcome{Kind: outcome.Failure}},
		{"deadline hit inside the call", live, context.DeadlineExceeded, outcome.Outcome{Kind: outcome.Failure}},
		{"the caller cancelled", cancelled, fmt.Errorf("call: %w", context.Canceled), outcome.Outcome{Kind: outcome.Ignored}},
		{"the service cancelled", live, context.Canceled, outcome.Outcome{Kind: outcome.Failure}},
		{"another error after the caller cancelled", cancelled, boom, outcome.Outcome{Kind: outcome.Failure}},
		{"permanent, wrapped again", live, fmt.Errorf("x: %w", outcome.AsPermanent(boom)), outcome.Outcome{Kind: outcome.Permanent}},
		{"throttled", live, outcome.AsThrottled(boom, time.Second), outcome.Outcome{Kind: outcome.Throttled, After: time.Second}},
		{"throttled by a negative time", live, outcome.AsThrottled(boom, -1), outcome.Outcome{Kind: outcome.Throttled}},
		{"ignored", live, outcome.AsIgnored(boom), outcome.Outcome{Kind: outcome.Ignored}},
		{"the outermost mark wins", live, outcome.AsPermanent(outcome.AsIgnored(boom)), outcome.Outcome{Kind: outcome.Permanent}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, outcome.Classify(tt.ctx, tt.err))
		})
	}
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
