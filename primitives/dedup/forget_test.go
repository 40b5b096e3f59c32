package dedup_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/dedup"
)

// Row 24 of the resilience list: forget during a flight; the late result of the
// forgotten flight reaches its followers and does not overwrite the newer.
func TestResilience24ForgetDuringAFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(time.Minute))
		old := call(d, t.Context(), "k", gives(1, nil))
		waits := call(d, t.Context(), "k", never)
		require.True(t, d.Forget("k"))
		require.False(t, d.Forget("k"), "there is nothing left to forget")
		v, err := d.Do(t.Context(), "k", func(context.Context) (int, error) { return 2, nil })
		require.NoError(t, err)
		require.Equal(t, 2, v)
		require.Equal(t, 1, (<-old).v)
		require.Equal(t, 1, (<-waits).v)
		v, _ = d.Get("k")
		require.Equal(t, 2, v)

		forgotten := d.Check("l").Token
		d.Forget("l")
		newer := d.Check("l").Token
		require.True(t, d.Complete(forgotten, 1))
		require.Equal(t, dedup.InProgress, d.Check("l").State, "the newer flight goes on")
		require.True(t, d.Complete(newer, 2))
		v, _ = d.Get("l")
		require.Equal(t, 2, v)
		require.Zero(t, d.Snapshot().InFlight)
	})
}

func TestForgetAResult(t *testing.T) {
	d := make1[string, int](t, dedup.Window(time.Minute))
	require.False(t, d.Forget("k"))
	keep(t, d, "k", 1)
	keep(t, d, "l", 1)
	require.True(t, d.Forget("k"))
	require.False(t, d.Contains("k"))
	require.True(t, d.Contains("l"))
	s := d.Snapshot()
	require.Equal(t, []int{1, 0, 0}, []int{s.Cached, int(s.Evicted), int(s.Expired)})
	require.Equal(t, dedup.First, d.Check("k").State)

	odd := make1[any, int](t, dedup.Window(time.Minute))
	require.False(t, odd.Forget([]int{1}))
}
