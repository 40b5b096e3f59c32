package flow_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
)

// A call whose item repeats one that is inside ends with it. It has no result of its own: the error
// is ErrNoResult, or the failure of the first. No caller waits for ever.
func TestServeAnswersTheCallerOfARepeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		s, err := flow.Serve(t.Context(), func(in *flow.Stream[int]) *flow.Stream[int] {
			return in.Unique(time.Minute, func(v int) int { return v }).Map("call", func(_ context.Context, v int) (int, error) {
				calls++
				time.Sleep(time.Second)
				if v == 3 {
					return 0, errFlaky
				}
				return 10 * v, nil
			})
		})
		require.NoError(t, err)
		both := func(v int) (first, repeat flow.Result[int]) {
			back := make(chan flow.Result[int])
			go func() { back <- s.Do(context.Background(), v) }()
			time.Sleep(100 * time.Millisecond)
			begin := time.Now()
			repeat = s.Do(t.Context(), v)
			require.Equal(t, 900*time.Millisecond, time.Since(begin), "with the first")
			return <-back, repeat
		}
		first, repeat := both(2)
		require.NoError(t, first.Err)
		require.Equal(t, 20, first.Value)
		require.ErrorIs(t, repeat.Err, flow.ErrNoResult)

		begin := time.Now()
		require.ErrorIs(t, s.Do(t.Context(), 2).Err, flow.ErrNoResult, "the first was delivered")
		require.Zero(t, time.Since(begin))
		time.Sleep(time.Minute)
		require.Equal(t, 20, s.Do(t.Context(), 2).Value, "the window has passed")

		first, repeat = both(3)
		require.ErrorIs(t, first.Err, errFlaky)
		require.ErrorIs(t, repeat.Err, errFlaky)
		require.ErrorIs(t, s.Do(t.Context(), 3).Err, errFlaky)
		require.Equal(t, 4, calls, "after a failure the next one is a first one")
		closed(t, s)
	})
}
