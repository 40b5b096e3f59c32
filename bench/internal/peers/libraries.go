package peers

import (
	"context"
	"strconv"
	"time"

	"github.com/sony/gobreaker/v2"
	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"

	"github.com/weir-go/weir/bench/internal/byhand"
	"github.com/weir-go/weir/bench/internal/work"
)

// LibraryCall is f as it is put together from the small libraries that are most
// used for each part: x/sync's semaphore and singleflight, gobreaker, and tries
// by hand.
func LibraryCall(f work.Step, wait time.Duration) work.Step {
	limit := semaphore.NewWeighted(1024)
	var group singleflight.Group
	breaker := gobreaker.NewCircuitBreaker[int](gobreaker.Settings{
		Name: "service", Timeout: 10 * time.Second,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= 5 },
	})
	attempt := byhand.Tries(f, wait)
	return func(ctx context.Context, v int) (int, error) {
		if err := limit.Acquire(ctx, 1); err != nil {
			return 0, err
		}
		defer limit.Release(1)
		got, err, _ := group.Do(strconv.Itoa(v), func() (any, error) {
			return breaker.Execute(func() (int, error) { return attempt(ctx, v) })
		})
		return got.(int), err
	}
}
