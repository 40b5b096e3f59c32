package stages

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// calmPace is the pace of calls that have been light for long.
func calmPace() *pace { return &pace{calm: calmLength, mean: light / 2} }

func TestLightnessIsShownByTheWorkers(t *testing.T) {
	var l lightness
	l.needed.Store(calmLength)
	l.learn(calmLength-1, calmPace())
	require.False(t, l.light.Load())
	l.learn(1, calmPace())
	require.True(t, l.light.Load())
	l.learn(1, &pace{})
	require.False(t, l.light.Load(), "one that was not cheap")
	l.learn(calmLength, &pace{calm: calmLength, mean: light})
	require.False(t, l.light.Load(), "cheap is not light")
}

// The more often a call has been slow, the more cheap ones it takes; and it is made up
// for by many more.
func TestLightnessIsDoubted(t *testing.T) {
	var l lightness
	l.needed.Store(calmLength)
	l.learn(calmLength, calmPace())
	require.True(t, l.approve(64, 0, calmPace()))
	for _, needed := range []int64{4 * calmLength, 16 * calmLength} {
		require.False(t, l.approve(64, slow, calmPace()))
		require.False(t, l.light.Load())
		require.Equal(t, needed, l.needed.Load())
		l.learn(int(needed)-1, calmPace())
		require.False(t, l.light.Load())
		l.learn(1, calmPace())
		require.True(t, l.light.Load())
	}
	for _, needed := range []int64{16, 8, 4, 2, 1, 1} {
		require.Equal(t, needed*calmLength, l.needed.Load())
		require.True(t, l.approve(int(redress*needed*calmLength)-1, 0, calmPace()))
		require.Equal(t, needed*calmLength, l.needed.Load())
		require.True(t, l.approve(1, 0, calmPace()))
	}
	require.False(t, l.approve(64, 0, &pace{calm: calmLength, mean: light}), "not light, but not slow either")
	require.Equal(t, int64(calmLength), l.needed.Load())
	for range 20 {
		l.approve(1, slow, calmPace())
	}
	require.Equal(t, int64(mostNeeded), l.needed.Load())
}
