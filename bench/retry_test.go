package bench

import (
	"context"
	"testing"
	"time"

	"github.com/avast/retry-go/v5"
	"github.com/cenkalti/backoff/v5"
	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/stretchr/testify/require"

	weirretry "github.com/weir-go/weir/primitives/retry"
)

// What does a retry cost around a call that succeeds at once? Three attempts, a
// wait of 50 ms that doubles. Each library is set up once, if it can be. impl=weir
// counts the calls, for its snapshot. The others and impl=weir-uncounted do not.
func BenchmarkRetryFirstTry(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, impl := range []struct {
		name string
		opts []weirretry.Option
	}{{"impl=weir", nil}, {"impl=weir-uncounted", []weirretry.Option{weirretry.Uncounted()}}} {
		b.Run(impl.name, func(b *testing.B) {
			r, err := weirretry.New(weirretry.Exponential(3, 50*time.Millisecond, impl.opts...))
			require.NoError(b, err)
			call := func(context.Context) (int, error) { return 1, nil }
			b.ReportAllocs()
			defer metered(b)()
			for b.Loop() {
				if v, err := r.Do(ctx, call); v != 1 || err != nil {
					b.Fatal(v, err)
				}
			}
		})
	}
	b.Run("impl=retry-go", func(b *testing.B) {
		r := retry.NewWithData[int](retry.Attempts(3), retry.Delay(50*time.Millisecond), retry.Context(ctx))
		call := func() (int, error) { return 1, nil }
		b.ReportAllocs()
		defer metered(b)()
		for b.Loop() {
			if v, err := r.Do(call); v != 1 || err != nil {
				b.Fatal(v, err)
			}
		}
	})
	b.Run("impl=backoff", func(b *testing.B) {
		waits := backoff.NewExponentialBackOff()
		waits.InitialInterval, waits.Multiplier = 50*time.Millisecond, 2
		call := func() (int, error) { return 1, nil }
		b.ReportAllocs()
		defer metered(b)()
		for b.Loop() {
			v, err := backoff.Retry(ctx, call, backoff.WithBackOff(waits), backoff.WithMaxTries(3))
			if v != 1 || err != nil {
				b.Fatal(v, err)
			}
		}
	})
	b.Run("impl=failsafe", func(b *testing.B) {
		policy := retrypolicy.NewBuilder[int]().WithMaxAttempts(3).WithBackoff(50*time.Millisecond, time.Minute).Build()
		r := failsafe.With(policy).WithContext(ctx)
		call := func() (int, error) { return 1, nil }
		b.ReportAllocs()
		defer metered(b)()
		for b.Loop() {
			if v, err := r.Get(call); v != 1 || err != nil {
				b.Fatal(v, err)
			}
		}
	})
}
