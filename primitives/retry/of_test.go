package retry_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
)

func TestOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := retry.Of(retry.Constant(3, time.Second))
		require.NoError(t, r.Err())
		s := fails(2)
		_, err := r.Do(t.Context(), s.call)
		require.NoError(t, err)
		require.Len(t, s.begun, 3)
	})
}

// A retrier that cannot be used says so at each call, and nothing of it panics.
func TestRetriersThatCannotBeUsed(t *testing.T) {
	for name, tt := range map[string]struct {
		r    *retry.Retrier
		text string
	}{
		"an invalid policy": {retry.Of(retry.Constant(0, -time.Second, retry.Name("model"))),
			`retry: invalid policy: "model": attempts is 0, want at least 1; delay is -1s, want more than 0`},
		"an invalid hedge": {retry.Of(retry.None(retry.Hedge(0, 3))), "retry: invalid policy: hedge is after 0s, want more than 0"},
		"the zero policy":  {retry.Of(retry.Policy{}), "retry: invalid policy: the policy was not made by Exponential, Constant, Custom or None"},
		"the zero retrier": {&retry.Retrier{}, "retry: invalid policy: the retrier was not made by New or Of"},
	} {
		t.Run(name, func(t *testing.T) {
			r := tt.r
			require.EqualError(t, r.Err(), tt.text)
			require.ErrorIs(t, r.Err(), retry.ErrPolicy)
			refused := func(err error) {
				t.Helper()
				e := requireError(t, err)
				require.Equal(t, retry.Invalid, e.Reason)
				require.Zero(t, e.Attempts)
				require.ErrorIs(t, err, retry.ErrPolicy)
				require.EqualError(t, err, tt.text)
				require.Equal(t, outcome.Permanent, outcome.Classify(t.Context(), err).Kind, "no retry can change it")
			}
			_, err := r.Do(t.Context(), func(context.Context) (int, error) { t.Error("called"); return 0, nil })
			refused(err)
			refused(r.Run(t.Context(), func(context.Context) error { t.Error("called"); return nil }))
			refused(r.Next(t.Context(), retry.Try{Attempt: 1}).Err)
			refused(r.Abandon(t.Context(), retry.Try{}))
			v := r.Next(t.Context(), retry.Try{Attempt: 1, Err: errDown})
			require.False(t, v.Retry)
			require.Equal(t, retry.Invalid, v.Reason)
			require.ErrorIs(t, v.Err, errDown)
			require.ErrorIs(t, v.Err, retry.ErrPolicy)
			r.Succeeded(5)
			require.True(t, r.Begin().IsZero())
			require.False(t, r.Hedges())
			require.Equal(t, uint64(5), r.Snapshot().Invalid)
			require.Equal(t, r.Snapshot().GaveUp, r.Snapshot().Calls)
			same, err := r.Retrier()
			require.Equal(t, r.Err(), err, "a section refuses it")
			require.Nil(t, same)
		})
	}
}

// A retry around one that cannot be used does not try again.
func TestAnInvalidRetrierInsideIsNotTriedAgain(t *testing.T) {
	outer, inner := newRetrier(t, retry.Constant(3, time.Minute)), retry.Of(retry.Policy{})
	_, err := outer.Do(t.Context(), func(ctx context.Context) (int, error) { return inner.Do(ctx, succeed) })
	require.Equal(t, retry.Permanent, requireError(t, err).Reason)
	require.ErrorIs(t, err, retry.ErrPolicy)
}

func TestRunIsDoWithoutAValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, opts := range [][]retry.Option{nil, {retry.Hedge(time.Minute, 2)}} {
			r := newRetrier(t, retry.Constant(3, time.Second, opts...))
			calls := 0
			require.NoError(t, r.Run(t.Context(), func(context.Context) error {
				if calls++; calls < 3 {
					return errDown
				}
				return nil
			}))
			require.Equal(t, 3, calls)
			err := r.Run(t.Context(), func(context.Context) error { return errDown })
			require.ErrorIs(t, err, errDown)
			require.Equal(t, retry.Exhausted, requireError(t, err).Reason)
		}
	})
}
