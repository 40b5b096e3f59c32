package guard

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Waits and holds go by the monotonic clock, so a step of the wall clock makes no call
// late.
func TestTimesAreMonotonic(t *testing.T) {
	g, err := New(Limit(1, Deadlines()))
	require.NoError(t, err)
	require.Contains(t, g.base.String(), " m=", "it has a monotonic reading, which Since goes by")
	require.Less(t, g.clock(), time.Minute)
}
