package guard_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/guard"
)

// Fault: in a second bubble, where the time is earlier, the window of an adaptive guard
// never ended, and its limit stood still.
func TestAnAdaptiveGuardInSeveralBubbles(t *testing.T) {
	g := newGuard(t, guard.Limit(10, guard.Adaptive(guard.AIMD(0.5, 0), 1, 1000)))
	for range 3 {
		synctest.Test(t, func(t *testing.T) {
			before := g.Capacity()
			for range 5 {
				permits := make([]guard.Permit, before)
				require.Equal(t, before, g.TryAcquireAll(permits))
				time.Sleep(100 * ms)
				require.Equal(t, before, g.ReleaseAll(permits))
			}
			require.Greater(t, g.Capacity(), before)
			time.Sleep(time.Hour)
		})
	}
}
