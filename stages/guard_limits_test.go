package stages

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/guard"
)

// An adaptive guard finds its limit by what comes back: it grows far beyond where
// it began while all is well, and shrinks when all fails.
func TestAnAdaptiveGuardLearnsFromTheItems(t *testing.T) {
	for place, around := range map[string]func(...Layer[int]) []Layer[int]{
		"outermost":  func(l ...Layer[int]) []Layer[int] { return l },
		"further in": behind,
	} {
		for name, tt := range map[string]struct {
			err         error
			least, most int
		}{
			"well":    {nil, 32, 32},
			"failing": {errFlaky, 2, 2},
			"dropped": {ErrDrop, 32, 32},
		} {
			t.Run(place+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					source := guard.Limit(8, guard.Adaptive(guard.AIMD(0.5, 0), 2, 32))
					f := func(_ context.Context, v int) (int, error) { time.Sleep(20 * time.Millisecond); return v, tt.err }
					r := through(t, Slice(upTo(6000)), Section(around(Guard[int](source)), f, Workers(32)))
					seen := r.nodes[1].Layers()
					s := seen[len(seen)-1].(guard.Snapshot)
					require.GreaterOrEqual(t, s.Capacity, tt.least)
					require.LessOrEqual(t, s.Capacity, tt.most)
					require.True(t, s.Empty())
					require.Equal(t, 20*time.Millisecond, s.Held.Round(time.Millisecond))
				})
			})
		}
	}
}

// What the guard does not let wait fails with its error. Fault: whoever waited for
// such an item waited for ever.
func TestAGuardThatDoesNotLetWait(t *testing.T) {
	for place, around := range map[string]func(...Layer[int]) []Layer[int]{
		"outermost":  func(l ...Layer[int]) []Layer[int] { return l },
		"further in": behind,
	} {
		t.Run(place, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, err := guard.New(guard.Limit(1, guard.Name("api"), guard.MaxQueue(0)))
				require.NoError(t, err)
				theirs, err := g.TryAcquire()
				require.NoError(t, err)
				r := through(t, Slice(upTo(5)), Section(around(Guard[int](g)), same))
				require.Len(t, r.failed, 5)
				for _, f := range r.failed {
					require.ErrorIs(t, f, guard.ErrShed)
				}
				require.Equal(t, 1, g.Snapshot().Depth)
				require.True(t, theirs.Release())
			})
		})
	}
}
