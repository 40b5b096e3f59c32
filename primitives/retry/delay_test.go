package retry_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
)

func TestExponentialDelaysDoubleUpToTheCap(t *testing.T) {
	p := retry.Exponential(math.MaxInt, 100*time.Millisecond)
	for attempt, want := range map[int]time.Duration{
		math.MinInt: 100 * time.Millisecond, 0: 100 * time.Millisecond,
		1: 100 * time.Millisecond, 2: 200 * time.Millisecond, 3: 400 * time.Millisecond, 10: 51200 * time.Millisecond,
		11: 60 * time.Second, 12: 60 * time.Second, 63: 60 * time.Second, 64: 60 * time.Second, 65: 60 * time.Second,
		2000: 60 * time.Second, math.MaxInt32 - 1: 60 * time.Second, math.MaxInt: 60 * time.Second,
	} {
		require.Equal(t, want, p.Delay(attempt), "attempt %d", attempt)
	}
}

func TestExponentialDelaysGrowByTheFactor(t *testing.T) {
	for _, tt := range []struct {
		factor float64
		want   []time.Duration // in ms
	}{
		{1.5, []time.Duration{100, 150, 225, 1000}},
		{2, []time.Duration{100, 200, 400, 1000}},
		{3, []time.Duration{100, 300, 900, 1000}},
		{1e9, []time.Duration{100, 1000, 1000, 1000}},
	} {
		p := retry.Exponential(99, 100*time.Millisecond, retry.Factor(tt.factor), retry.Cap(time.Second))
		require.NoError(t, p.Validate())
		for i, attempt := range []int{1, 2, 3, 98} {
			require.Equal(t, tt.want[i]*time.Millisecond, p.Delay(attempt), "factor %v, attempt %d", tt.factor, attempt)
		}
		require.Equal(t, time.Second, p.Delay(math.MaxInt))
	}
}

func TestConstantDelayStaysConstant(t *testing.T) {
	p := retry.Constant(math.MaxInt, 100*time.Millisecond)
	for _, attempt := range []int{math.MinInt, 0, 1, 2, 64, 2000, math.MaxInt} {
		require.Equal(t, 100*time.Millisecond, p.Delay(attempt), "attempt %d", attempt)
	}
}

func TestCapIsRaisedAndLowered(t *testing.T) {
	low := retry.Exponential(9, time.Second, retry.Cap(3*time.Second))
	require.Equal(t, 2*time.Second, low.Delay(2))
	require.Equal(t, 3*time.Second, low.Delay(3))
	high := retry.Constant(9, time.Hour, retry.Cap(time.Hour))
	require.NoError(t, high.Validate())
	require.Equal(t, time.Hour, high.Delay(1))
	endless := retry.Exponential(99, 1, retry.Cap(math.MaxInt64))
	require.Equal(t, time.Duration(1<<62), endless.Delay(63))
	require.Equal(t, time.Duration(math.MaxInt64), endless.Delay(64))
}

// The fault: one wait too many, and a loop over four billion attempts.
func TestMaxTotalDelayIsTheSumOfRealWaits(t *testing.T) {
	tests := []struct {
		policy retry.Policy
		want   time.Duration
	}{
		{retry.Constant(3, 100*time.Millisecond), 200 * time.Millisecond},
		{retry.Constant(1, time.Second), 0},
		{retry.Exponential(4, time.Second), 7 * time.Second},
		{retry.Exponential(9, time.Second, retry.Cap(4*time.Second)), (1 + 2 + 6*4) * time.Second},
		{retry.Constant(1001, time.Millisecond), time.Second},
		{retry.Exponential(65, 1, retry.Cap(8)), 1 + 2 + 4 + 61*8},
		{retry.Constant(math.MaxInt, time.Minute), math.MaxInt64},
		{retry.Constant(math.MaxInt, 1), math.MaxInt - 1},
		{retry.Constant(math.MaxInt, 5*(math.MaxInt64/math.MaxInt)), math.MaxInt64}, // and not what is left of the product
		{retry.Exponential(5, 100*time.Millisecond, retry.Factor(1.5)), 812500 * time.Microsecond},
		{retry.Exponential(math.MaxInt, 1, retry.Factor(1.01), retry.Cap(math.MaxInt64)), math.MaxInt64},
		{retry.Exponential(100, 1, retry.Cap(math.MaxInt64)), math.MaxInt64},
	}
	for _, tt := range tests {
		require.NoError(t, tt.policy.Validate())
		require.Equal(t, tt.want, tt.policy.MaxTotalDelay())
	}
}

// next draws the wait after the given attempt.
func next(tb testing.TB, r *retry.Retrier, attempt int, err error) time.Duration {
	tb.Helper()
	v := r.Next(tb.Context(), retry.Try{Attempt: attempt, Err: err})
	require.True(tb, v.Retry)
	return v.Delay
}

func TestJitterStaysInItsBoundsAndFillsThem(t *testing.T) {
	const capped = 1000 * time.Millisecond
	for _, tt := range []struct {
		name     string
		jitter   retry.Spread
		lowest   time.Duration
		expected time.Duration // mean
	}{
		{"none", retry.NoJitter, capped, capped},
		{"equal", retry.Equal, capped / 2, capped * 3 / 4},
		{"full", retry.Full, 1, capped / 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRetrier(t, retry.Exponential(99, 100*time.Millisecond, retry.Cap(capped), retry.Jitter(tt.jitter)))
			const draws = 20000
			var sum time.Duration
			atCap, seen := 0, map[time.Duration]int{}
			low, high := time.Duration(math.MaxInt64), time.Duration(0)
			for range draws {
				d := next(t, r, 20, errDown) // long at the cap
				require.GreaterOrEqual(t, d, tt.lowest)
				require.LessOrEqual(t, d, capped)
				sum += d
				low, high = min(low, d), max(high, d)
				seen[d]++
				if d == capped {
					atCap++
				}
			}
			require.InDelta(t, float64(tt.expected), float64(sum/draws), float64(capped)/50)
			if tt.jitter == retry.NoJitter {
				return
			}
			require.Less(t, atCap, draws/1000, "clients at the cap must not come back together")
			require.Greater(t, len(seen), draws*9/10)
			require.InDelta(t, float64(tt.lowest), float64(low), float64(capped)/50)
			require.InDelta(t, float64(capped), float64(high), float64(capped)/50)
		})
	}
}

// waitsOf draws the waits of a call that never succeeds.
func waitsOf(tb testing.TB, r *retry.Retrier, n int) []time.Duration {
	tb.Helper()
	var waits []time.Duration
	try := retry.Try{Err: errDown}
	for range n {
		try.Attempt++
		v := r.Next(tb.Context(), try)
		require.True(tb, v.Retry)
		waits = append(waits, v.Delay)
		try.Waited = v.Delay
	}
	return waits
}

func TestDecorrelatedJitterWalksUpToTheCapAndStaysSpreadThere(t *testing.T) {
	const base, limit = 100 * time.Millisecond, 5 * time.Second
	p := retry.Exponential(99, base, retry.Cap(limit), retry.Jitter(retry.Decorrelated))
	r := newRetrier(t, p)
	var first, late time.Duration
	atCap := 0
	const clients, tries = 500, 20
	for range clients {
		waits := waitsOf(t, r, tries)
		previous := base
		for i, d := range waits {
			require.GreaterOrEqual(t, d, base)
			require.LessOrEqual(t, d, min(3*previous, limit))
			require.LessOrEqual(t, d, p.Delay(i+1), "the longest there is")
			if d == limit {
				atCap++
			}
			previous = d
		}
		first += waits[0]
		late += waits[tries-1]
	}
	require.InDelta(t, float64(2*base), float64(first/clients), float64(base)/5, "even over [base, 3 base]")
	require.Greater(t, late/clients, limit/4)
	require.Less(t, atCap, clients*tries/200, "clients at the cap must not come back together")
	require.Equal(t, []time.Duration{3 * base, 9 * base, 27 * base, limit}, []time.Duration{p.Delay(0), p.Delay(2), p.Delay(3), p.Delay(math.MaxInt)})
	require.Equal(t, (3+9+27)*base+95*limit, p.MaxTotalDelay())
}

// A service that told a long wait must not leave the cap behind.
// The shortest base of all triples as well.
func TestDecorrelatedDelaysTriple(t *testing.T) {
	p := retry.Exponential(9, 1, retry.Cap(100), retry.Jitter(retry.Decorrelated))
	for i, want := range []time.Duration{3, 9, 27, 81, 100, 100} {
		require.Equal(t, want, p.Delay(i+1))
	}
}

func TestDecorrelatedJitterAfterAToldDelayKeepsTheCap(t *testing.T) {
	r := newRetrier(t, retry.Exponential(9, time.Second, retry.Cap(4*time.Second), retry.Jitter(retry.Decorrelated)))
	for _, waited := range []time.Duration{math.MinInt64, 0, time.Minute, math.MaxInt64} {
		v := r.Next(t.Context(), retry.Try{Attempt: 2, Err: errDown, Waited: waited})
		require.GreaterOrEqual(t, v.Delay, time.Second)
		require.LessOrEqual(t, v.Delay, 4*time.Second)
	}
}

func TestDoTellsDecorrelatedJitterTheWaitBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		longer := 0
		for range 50 {
			s := fails(6)
			r := newRetrier(t, retry.Exponential(7, time.Second, retry.Jitter(retry.Decorrelated)))
			_, err := r.Do(t.Context(), s.call)
			require.NoError(t, err)
			if s.waits()[5] > 3*time.Second {
				longer++
			}
		}
		require.Greater(t, longer, 25, "with base in place of the wait before it were none")
	})
}

func TestCustomDelays(t *testing.T) {
	type asked struct {
		attempt  int
		previous time.Duration
	}
	synctest.Test(t, func(t *testing.T) {
		var got []asked
		fibonacci := func(attempt int, previous time.Duration) time.Duration {
			got = append(got, asked{attempt, previous})
			if attempt == 3 {
				return -time.Hour
			}
			return previous + time.Duration(attempt)*time.Second
		}
		r := newRetrier(t, retry.Custom(6, fibonacci, retry.Cap(6*time.Second)))
		s := fails(9)
		s.errs[1] = outcome.AsThrottled(errDown, 4*time.Second)
		_, err := r.Do(t.Context(), s.call)
		require.Equal(t, 6, requireError(t, err).Attempts)
		require.Equal(t, []time.Duration{
			time.Second, 4 * time.Second, 0, 4 * time.Second, 6 * time.Second,
		}, s.waits(), "told by the service, less than nothing, above the cap")
		require.Equal(t, []asked{
			{1, 0}, {2, time.Second}, {3, 4 * time.Second}, {4, 0}, {5, 4 * time.Second},
		}, got)
	})
}

func TestCustomDelaysAreSpreadWhereAsked(t *testing.T) {
	minute := func(int, time.Duration) time.Duration { return time.Minute }
	p := retry.Custom(1000, minute, retry.Jitter(retry.Equal))
	seen := map[time.Duration]bool{}
	for _, d := range waitsOf(t, newRetrier(t, p), 100) {
		require.GreaterOrEqual(t, d, time.Minute/2)
		require.LessOrEqual(t, d, time.Minute)
		seen[d] = true
	}
	require.Greater(t, len(seen), 90)
	require.Equal(t, time.Minute, p.Delay(5))
	require.Equal(t, 999*time.Minute, p.MaxTotalDelay(), "at most the cap each")
}

func TestTwoRetriersDrawDifferently(t *testing.T) {
	policy := retry.Exponential(9, time.Second)
	a, b := newRetrier(t, policy), newRetrier(t, policy)
	same := 0
	for range 1000 {
		if next(t, a, 3, errDown) == next(t, b, 3, errDown) {
			same++
		}
	}
	require.Less(t, same, 10)
}

func TestDefaultJitter(t *testing.T) {
	e, c := newRetrier(t, retry.Exponential(9, time.Second)), newRetrier(t, retry.Constant(9, time.Second))
	below := 0
	for range 1000 {
		if next(t, e, 1, errDown) < time.Second/4 {
			below++
		}
		require.Equal(t, time.Second, next(t, c, 1, errDown))
	}
	require.InDelta(t, 250, below, 100, "full")
}

// A wait of nothing would be a hot loop.
func TestFullJitterNeverDrawsNothing(t *testing.T) {
	r := newRetrier(t, retry.Constant(9, 1, retry.Jitter(retry.Full)))
	for range 100 {
		require.EqualValues(t, 1, next(t, r, 1, errDown))
	}
}

func TestToldDelayTakesThePlaceOfTheComputedOne(t *testing.T) {
	told := func(d time.Duration) error { return outcome.AsThrottled(errDown, d) }
	for _, jitter := range []retry.Spread{retry.NoJitter, retry.Equal, retry.Full} {
		r := newRetrier(t, retry.Exponential(99, 100*time.Millisecond, retry.Cap(time.Second), retry.Jitter(jitter)))
		for range 1000 {
			d := next(t, r, 1, told(10*time.Second))
			require.GreaterOrEqual(t, d, 10*time.Second, "longer than the cap")
			require.LessOrEqual(t, d, 10*time.Second+100*time.Millisecond)
			d = next(t, r, 90, told(time.Millisecond))
			require.GreaterOrEqual(t, d, time.Millisecond, "shorter than the computed delay")
			require.LessOrEqual(t, d, 2*time.Millisecond)
		}
	}
	exact := newRetrier(t, retry.Constant(3, time.Second))
	require.Equal(t, 7*time.Second, next(t, exact, 1, told(7*time.Second)))
	require.Equal(t, time.Second, next(t, exact, 1, told(0)), "nothing told")

	spread := newRetrier(t, retry.Exponential(3, time.Second))
	seen := map[time.Duration]bool{}
	for range 100 {
		seen[next(t, spread, 1, told(time.Second))] = true
	}
	require.Greater(t, len(seen), 90, "clients told the same must not come back together")
}

// A wait of hours is neither waited out nor cut short.
func TestToldDelayBeyondPatienceEndsTheCall(t *testing.T) {
	for _, tt := range []struct {
		policy retry.Policy
		limit  time.Duration
	}{
		{retry.Constant(3, time.Second), 5 * time.Minute},
		{retry.Constant(3, time.Second, retry.Cap(time.Hour)), time.Hour},
	} {
		r := newRetrier(t, tt.policy)
		require.Equal(t, tt.limit, next(t, r, 1, outcome.AsThrottled(errDown, tt.limit)))
		for _, told := range []time.Duration{tt.limit + 1, math.MaxInt64} {
			v := r.Next(t.Context(), retry.Try{Attempt: 1, Err: outcome.AsThrottled(errDown, told)})
			require.False(t, v.Retry)
			require.Equal(t, retry.Postponed, v.Reason)
			require.ErrorIs(t, v.Err, errDown)
		}
	}
}
