package section_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/section"
	"github.com/weir-go/weir/stages/source"
)

// An adaptive guard finds its limit by what comes back: it grows far beyond where
// it began while all is well, and shrinks when all fails.
func TestAnAdaptiveGuardLearnsFromTheItems(t *testing.T) {
	for place, around := range map[string]func(...section.Layer) []section.Layer{
		"outermost":  func(l ...section.Layer) []section.Layer { return l },
		"further in": behind,
	} {
		for name, tt := range map[string]struct {
			err         error
			least, most int
		}{
			"well":    {nil, 32, 32},
			"failing": {errFlaky, 2, 2},
			"dropped": {stages.ErrDrop, 32, 32},
		} {
			t.Run(place+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					policy := guard.Limit(8, guard.Adaptive(guard.AIMD(0.5, 0), 2, 32))
					f := func(_ context.Context, v int) (int, error) { time.Sleep(20 * time.Millisecond); return v, tt.err }
					r := through(t, source.Slice(upTo(6000)), section.Map(around(section.Guard(policy)), f, stages.Workers(32)))
					seen := r.nodes[1].Observed()
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

// What the guard does not let wait fails with its error. Fault: what waited for
// such an item waited for ever.
func TestAGuardThatDoesNotLetWait(t *testing.T) {
	for place, around := range map[string]func(...section.Layer) []section.Layer{
		"outermost":  func(l ...section.Layer) []section.Layer { return l },
		"further in": behind,
	} {
		t.Run(place, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, err := guard.New(guard.Limit(1, guard.Name("api"), guard.MaxQueue(0)))
				require.NoError(t, err)
				theirs, err := g.TryAcquire()
				require.NoError(t, err)
				r := through(t, source.Slice(upTo(5)), section.Map(around(section.Guard(g)), same))
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

// A guard that is resized down is resized for the items inside as well. The fault: the section held
// as many items as the guard once had room for, and those without a permit were called.
func TestAGuardThatIsResizedDownLimitsTheItemsInside(t *testing.T) {
	for name, tt := range map[string]struct {
		around func(...section.Layer) []section.Layer
		opts   []guard.Option
	}{
		"outermost":           {func(l ...section.Layer) []section.Layer { return l }, nil},
		"further in":          {behind, nil},
		"shedding":            {func(l ...section.Layer) []section.Layer { return l }, []guard.Option{guard.Shedding()}},
		"shedding further in": {behind, []guard.Option{guard.Shedding()}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, err := guard.New(guard.Limit(8, tt.opts...))
				require.NoError(t, err)
				var earlier, later gauge
				const at = 35*time.Millisecond + 500*time.Microsecond
				resized := time.Now().Add(at)
				f := func(ctx context.Context, v int) (int, error) {
					if time.Now().Before(resized) {
						return earlier.takes(10*time.Millisecond)(ctx, v)
					}
					return later.takes(10*time.Millisecond)(ctx, v)
				}
				r := through(t, every(time.Millisecond, 100), section.Map(tt.around(section.Guard(g)), f, stages.Workers(16)), after(at, func(*kernel.Run) {
					require.NoError(t, g.Resize(2))
				}))
				require.Equal(t, int32(8), earlier.most.Load())
				require.Equal(t, int32(2), later.most.Load())
				require.Zero(t, g.Snapshot().Depth)
				require.Equal(t, 100, len(r.out)+len(r.failed))
				require.Equal(t, g.Sheds(), len(r.failed) > 0)
			})
		})
	}
}

// A guard that is made larger lets more items in. The fault: as the outermost layer it held the
// section at the capacity with which the run had begun.
func TestAGuardThatIsMadeLargerLetsMoreItemsIn(t *testing.T) {
	for name, tt := range map[string]struct {
		around func(...section.Layer) []section.Layer
		opts   []guard.Option
	}{
		"outermost":  {func(l ...section.Layer) []section.Layer { return l }, nil},
		"further in": {behind, nil},
		"shedding":   {func(l ...section.Layer) []section.Layer { return l }, []guard.Option{guard.Shedding()}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, err := guard.New(guard.Limit(2, tt.opts...))
				require.NoError(t, err)
				var calls gauge
				before := int32(0)
				r := through(t, every(time.Millisecond, 100), section.Map(tt.around(section.Guard(g)), calls.takes(10*time.Millisecond), stages.Workers(16)),
					after(35*time.Millisecond+500*time.Microsecond, func(*kernel.Run) {
						before = calls.most.Load()
						require.NoError(t, g.Resize(8))
					}))
				require.Equal(t, int32(2), before)
				require.Equal(t, int32(8), calls.most.Load())
				require.Equal(t, 100, len(r.out)+len(r.failed))
				require.Equal(t, g.Sheds(), len(r.failed) > 0)
			})
		})
	}
}
