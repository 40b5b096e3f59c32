package retry_test

import (
	"context"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
)

func newBudget(tb testing.TB, share, reserve float64, burst int) *retry.Budget {
	tb.Helper()
	b, err := retry.NewBudget(share, reserve, burst)
	require.NoError(tb, err)
	return b
}

// drain takes all tokens.
func drain(tb testing.TB, b *retry.Budget) {
	tb.Helper()
	r := newRetrier(tb, retry.Constant(math.MaxInt, time.Second, retry.WithBudget(b)))
	for r.Next(tb.Context(), retry.Try{Attempt: 2, Err: errDown}).Retry {
	}
}

func TestBudgetIsRefused(t *testing.T) {
	for _, tt := range []struct {
		share, reserve float64
		burst          int
		fault          string
	}{
		{-0.1, 1, 1, "budget share is -0.1, want 0 to 1"},
		{1.1, 1, 1, "budget share is 1.1"},
		{math.NaN(), 1, 1, "budget share is NaN"},
		{0.1, -1, 1, "budget reserve is -1 per second"},
		{0.1, math.NaN(), 1, "budget reserve is NaN"},
		{0.1, math.Inf(1), 1, "budget reserve is +Inf"},
		{1e-10, 0, 1, "budget share is 1e-10, want 0 or at least 1e-9"},
		{0, 0, 1, "budget has neither a share nor a reserve"},
		{0.1, 1, 0, "budget burst is 0, want 1 to 1000000000"},
		{0.1, 1, 1e9 + 1, "budget burst is 1000000001"},
	} {
		b, err := retry.NewBudget(tt.share, tt.reserve, tt.burst)
		require.Nil(t, b)
		require.ErrorIs(t, err, retry.ErrPolicy)
		require.ErrorContains(t, err, tt.fault)
	}
	_, err := retry.NewBudget(2, -1, 0)
	for _, fault := range []string{"share", "reserve", "burst"} {
		require.ErrorContains(t, err, fault, "all at once")
	}
	require.ErrorContains(t, retry.Constant(3, 1, retry.WithBudget(nil)).Validate(), "budget is nil")
	require.ErrorContains(t, retry.Constant(3, 1, retry.WithBudget(&retry.Budget{})).Validate(), "budget was not made by NewBudget")
}

// The fault: a minute of sleep, and only then "budget exceeded".
func TestBudgetRefusesBeforeTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, 0.1, 0, 2)
		r := newRetrier(t, retry.Constant(9, time.Minute, retry.WithBudget(b)))
		s := fails(100)
		start := time.Now()
		_, err := r.Do(t.Context(), s.call)
		e := requireError(t, err)
		require.Equal(t, retry.OverBudget, e.Reason)
		require.Equal(t, 3, e.Attempts)
		require.ErrorIs(t, err, errDown)
		require.Equal(t, 2*time.Minute, time.Since(start))
		require.EqualValues(t, 1, r.Snapshot().OverBudget)
		require.Equal(t, retry.BudgetSnapshot{Retries: 2, Refused: 1}, b.Snapshot())
	})
}

func TestBudgetKeepsRetriesInProportionToCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, 0.2, 0, 10)
		drain(t, b)
		r := newRetrier(t, retry.Constant(9, time.Millisecond, retry.WithBudget(b)))
		calls := 0
		for range 1000 {
			_, _ = r.Do(t.Context(), func(context.Context) (int, error) { calls++; return 0, errDown })
		}
		require.Equal(t, 1000+200, calls, "a fifth more")
	})
}

// A percentage alone refuses every retry of a service with few calls.
func TestBudgetReserveWorksAtOneCallPerMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, 0, 1.0/60, 1)
		drain(t, b)
		r := newRetrier(t, retry.Constant(2, time.Second, retry.WithBudget(b)))
		for range 100 {
			time.Sleep(time.Minute)
			s := fails(1)
			_, err := r.Do(t.Context(), s.call)
			require.NoError(t, err)
		}
		require.EqualValues(t, 101, b.Snapshot().Retries)
	})
}

// Asked a million times a second, a small reserve must not be rounded away.
func TestBudgetReserveGathersBetweenLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, 0, 0.001, 5)
		drain(t, b)
		for range 100_000 {
			time.Sleep(100 * time.Nanosecond)
			b.Snapshot()
		}
		require.InDelta(t, 0.00001, b.Snapshot().Tokens, 1e-9)
		time.Sleep(time.Second)
		require.InDelta(t, 0.00101, b.Snapshot().Tokens, 1e-9)
	})
}

func TestBudgetHoldsAtMostItsBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, 1, math.MaxFloat64, 3)
		r := newRetrier(t, retry.None(retry.WithBudget(b)))
		for range 10 {
			_, _ = r.Do(t.Context(), succeed)
			time.Sleep(1000 * time.Hour)
		}
		require.Equal(t, retry.BudgetSnapshot{Tokens: 3}, b.Snapshot())
	})
}

// The fault: the deposits of a batch were made one by one, as many as there was room
// for, which took seconds. Their product must not overflow either.
func TestDepositsOfAHugeBatch(t *testing.T) {
	for _, n := range []int{5, 1 << 30, math.MaxInt} {
		b := newBudget(t, 1e-9, 0, 1_000_000_000)
		r := newRetrier(t, retry.Constant(2, time.Second, retry.WithBudget(b)))
		require.True(t, r.Next(t.Context(), retry.Try{Attempt: 1, Err: errDown}).Retry)
		r.Succeeded(n)
		require.InDelta(t, 1e9-1+min(float64(n)*1e-9, 1), b.Snapshot().Tokens, 1e-6)
		require.EqualValues(t, n, r.Snapshot().Succeeded)
	}
}

func TestWhatIsADeposit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, 0.25, 0, 1000)
		drain(t, b)
		added := func(do func(*retry.Retrier)) float64 {
			before := b.Snapshot().Tokens
			do(newRetrier(t, retry.Constant(1, time.Second, retry.WithBudget(b), retry.RetryRejected())))
			return b.Snapshot().Tokens - before
		}
		ctx := t.Context()
		require.Equal(t, 0.25, added(func(r *retry.Retrier) { _, _ = r.Do(ctx, succeed) }))
		require.Equal(t, 0.25, added(func(r *retry.Retrier) { _, _ = r.Do(ctx, fails(1).call) }))
		require.Equal(t, 0.25, added(func(r *retry.Retrier) { r.Next(ctx, retry.Try{Attempt: 1}) }))
		require.Zero(t, added(func(r *retry.Retrier) { r.Next(ctx, retry.Try{Attempt: 2}) }), "the same call")
		require.Equal(t, 0.25, added(func(r *retry.Retrier) {
			s := &script{errs: []error{rejection{time.Second}, rejection{time.Second}}}
			_, _ = r.Do(ctx, s.call)
		}), "what was rejected did not reach the service")
		dead, cancel := context.WithCancel(ctx)
		cancel()
		require.Zero(t, added(func(r *retry.Retrier) { _, _ = r.Do(dead, succeed) }), "was not called")
	})
}

// Retries that are given up for another reason are not paid for, and rejections
// that are waited out are no retries.
func TestWhatTakesNoToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, 0.5, 0, 5)
		policy := []retry.Option{retry.WithBudget(b), retry.RetryRejected(), retry.MaxElapsed(time.Hour)}
		r := newRetrier(t, retry.Constant(3, time.Minute, policy...))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for want, try := range map[retry.Reason]retry.Try{
			0:               {Attempt: 2, Err: rejection{time.Millisecond}},
			retry.Deadline:  {Attempt: 2, Err: errDown},
			retry.Exhausted: {Attempt: 3, Err: errDown},
			retry.Permanent: {Attempt: 2, Err: outcome.AsPermanent(errDown)},
			retry.Postponed: {Attempt: 2, Err: outcome.AsThrottled(errDown, 2*time.Hour)},
			retry.Nested:    {Attempt: 2, Err: &retry.Error{Attempts: 2, Err: errDown}},
		} {
			require.Equal(t, want, r.Next(ctx, try).Reason)
		}
		late := retry.Try{Attempt: 2, Err: errDown, Began: time.Now().Add(-time.Hour)}
		require.Equal(t, retry.Elapsed, r.Next(t.Context(), late).Reason)
		require.Equal(t, retry.BudgetSnapshot{Tokens: 5}, b.Snapshot())
	})
}

// The fault: after a panic inside, the budget stayed used up.
func TestBudgetIsNotLeakedByPanicOrGoexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, 0.5, 1, 4)
		r := newRetrier(t, retry.Constant(2, time.Millisecond, retry.WithBudget(b)))
		for i := range 100 {
			var wg sync.WaitGroup
			wg.Go(func() {
				defer func() { _ = recover() }()
				calls := 0
				_, _ = r.Do(context.Background(), func(context.Context) (int, error) {
					if calls++; calls == 1 {
						return 0, errDown
					}
					if i%2 == 0 {
						panic("boom")
					}
					runtime.Goexit()
					return 0, nil
				})
			})
			wg.Wait()
		}
		time.Sleep(5 * time.Second)
		require.EqualValues(t, 4, b.Snapshot().Tokens)
	})
}

// The fault next to it: an inner retrier that its budget has stopped is no reason
// for the outer one to do what was refused.
func TestOuterRetryDoesNotGoRoundTheInnerBudget(t *testing.T) {
	b := newBudget(t, 0.1, 0, 1)
	drain(t, b)
	inner := newRetrier(t, retry.Constant(3, time.Second, retry.WithBudget(b)))
	outer := newRetrier(t, retry.Constant(3, time.Second))
	s := fails(9)
	_, err := outer.Do(t.Context(), func(ctx context.Context) (int, error) { return inner.Do(ctx, s.call) })
	require.Equal(t, retry.Nested, requireError(t, err).Reason)
	require.Len(t, s.begun, 1)
}

// No bubble: real parallelism is the point.
func TestBudgetIsExactUnderAStorm(t *testing.T) {
	b := newBudget(t, 0.5, 0, 1000)
	drain(t, b)
	retriers := []*retry.Retrier{
		newRetrier(t, retry.Constant(99, time.Second, retry.WithBudget(b))),
		newRetrier(t, retry.Exponential(99, time.Second, retry.WithBudget(b))),
	}
	storm := func(f func(r *retry.Retrier)) {
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() { f(retriers[i%2]) })
		}
		wg.Wait()
	}
	storm(func(r *retry.Retrier) { _, _ = r.Do(context.Background(), succeed) })
	require.EqualValues(t, 500, b.Snapshot().Tokens)
	var allowed atomic.Int64
	storm(func(r *retry.Retrier) {
		if r.Next(context.Background(), retry.Try{Attempt: 2, Err: errDown}).Retry {
			allowed.Add(1)
		}
	})
	require.EqualValues(t, 500, allowed.Load())
	require.Equal(t, retry.BudgetSnapshot{Retries: 1500, Refused: 501}, b.Snapshot())

	storm(func(r *retry.Retrier) { r.Next(context.Background(), retry.Try{Attempt: 1, Err: errDown}) })
	s := b.Snapshot()
	require.EqualValues(t, 500, s.Tokens+float64(s.Retries-1500), "deposits and withdrawals at the same time")
}

// The reserve of a time must be there for all calls at that time: a call must not find the
// bucket empty while another one adds the reserve.
func TestBudgetReserveIsExactUnderAStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, 0, 100, 1000)
		drain(t, b)
		time.Sleep(5 * time.Second)
		r := newRetrier(t, retry.Constant(99, time.Second, retry.WithBudget(b)))
		var allowed atomic.Int64
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				if r.Next(t.Context(), retry.Try{Attempt: 2, Err: errDown}).Retry {
					allowed.Add(1)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 500, allowed.Load())
	})
}

// FuzzBudget follows a budget and a model of it, in which tokens are an exact
// fraction, through calls, retries and waits.
func FuzzBudget(f *testing.F) {
	f.Add(uint8(4), uint8(3), uint8(10), []byte{0, 1, 2, 3, 255, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1})
	f.Add(uint8(0), uint8(1), uint8(1), []byte{1, 1, 100, 1, 1, 200, 1})
	f.Add(uint8(7), uint8(0), uint8(1), []byte{50, 1, 50, 1, 50}) // a call filled a bucket of one token
	f.Fuzz(func(t *testing.T, eighths, perSecond, burst uint8, script []byte) {
		if eighths > 8 || burst == 0 || eighths == 0 && perSecond == 0 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			b := newBudget(t, float64(eighths)/8, float64(perSecond), int(burst))
			r := newRetrier(t, retry.Constant(math.MaxInt, time.Second, retry.WithBudget(b)))
			full := int64(burst) * 1000 // in thousandths
			tokens := full
			for _, op := range script {
				switch {
				case op < 50:
					r.Next(t.Context(), retry.Try{Attempt: 1})
					tokens = min(tokens+int64(eighths)*125, full)
				case op < 150:
					allowed := r.Next(t.Context(), retry.Try{Attempt: 2, Err: errDown}).Retry
					require.Equal(t, tokens >= 1000, allowed)
					if allowed {
						tokens -= 1000
					}
				default:
					time.Sleep(time.Duration(op) * time.Millisecond)
					// Time brings its part before a deposit can fill the bucket.
					b.Snapshot()
					tokens = min(tokens+int64(op)*int64(perSecond), full)
				}
			}
			require.InDelta(t, float64(tokens)/1000, b.Snapshot().Tokens, 1e-9)
		})
	})
}

// Successes that are counted together count as much as successes counted one by one.
func TestSuccessesTogetherCountAsOneByOne(t *testing.T) {
	for _, n := range []int{-1, 0, 1, 7, 1000} {
		counted := func(succeed func(*retry.Retrier)) (retry.Snapshot, retry.BudgetSnapshot) {
			b := newBudget(t, 0.125, 0, 100)
			r := newRetrier(t, retry.Constant(100, time.Second, retry.WithBudget(b)))
			for range 60 { // take tokens
				r.Next(t.Context(), retry.Try{Attempt: 2, Err: errDown})
			}
			succeed(r)
			return r.Snapshot(), b.Snapshot()
		}
		one, oneBudget := counted(func(r *retry.Retrier) {
			for range n {
				r.Next(t.Context(), retry.Try{Attempt: 1})
			}
		})
		all, allBudget := counted(func(r *retry.Retrier) { r.Succeeded(n) })
		require.Equal(t, one, all)
		require.Equal(t, oneBudget, allBudget)
	}
}
