package breaker_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/outcome"
)

func TestWhatCounts(t *testing.T) {
	live := t.Context()
	cancelled, cancel := context.WithCancel(live)
	cancel()
	tests := []struct {
		name     string
		ctx      context.Context
		err      error
		failures int // after two failures before
	}{
		{"success", live, nil, 0},
		{"failure", live, errDown, 3},
		{"throttled", live, outcome.AsThrottled(errDown, 1), 3},
		{"deadline hit inside the call", live, context.DeadlineExceeded, 3},
		{"the service cancelled", live, context.Canceled, 3},
		{"the caller cancelled", cancelled, fmt.Errorf("get: %w", context.Canceled), 2},
		{"ignored", live, outcome.AsIgnored(errDown), 2},
		{"permanent", live, outcome.AsPermanent(errDown), 2},
		{"a kind of the future", live, &outcome.Error{Err: errDown, Meaning: outcome.Outcome{Kind: 99}}, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBreaker(t)
			fail(t, b, 2)
			token := allow(t, b)
			b.Record(tt.ctx, &token, tt.err)
			require.Equal(t, tt.failures, b.Snapshot().Failures)
		})
	}
}

func TestClassifierDecidesWhatCounts(t *testing.T) {
	errNotFound := errors.New("404")
	b := newBreaker(t, breaker.Classify(func(ctx context.Context, err error) outcome.Outcome {
		if errors.Is(err, errNotFound) {
			return outcome.Outcome{Kind: outcome.Success}
		}
		return outcome.Classify(ctx, err)
	}))
	for range 10 {
		fail(t, b, 2)
		_, err := b.Do(t.Context(), func(context.Context) (int, error) { return 0, errNotFound })
		require.Same(t, errNotFound, err)
	}
	require.Equal(t, breaker.Closed, b.State())
	require.Zero(t, b.Snapshot().Failures)
}

func TestNilClassifierIsTheDefault(t *testing.T) {
	b := newBreaker(t, breaker.Classify(nil))
	fail(t, b, 3)
	require.Equal(t, breaker.Open, b.State())
}

func TestClassifierMayUseTheBreaker(t *testing.T) {
	var b *breaker.Breaker
	b = newBreaker(t, breaker.Classify(func(ctx context.Context, err error) outcome.Outcome {
		_, _ = b.Do(ctx, succeed)
		_ = b.State()
		b.RecordFailure()
		return outcome.Classify(ctx, err)
	}))
	fail(t, b, 1)
	require.Equal(t, 2, b.Snapshot().Failures, "its own and the one of the call")
}

func TestPanickingClassifierCountsAsFailure(t *testing.T) {
	b := newBreaker(t, breaker.Classify(func(context.Context, error) outcome.Outcome { panic("bug") }))
	require.PanicsWithValue(t, "bug", func() { _, _ = b.Do(t.Context(), failing) })
	require.Equal(t, 1, b.Snapshot().Failures)

	token := allow(t, b)
	require.PanicsWithValue(t, "bug", func() { b.Record(t.Context(), &token, errDown) })
	require.Equal(t, 2, b.Snapshot().Failures)
}
