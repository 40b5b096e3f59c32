package guard

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A guard that a wait has closed opens again, and its permits go without the lock: after
// as many operations as it has cells, when a quarter of its capacity is spare.
func TestAClosedGuardOpens(t *testing.T) {
	for spare, opens := range map[int]bool{1: false, 2: true, 3: true} {
		g := Of(Limit(8))
		permits := make([]Permit, 8)
		require.Equal(t, 8, g.TryAcquireAll(permits))
		_, place, err := g.Enlist(t.Context(), func(Permit, error) {})
		require.NoError(t, err)
		require.True(t, g.closed)
		require.True(t, place.Leave())
		require.Equal(t, spare, g.ReleaseAll(permits[:spare]))
		operate := func() { require.Zero(t, g.ReleaseAll(permits[:1])) } // under the lock
		for g.rest > 1 {
			operate()
			require.True(t, g.closed, "to open and close costs a step for each cell")
		}
		for range 20 {
			operate()
			require.Equal(t, opens, !g.closed, spare)
			require.Equal(t, opens, g.gate.Load() > 0)
		}
		for i := range g.cells[:g.span] {
			require.NotEqual(t, opens, g.cells[i].Load()&shut != 0, "a release takes no lock, either")
		}
	}
}

// A lone caller always takes the first cell, whose memory is at hand.
func TestALoneCallerTakesTheFirstCell(t *testing.T) {
	g := Of(Limit(64))
	for range 10 {
		p, err := g.Acquire(t.Context())
		require.NoError(t, err)
		require.Zero(t, p.slot)
		require.True(t, p.Release())
	}
}
