package guard

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const milli = time.Millisecond

// Fault: a slow start was taken for the unloaded hold until the next probe, and the limit
// climbed as if no call waited. A quicker window teaches a part of the difference, even
// under full load; a slower one teaches nothing there.
func TestTheUnloadedHoldIsLearnedUnderLoad(t *testing.T) {
	u := &unloaded{}
	busy := func(held time.Duration) {
		_, probe := u.look(window{limit: 20, peak: 20, held: held})
		require.False(t, probe)
	}
	busy(100 * milli)
	require.Equal(t, 100*milli, u.held, "the first window is believed")
	busy(20 * milli)
	require.Equal(t, 80*milli, u.held)
	busy(500 * milli)
	require.Equal(t, 80*milli, u.held)
	for range 20 {
		busy(10 * milli)
	}
	require.InDelta(t, 10*milli, u.held, float64(milli))
}

// Windows that used less than half of the limit teach a part of the difference, both ways,
// and put the next probe off.
func TestTheUnloadedHoldIsLearnedWithoutLoad(t *testing.T) {
	u := &unloaded{}
	for _, tt := range []struct{ held, want time.Duration }{{100 * milli, 100 * milli}, {200 * milli, 125 * milli}, {25 * milli, 100 * milli}} {
		u.left = 1
		_, probe := u.look(window{limit: 20, peak: 9, held: tt.held})
		require.False(t, probe)
		require.Equal(t, tt.want, u.held)
		require.GreaterOrEqual(t, u.left, 45)
	}
}

// After some 60 busy windows one is a probe with half of the limit, which is restored with
// what the probe has shown. A limit below 2 has no half.
func TestProbes(t *testing.T) {
	u := &unloaded{held: 1, left: 2}
	for _, want := range []bool{false, true} {
		_, probe := u.look(window{limit: 20, peak: 20, held: 1})
		require.Equal(t, want, probe, "as many windows as are left")
	}
	for range 100 { // the number is random
		u := &unloaded{}
		u.look(window{limit: 20, peak: 20, held: 100 * milli})
		n := 0
		for ; ; n++ {
			if _, probe := u.look(window{limit: 1.9, peak: 2, held: 100 * milli}); probe {
				t.Fatal("a limit of 1 has been halved")
			}
			if limit, probe := u.look(window{limit: 20, peak: 20, held: 100 * milli}); probe {
				require.Equal(t, 10.0, limit)
				break
			}
		}
		require.LessOrEqual(t, n, 75)
		require.Greater(t, n, 20)
		limit, probe := u.look(window{limit: 10, peak: 10, held: 300 * milli})
		require.True(t, probe)
		require.Equal(t, 20.0, limit)
		require.Equal(t, 300*milli, u.held)
		require.GreaterOrEqual(t, u.left, 45)
	}
}

// A loss during a probe ends it: the limit before the probe is not restored.
func TestALossEndsAProbe(t *testing.T) {
	a := Limit(40, Adaptive(Vegas(), 1, 40)).adaptation()
	a.law.(*vegas).learned(10 * milli)
	a.law.(*vegas).left = 1
	var limits []float64
	for _, lost := range []int{0, 20, 0} {
		a.peak, a.samples, a.lost, a.held = 40, 20, lost, float64(20-lost)*float64(10*milli)
		a.decide()
		limits = append(limits, a.limit)
	}
	require.Equal(t, []float64{20, 18}, limits[:2])
	require.Less(t, limits[2], 30.0)
}

// The steps of Vegas, at a limit of 100: its unit is the decimal logarithm, 2. With an
// unloaded hold of 100 ms, a call that is held longer says how many wait.
func TestTheStepsOfVegas(t *testing.T) {
	for _, tt := range []struct {
		waiting float64 // in the service, of the 100 in flight
		want    float64
	}{
		{0, 112}, {1.9, 112}, {2.1, 102}, {5.9, 102}, {6.1, 100}, {11.9, 100}, {12.1, 98}, {15, 98}, {20, 96}, {52, 80},
	} {
		v := &vegas{}
		v.learned(100 * milli)
		held := 100 / (100 - tt.waiting) * float64(100*milli)
		require.InDelta(t, tt.want, v.next(window{limit: 100, peak: 100, held: time.Duration(held)}), 1e-3, tt.waiting)
	}
	v := &vegas{}
	v.learned(100 * milli)
	require.Equal(t, 11.0, v.next(window{limit: 5, peak: 5, held: 100 * milli}), "the unit is at least 1")
}

// The steps of Gradient2, at a limit of 100: it grows by a fifth of the root while calls are
// held up to one and a half times as long as unloaded, and shrinks by at most a tenth.
func TestTheStepsOfGradient2(t *testing.T) {
	for _, tt := range []struct {
		held time.Duration
		want float64
	}{{50 * milli, 102}, {100 * milli, 102}, {150 * milli, 102}, {200 * milli, 95}, {300 * milli, 90}, {900 * milli, 90}} {
		g := &gradient{}
		g.learned(100 * milli)
		require.InDelta(t, tt.want, g.next(window{limit: 100, peak: 100, held: tt.held}), 1e-9, tt.held)
	}
}
