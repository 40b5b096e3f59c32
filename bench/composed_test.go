package bench

import (
	"context"
	"testing"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
)

// What do a retry, a breaker and a limit of calls under way cost together, around
// a call that succeeds at once? The retry is outermost, and the breaker sees each
// attempt. impl=failsafe-with composes the policies for each call, as failsafe's
// documentation does; impl=failsafe does it once.
func BenchmarkComposed(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b.Run("impl=weir", func(b *testing.B) {
		r, err := retry.New(retry.Exponential(3, 50*time.Millisecond))
		require.NoError(b, err)
		br, err := breaker.New(breaker.Consecutive("service", 5, 10*time.Second))
		require.NoError(b, err)
		g, err := guard.New(guard.Limit(64))
		require.NoError(b, err)
		call := func(context.Context) (int, error) { return 1, nil }
		limited := func(ctx context.Context) (int, error) { return g.Do(ctx, call) }
		broken := func(ctx context.Context) (int, error) { return br.Do(ctx, limited) }
		b.ReportAllocs()
		defer metered(b)()
		for b.Loop() {
			if v, err := r.Do(ctx, broken); v != 1 || err != nil {
				b.Fatal(v, err)
			}
		}
	})
	policies := func() []failsafe.Policy[int] {
		return []failsafe.Policy[int]{
			retrypolicy.NewBuilder[int]().WithMaxAttempts(3).WithBackoff(50*time.Millisecond, time.Minute).Build(),
			circuitbreaker.NewBuilder[int]().WithFailureThreshold(5).WithDelay(10 * time.Second).Build(),
			bulkhead.New[int](64),
		}
	}
	call := func() (int, error) { return 1, nil }
	b.Run("impl=failsafe-with", func(b *testing.B) {
		p := policies()
		b.ReportAllocs()
		defer metered(b)()
		for b.Loop() {
			if v, err := failsafe.With(p...).WithContext(ctx).Get(call); v != 1 || err != nil {
				b.Fatal(v, err)
			}
		}
	})
	b.Run("impl=failsafe", func(b *testing.B) {
		composed := failsafe.With(policies()...).WithContext(ctx)
		b.ReportAllocs()
		defer metered(b)()
		for b.Loop() {
			if v, err := composed.Get(call); v != 1 || err != nil {
				b.Fatal(v, err)
			}
		}
	})
}
