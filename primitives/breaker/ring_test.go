package breaker

import (
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func newTestRing(window time.Duration) *ring {
	return newRing(rule{kind: rate, ratio: 1, window: window, min: math.MaxInt}, 0)
}

// The shortest window is one whose buckets a clock can tell apart; shorter ones
// are refused, as they would divide by zero.
func TestShortestWindow(t *testing.T) {
	require.NoError(t, On("model", 0, Rate(1, minWindow, 1)).Validate())
	for _, window := range []time.Duration{minWindow - 1, 10, 1, 0, -1, math.MinInt64} {
		require.ErrorContains(t, On("model", 0, Rate(1, window, 1)).Validate(), "Rate: window is")
		require.ErrorContains(t, On("model", 0, Slow(1, 1, window, 1)).Validate(), "Slow: window is")
	}
	r := newTestRing(minWindow)
	for now := range time.Duration(10_000) {
		r.add(now, now%2 == 0)
		bad, total := r.sum(now)
		want := min(now+1, 150+now%10+1)
		require.EqualValues(t, want, total)
		require.InDelta(t, want/2, bad, 1)
	}
}

func TestLongestWindow(t *testing.T) {
	r := newTestRing(math.MaxInt64)
	for _, now := range []time.Duration{0, 1, time.Hour, math.MaxInt64/2 + 1, math.MaxInt64 - 1, math.MaxInt64} {
		r.add(now, true)
	}
	bad, total := r.sum(math.MaxInt64)
	require.EqualValues(t, 6, bad)
	require.EqualValues(t, 6, total)
}

// Time may be read before another one has turned the ring.
func TestOutcomeThatComesABitLate(t *testing.T) {
	r := newTestRing(16 * time.Second)
	r.add(20*time.Second, true)
	r.add(20*time.Second-1, true)
	bad, _ := r.sum(20 * time.Second)
	require.EqualValues(t, 2, bad)
}

// Counts that would run over are halved: the share stays.
func TestFullBucketKeepsItsShare(t *testing.T) {
	r := newTestRing(16 * time.Second)
	r.count[0].Store((1<<31-1)*totalUnit + 1<<29)
	r.add(0, true)
	bad, total := r.sum(0)
	require.EqualValues(t, 1<<30, total)
	require.EqualValues(t, 1<<28, bad)
}

// All that is added at one time is counted, by however many. No bubble: real
// parallelism is the point.
func TestRingLosesNothing(t *testing.T) {
	r := newTestRing(time.Hour)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 5000 {
				r.add(time.Duration(n)*time.Second/10, (i+n)%4 == 0)
			}
		})
	}
	wg.Wait()
	bad, total := r.sum(500 * time.Second)
	require.EqualValues(t, 40_000, total)
	require.EqualValues(t, 10_000, bad)
}
