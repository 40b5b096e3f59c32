package byhand

import (
	"context"
	"errors"
	"time"

	"github.com/weir-go/weir/bench/internal/work"
)

// attempts is how often a call is tried at most.
const attempts = 3

// Tries returns f with the retry that people write: it holds its goroutine
// while it waits.
func Tries(f work.Step, wait time.Duration) work.Step {
	return func(ctx context.Context, v int) (got int, err error) {
		for try := range attempts {
			if got, err = f(ctx, v); err == nil || try == attempts-1 {
				return got, err
			}
			timer := time.NewTimer(wait << try)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
				return 0, errors.Join(err, ctx.Err())
			}
		}
		return got, err
	}
}
