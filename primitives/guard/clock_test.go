package guard

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Waits and holds are told by the monotonic clock, so that a step of the wall clock
// makes nobody late.
func TestTimesAreMonotonic(t *testing.T) {
	g, err := New(Limit(1, Deadlines()))
	require.NoError(t, err)
	require.Contains(t, g.base.String(), " m=", "it has a monotonic reading, which Since goes by")
	require.Less(t, g.clock(), time.Minute)
}
