package dedup_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/dedup"
)

var context1 = context.Background()

// Trap 18 and row 27 of the resilience list: keys are compared, not printed.
func TestTrap18KeysAreNotMixedUp(t *testing.T) {
	type pair struct{ a, b string }
	d := make1[pair, int](t, dedup.Window(time.Minute))
	d.Complete(d.Check(pair{"a", "b c"}).Token, 1)
	require.Equal(t, dedup.First, d.Check(pair{"a b", "c"}).State)
	require.Equal(t, dedup.Cached, d.Check(pair{"a", "b c"}).State)
}

// Row 27 of the resilience list: a NaN is equal to nothing, so nobody can share its run or find its
// result, and nothing of it may stay.
func TestResilience27NaN(t *testing.T) {
	d := make1[float64, int](t, dedup.Window(time.Minute, dedup.Unbounded()))
	for i := range 1000 {
		c := d.Check(math.NaN())
		require.Equal(t, dedup.First, c.State)
		if i%2 == 0 {
			require.True(t, d.Complete(c.Token, 1))
		} else {
			require.True(t, d.Fail(c.Token, nil))
		}
		v, err := d.Do(context1, math.NaN(), one)
		require.NoError(t, err)
		require.Equal(t, 1, v)
	}
	s := d.Snapshot()
	require.Zero(t, s.Cached)
	require.Zero(t, s.InFlight)
	d.Complete(d.Check(0.0).Token, 1)
	require.Equal(t, dedup.Cached, d.Check(math.Copysign(0, -1)).State, "as == says")
}

// Row 27 of the resilience list: a key that cannot be hashed is refused, and holds up nobody.
func TestResilience27UnhashableKeys(t *testing.T) {
	type wrapped struct {
		n  int
		in [1]any
	}
	bad := wrapped{1, [1]any{[]int{1}}}
	d := make1[wrapped, int](t, dedup.Window(time.Minute))
	require.Equal(t, dedup.Check[int]{State: dedup.Invalid}, d.Check(bad))
	require.False(t, d.Contains(bad))
	_, err := d.Do(context1, bad, func(context.Context) (int, error) { panic("must not run") })
	require.ErrorIs(t, err, dedup.ErrKey)
	require.False(t, d.Complete(d.Check(bad).Token, 1))

	good := wrapped{1, [1]any{"x"}}
	for range 2 {
		v, err := d.Do(context1, good, one)
		require.NoError(t, err)
		require.Equal(t, 1, v)
	}
	require.Equal(t, uint64(1), d.Snapshot().Hits)
}

func TestStateNames(t *testing.T) {
	for s, want := range map[dedup.State]string{
		dedup.First: "first", dedup.InProgress: "in progress", dedup.Cached: "cached", dedup.Stale: "stale", dedup.Invalid: "invalid", 99: "invalid",
	} {
		require.Equal(t, want, s.String())
	}
}
