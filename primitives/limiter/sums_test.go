package limiter_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/limiter"
)

// The default burst of a high rate fits an int, which may have 32 bits.
func TestTheDefaultBurstFitsAnInt(t *testing.T) {
	l := newLimiter(t, limiter.PerSecond(1e12))
	s := l.Snapshot()
	require.Equal(t, int(min(int64(1e10), math.MaxInt)), s.Burst)
	require.Equal(t, s.Burst, s.Available)
	require.NoError(t, l.Try(s.Burst))
}

// The units of the snapshot only grow. They stay at the greatest count.
func TestUnitsSaturate(t *testing.T) {
	bubble(t, func(t *testing.T, _ func() time.Duration) {
		l := newLimiter(t, limiter.PerSecond(1e12, limiter.Burst(largest)))
		var before uint64
		for range 20_000 {
			require.NoError(t, l.Try(largest))
			time.Sleep(time.Hour)
			units := l.Snapshot().Units
			require.GreaterOrEqual(t, units, before)
			before = units
		}
		if largest == 1<<50 {
			require.EqualValues(t, uint64(math.MaxUint64), before)
		}
	})
}
