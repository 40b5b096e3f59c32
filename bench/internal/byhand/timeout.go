package byhand

import (
	"context"
	"time"

	"github.com/weir-go/weir/bench/internal/work"
)

// Timeout returns f with a context that ends after d.
func Timeout(f work.Step, d time.Duration) work.Step {
	return func(ctx context.Context, v int) (int, error) {
		ctx, cancel := context.WithTimeout(ctx, d)
		defer cancel()
		return f(ctx, v)
	}
}
