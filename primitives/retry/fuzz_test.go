package retry_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
)

// FuzzDelay checks, for every policy that can be written down, what holds for
// all delays. It computes them and does not wait.
func FuzzDelay(f *testing.F) {
	f.Add(3, int64(100*time.Millisecond), int64(time.Minute), 1, false, byte(2), int64(0))
	f.Add(2000, int64(1), int64(1<<63-1), 1999, true, byte(1), int64(1<<63-1))
	f.Add(1<<62, int64(1<<62), int64(1<<63-1), 37, true, byte(2), int64(time.Hour))
	f.Add(99, int64(time.Second), int64(1<<63-1), 40, true, byte(3), int64(0))
	f.Add(1, int64(time.Second), int64(time.Minute), -42, true, byte(3), int64(102))
	f.Add(0, int64(-1), int64(0), -1, true, byte(9), int64(-1))
	f.Fuzz(func(t *testing.T, attempts int, base, limit int64, attempt int, doubles bool, jitter byte, told int64) {
		build := retry.Constant
		if doubles {
			build = retry.Exponential
		}
		p := build(attempts, time.Duration(base), retry.Cap(time.Duration(limit)), retry.Jitter(retry.Spread(jitter)),
			retry.RetryRejected())
		d := p.Delay(attempt)
		require.GreaterOrEqual(t, d, time.Duration(0))
		require.GreaterOrEqual(t, p.MaxTotalDelay(), time.Duration(0))
		r, err := retry.New(p)
		spread := retry.Spread(jitter)
		refused := attempts < 1 || base < 1 || limit < 1 || base > limit || spread > retry.Decorrelated ||
			spread == retry.Decorrelated && !doubles
		require.Equal(t, refused, err != nil)
		if refused {
			return
		}
		switch {
		case spread == retry.Decorrelated:
			requireDelays(t, p, attempt, 3)
		case doubles:
			requireDelays(t, p, attempt, 2)
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
	d, limit := p.Delay(attempt), p.Delay(1<<62)
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

// requireTotal compares the closed form with the sum.
func requireTotal(t *testing.T, p retry.Policy) {
	if p.Attempts() > 5000 {
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
