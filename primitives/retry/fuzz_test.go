package retry_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
)

// FuzzDelay checks, for every policy that can be written down, what holds for
// all delays. It computes them and does not wait.
func FuzzDelay(f *testing.F) {
	f.Add(3, int64(100*time.Millisecond), int64(time.Minute), 1, 0.0, byte(2), int64(0))
	f.Add(2000, int64(1), int64(1<<63-1), 1999, 2.0, byte(1), int64(1<<63-1))
	f.Add(math.MaxInt, int64(1<<62), int64(1<<63-1), 37, 2.0, byte(2), int64(time.Hour))
	f.Add(99, int64(time.Second), int64(1<<63-1), 40, 2.0, byte(3), int64(0))
	f.Add(1, int64(time.Second), int64(time.Minute), -42, 2.0, byte(3), int64(102))
	f.Add(0, int64(-1), int64(0), -1, 2.0, byte(9), int64(-1))
	f.Add(5000, int64(1), int64(1<<63-1), 4000, 1.01, byte(2), int64(0))
	f.Add(math.MaxInt, int64(1<<53+1), int64(1<<53+3), math.MaxInt, 1.5, byte(1), int64(0))
	f.Add(9, int64(time.Second), int64(1<<63-1), 5, 1e9, byte(0), int64(0))
	f.Add(9, int64(time.Second), int64(1<<63-1), 5, math.NaN(), byte(0), int64(0))
	f.Add(9, int64(time.Second), int64(1<<63-1), 5, math.Inf(-1), byte(0), int64(0))
	f.Fuzz(func(t *testing.T, attempts int, base, limit int64, attempt int, factor float64, jitter byte, told int64) {
		opts := []retry.Option{retry.Cap(time.Duration(limit)), retry.Jitter(retry.Spread(jitter)), retry.RetryRejected()}
		doubles := factor != 0 // else it is constant
		build := retry.Constant
		if doubles {
			build = retry.Exponential
			opts = append(opts, retry.Factor(factor))
		}
		p := build(attempts, time.Duration(base), opts...)
		d := p.Delay(attempt)
		require.GreaterOrEqual(t, d, time.Duration(0))
		require.GreaterOrEqual(t, p.MaxTotalDelay(), time.Duration(0))
		r, err := retry.New(p)
		spread := retry.Spread(jitter)
		refused := attempts < 1 || base < 1 || limit < 1 || base > limit || spread > retry.Decorrelated ||
			spread == retry.Decorrelated && factor != 2 || doubles && !(factor >= 1.01 && factor <= 1e9)
		require.Equal(t, refused, err != nil)
		if refused {
			return
		}
		switch {
		case spread == retry.Decorrelated:
			requireDelays(t, p, attempt, 3)
		case factor == 2:
			requireDelays(t, p, attempt, 2)
		case doubles:
			requireGrowth(t, p, attempt, factor)
		default:
			requireDelays(t, p, attempt, 1)
		}
		requireTotal(t, p)
		requireWait(t, r, p, attempt, time.Duration(told))
		requireFree(t, r, attempt, time.Duration(told))
	})
}

// requireDelays: in the bounds, monotone, and so many times the one before as
// long as that is not above the cap.
func requireDelays(t *testing.T, p retry.Policy, attempt int, factor time.Duration) {
	d, limit := p.Delay(attempt), p.Delay(math.MaxInt)
	require.GreaterOrEqual(t, d, p.Delay(1))
	require.LessOrEqual(t, d, limit)
	if attempt <= 1 {
		require.Equal(t, p.Delay(1), d)
		return
	}
	before := p.Delay(attempt - 1)
	if before > limit/factor {
		require.Equal(t, limit, d)
		return
	}
	require.Equal(t, factor*before, d)
}

// requireGrowth is requireDelays for a factor that is not whole. A float has 53
// digits, so the longest delays are off by some nanoseconds.
func requireGrowth(t *testing.T, p retry.Policy, attempt int, factor float64) {
	d, limit := p.Delay(attempt), p.Delay(math.MaxInt)
	require.GreaterOrEqual(t, d, p.Delay(1))
	require.LessOrEqual(t, d, limit)
	if attempt <= 1 {
		require.Equal(t, p.Delay(1), d)
		return
	}
	before := p.Delay(attempt - 1)
	require.GreaterOrEqual(t, d, before)
	if d < limit { // before was rounded down by up to 1 ns
		require.InDelta(t, factor*float64(before), float64(d), factor+1+float64(d)*1e-11)
	}
}

// requireTotal compares the closed form with the sum.
func requireTotal(t *testing.T, p retry.Policy) {
	if p.Attempts() > 10_000 {
		return
	}
	var sum time.Duration
	for n := 1; n < p.Attempts(); n++ {
		if sum += p.Delay(n); sum < 0 {
			sum = 1<<63 - 1
			break
		}
	}
	require.Equal(t, sum, p.MaxTotalDelay())
}

// requireWait: jitter keeps the cap, and never shortens what the service told.
func requireWait(t *testing.T, r *retry.Retrier, p retry.Policy, attempt int, told time.Duration) {
	ctx := context.Background()
	if max(attempt, 1) < p.Attempts() {
		v := r.Next(ctx, retry.Try{Attempt: attempt, Err: errDown})
		require.True(t, v.Retry)
		require.Positive(t, v.Delay)
		require.LessOrEqual(t, v.Delay, p.Delay(attempt))
	}
	v := r.Next(ctx, retry.Try{Attempt: attempt, Err: outcome.AsThrottled(errDown, told)})
	if v.Retry && told > 0 {
		require.GreaterOrEqual(t, v.Delay, told)
		require.LessOrEqual(t, v.Delay-told, min(told, p.Delay(attempt)))
	}
}

// requireFree: a rejection is waited out at least as long as told.
func requireFree(t *testing.T, r *retry.Retrier, attempt int, told time.Duration) {
	v := r.Next(context.Background(), retry.Try{Attempt: attempt, Err: rejection{told}})
	if v.Retry {
		require.True(t, v.Free)
		require.GreaterOrEqual(t, v.Delay, told)
	}
}
