package measure_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/bench/load/internal/measure"
)

// soak returns n samples, made by what of how far the run is, from 0 to 1.
func soak(n int, what func(part float64) measure.Sample) []measure.Sample {
	samples := make([]measure.Sample, n)
	for i := range samples {
		samples[i] = what(float64(i) / float64(n))
	}
	return samples
}

func TestGrowth(t *testing.T) {
	const mb = 1 << 20
	for name, c := range map[string]struct {
		samples []measure.Sample
		want    string // "" for no growth
	}{
		"steady": {soak(100, func(float64) measure.Sample {
			return measure.Sample{Goroutines: 200, Heap: 3 * mb, RSS: 20 * mb}
		}), ""},
		"warming up": {soak(100, func(p float64) measure.Sample {
			return measure.Sample{Goroutines: int(min(p, 0.2) * 1000), Heap: 3 * mb, RSS: 20 * mb}
		}), ""},
		"a peak in the outage": {soak(100, func(p float64) measure.Sample {
			if p > 0.5 && p < 0.6 {
				return measure.Sample{Goroutines: 1000, Heap: 100 * mb, RSS: 100 * mb}
			}
			return measure.Sample{Goroutines: 200, Heap: 3 * mb, RSS: 100 * mb}
		}), ""},
		"goroutines leak": {soak(100, func(p float64) measure.Sample {
			return measure.Sample{Goroutines: 200 + int(p*1000), Heap: 3 * mb, RSS: 20 * mb}
		}), "goroutines grew from 500 to 1100"},
		"the heap leaks": {soak(100, func(p float64) measure.Sample {
			return measure.Sample{Goroutines: 200, Heap: uint64((3 + 20*p) * mb), RSS: 20 * mb}
		}), "the live heap grew"},
		"the process leaks": {soak(100, func(p float64) measure.Sample {
			return measure.Sample{Goroutines: 200, Heap: 3 * mb, RSS: uint64((20 + 100*p) * mb)}
		}), "the RSS grew"},
		"too short": {soak(10, func(float64) measure.Sample { return measure.Sample{} }), "too short"},
	} {
		t.Run(name, func(t *testing.T) {
			err := measure.Growth(c.samples)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}

// No bubble: it is the process that is measured.
func TestTheGaugeSeesGoroutinesAndMemory(t *testing.T) {
	g := measure.Watch(time.Hour, true) // the first look and the last
	release := make(chan struct{})
	before := runtime.NumGoroutine()
	for range 50 {
		go func() { <-release }()
	}
	held := make([]byte, 4<<20)
	runtime.GC()
	peak, samples := g.Stop()
	runtime.KeepAlive(held)
	close(release)
	require.GreaterOrEqual(t, peak, 50)
	require.Less(t, peak, 50+before+20)
	require.Len(t, samples, 2)
	last := samples[len(samples)-1]
	require.Greater(t, last.Heap, uint64(4<<20))
	if runtime.GOOS == "linux" {
		require.Greater(t, last.RSS, last.Heap)
		// The kernel sums what it counts per thread only now and then, so that a peak may lag behind by some pages.
		require.Greater(t, measure.PeakRSS()+1<<20, last.RSS)
	}
}

func TestAGaugeThatKeepsNothingKeepsThePeak(t *testing.T) {
	peak, samples := measure.Watch(time.Hour, false).Stop()
	require.Positive(t, peak)
	require.Empty(t, samples)
}
