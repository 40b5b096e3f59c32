package retry_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
)

func TestHookSeesEachRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		var seen []retry.Event
		var at []time.Duration
		start := time.Now()
		r := newRetrier(t, retry.Exponential(4, time.Second, retry.Name("model"), retry.Jitter(retry.NoJitter), retry.RetryRejected(),
			retry.OnRetry(nil),
			retry.OnRetry(func(ctx context.Context, e retry.Event) {
				require.Equal(t, 7, ctx.Value(key{}))
				seen, at = append(seen, e), append(at, time.Since(start))
			})))
		s := &script{errs: []error{errDown, rejection{5 * time.Second}, outcome.AsThrottled(errTimeout, 10*time.Second), errDown, errTimeout}}
		_, err := r.Do(context.WithValue(t.Context(), key{}, 7), s.call)
		require.ErrorIs(t, err, errTimeout)
		require.Equal(t, []retry.Event{
			{Name: "model", Attempt: 1, Err: errDown, Delay: time.Second},
			{Name: "model", Attempt: 1, Err: rejection{5 * time.Second}, Delay: 5 * time.Second, Rejected: true},
			{Name: "model", Attempt: 2, Err: s.errs[2], Delay: 10 * time.Second},
			{Name: "model", Attempt: 3, Err: errDown, Delay: 4 * time.Second},
		}, seen, "and none after the last attempt")
		require.Equal(t, []time.Duration{0, time.Second, 6 * time.Second, 16 * time.Second}, at, "before the wait")
	})
}

// Only what is tried again is told: not successes, and nothing that is given up.
func TestHookSeesNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, 0.1, 0, 1)
		r := newRetrier(t, retry.Constant(3, time.Second, retry.WithBudget(b), retry.OnRetry(func(context.Context, retry.Event) {
			t.Error("called")
		})))
		drain(t, b)
		short, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		for _, err := range []error{nil, outcome.AsPermanent(errDown), outcome.AsIgnored(errDown), errDown} {
			_, _ = r.Do(t.Context(), func(context.Context) (int, error) { return 0, err })
			_, _ = r.Do(short, func(context.Context) (int, error) { return 0, err })
		}
	})
}

// The fault to avoid: a hook that ends the goroutine has stopped the retry that was
// paid for.
func TestHookThatBreaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, end := range map[string]func(){"panic": func() { panic("hook") }, "goexit": runtime.Goexit} {
			b := newBudget(t, 0.5, 0, 5)
			others := 0
			r := newRetrier(t, retry.Constant(3, time.Second, retry.WithBudget(b),
				retry.OnRetry(func(context.Context, retry.Event) { end() }),
				retry.OnRetry(func(context.Context, retry.Event) { others++ })))
			calls := 0
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, _ = r.Do(context.Background(), func(context.Context) (int, error) { calls++; return 0, errDown })
			}()
			<-done
			s := r.Snapshot()
			if name == "panic" {
				require.Equal(t, 3, calls, "the call goes on")
				require.Equal(t, 2, others)
				require.EqualValues(t, 2, s.HookPanics)
				require.EqualValues(t, 2, s.Retries)
				continue
			}
			require.Equal(t, 1, calls)
			require.Zero(t, s.HookPanics)
			require.Zero(t, s.Retries)
			require.Equal(t, retry.BudgetSnapshot{Tokens: 5}, b.Snapshot(), "the token was given back")
		}
	})
}
