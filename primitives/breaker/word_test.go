package breaker

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWordKeepsItsPartsApart(t *testing.T) {
	w := firstWord
	require.Equal(t, Closed, w.state())
	require.Zero(t, w.failures())
	require.EqualValues(t, 1, w.generation())
	for _, s := range []State{Open, HalfOpen, Closed} {
		for _, failures := range []int{0, 1, maxFailures} {
			next := w.next(s, failures)
			require.Equal(t, s, next.state())
			require.Equal(t, failures, next.failures())
			require.Equal(t, w.generation()+1, next.generation())
			require.Equal(t, next.generation(), next.stamp().generation())
			require.Zero(t, next.stamp().failures())
			w = next
		}
	}
}

// Failed probes go on counting failures without an end; they must not spill over into
// the generation.
func TestFailuresSaturate(t *testing.T) {
	w := firstWord.next(Open, math.MaxInt)
	require.Equal(t, maxFailures, w.failures())
	require.EqualValues(t, 2, w.generation())
}

// Generation 0 is the zero Token's; after 2^36 transitions the count skips it.
func TestGenerationsWrapRoundTheZeroToken(t *testing.T) {
	last := ^word(0)
	next := last.next(Closed, 0)
	require.Equal(t, firstWord, next)
}

func TestLaterSaturates(t *testing.T) {
	require.Equal(t, 3*time.Second, later(time.Second, 2*time.Second))
	require.Equal(t, forEver, later(1, math.MaxInt64))
	require.Equal(t, forEver, later(math.MaxInt64, math.MaxInt64))
	require.Equal(t, time.Duration(math.MaxInt64-5), later(-5, math.MaxInt64))
}

func TestNames(t *testing.T) {
	require.Equal(t, []string{"closed", "open", "half-open", "unknown"},
		[]string{Closed.String(), Open.String(), HalfOpen.String(), State(3).String()})
	require.Equal(t, []string{"unknown", "threshold", "elapsed", "probe", "manual"},
		[]string{Cause(0).String(), Threshold.String(), Elapsed.String(), Probe.String(), Manual.String()})
}
