package bench

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/sony/gobreaker/v2"
	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"
)

// BenchmarkResilientCall asks what limiting, deduplicating, breaking and
// retrying cost around a call that does next to nothing, at saturation, with 8
// workers. All share only calls that are under way, as singleflight does;
// weir-window keeps results for a minute on top.
//
// impl=failsafe is 8 goroutines that make calls and no stream: nothing is
// handed from one to another and no order is kept, in its favour.
func BenchmarkResilientCall(b *testing.B) { resilientCall().compare(b) }

func resilientCall() question {
	impls := weir(resilient(0))
	return question{name: "ResilientCall", adds: 1, free: true, impls: append(impls,
		implementation{name: "weir-window", run: func(n int) haul { return through(n, resilient(time.Minute)) }},
		implementation{name: "failsafe", run: func(n int) haul { return ideal(n, failsafeStep()) }},
		implementation{name: "failsafe-channels", run: func(n int) haul { return byHandFree(n, crew, failsafeStep()) }},
		implementation{name: "channels", run: func(n int) haul { return byHandFree(n, crew, libraryStep()) }},
		implementation{name: "loop", run: func(n int) haul { return loop(n, 1, increment) }},
	)}
}

// failsafeStep is the call inside failsafe-go's policies, with singleflight
// between the bulkhead and the breaker as in weir's section.
func failsafeStep() step {
	limit := failsafe.With(bulkhead.NewBuilder[int](1024).WithMaxWaitTime(time.Minute).Build())
	inner := failsafe.With(
		circuitbreaker.NewBuilder[int]().WithFailureThreshold(5).WithDelay(10*time.Second).Build(),
		retrypolicy.NewBuilder[int]().WithMaxAttempts(3).WithBackoff(50*time.Millisecond, time.Second).Build(),
	)
	var group singleflight.Group
	return func(ctx context.Context, v int) (int, error) {
		return limit.WithContext(ctx).Get(func() (int, error) {
			got, err, _ := group.Do(strconv.Itoa(v), func() (any, error) {
				return inner.WithContext(ctx).Get(func() (int, error) { return increment(ctx, v) })
			})
			return got.(int), err
		})
	}
}

// libraryStep is the call as it is put together from the small libraries that
// are most used for each part.
func libraryStep() step {
	limit := semaphore.NewWeighted(1024)
	var group singleflight.Group
	breaker := gobreaker.NewCircuitBreaker[int](gobreaker.Settings{
		Name: "service", Timeout: 10 * time.Second,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= 5 },
	})
	return func(ctx context.Context, v int) (int, error) {
		if err := limit.Acquire(ctx, 1); err != nil {
			return 0, err
		}
		defer limit.Release(1)
		got, err, _ := group.Do(strconv.Itoa(v), func() (any, error) {
			return breaker.Execute(func() (int, error) { return tryThrice(ctx, v) })
		})
		return got.(int), err
	}
}

// tryThrice is the retry that people write.
func tryThrice(ctx context.Context, v int) (got int, err error) {
	for try := range 3 {
		if got, err = increment(ctx, v); err == nil {
			return got, nil
		}
		select {
		case <-time.After(50 * time.Millisecond << try):
		case <-ctx.Done():
			return 0, errors.Join(err, ctx.Err())
		}
	}
	return 0, err
}
