package peers

import (
	"context"
	"strconv"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"golang.org/x/sync/singleflight"

	"github.com/weir-go/weir/bench/internal/work"
)

// FailsafeCall is f inside failsafe-go's policies, composed once, with
// singleflight between the bulkhead and the breaker as in weir's section.
func FailsafeCall(f work.Step, wait time.Duration) work.Step {
	limit := failsafe.With(bulkhead.NewBuilder[int](1024).WithMaxWaitTime(time.Minute).Build())
	inner := failsafe.With(
		circuitbreaker.NewBuilder[int]().WithFailureThreshold(5).WithDelay(10*time.Second).Build(),
		retrypolicy.NewBuilder[int]().WithMaxAttempts(3).WithBackoff(wait, time.Minute).Build(),
	)
	var group singleflight.Group
	return func(ctx context.Context, v int) (int, error) {
		return limit.WithContext(ctx).Get(func() (int, error) {
			got, err, _ := group.Do(strconv.Itoa(v), func() (any, error) {
				return inner.WithContext(ctx).Get(func() (int, error) { return f(ctx, v) })
			})
			return got.(int), err
		})
	}
}

// FailsafeTries is f inside failsafe-go's retry alone, with constant waits.
func FailsafeTries(f work.Step, wait time.Duration) work.Step {
	tries := failsafe.With(retrypolicy.NewBuilder[int]().WithMaxAttempts(3).WithDelay(wait).Build())
	return func(ctx context.Context, v int) (int, error) {
		return tries.WithContext(ctx).Get(func() (int, error) { return f(ctx, v) })
	}
}
