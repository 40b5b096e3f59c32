package kernel

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A group of items that share clock readings holds back the results of its first ones. So it takes no
// longer than GroupTime, whatever an item costs.
func TestAGroupTakesNoLongerThanItsTime(t *testing.T) {
	for cost := int64(1); cost < 8*short; cost += 1 + cost/16 {
		p := NewPace(0)
		for range 1000 {
			n := p.batch()
			require.LessOrEqual(t, p.Share(), max(n, 1))
			p.Note(n, int64(n)*cost)
		}
		if n := p.batch(); n > 1 {
			// The mean is rounded down: it can be 7 ns too small.
			require.LessOrEqual(t, int64(n)*(cost-7), int64(GroupTime), "%d items of %d ns", n, cost)
		}
		require.Equal(t, cost >= short, p.Share() == 1, "items of %d ns", cost)
	}
}

// After an item that is not short, results are sent one at a time again.
func TestASlowItemEndsTheGroups(t *testing.T) {
	p := NewPace(0)
	for p.batch() < 64 {
		p.Note(p.batch(), 1)
	}
	p.Note(64, GroupTime)
	require.Equal(t, 1, p.batch())
	require.Equal(t, 1, p.Share())
}
