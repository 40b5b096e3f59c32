package byhand

import (
	"context"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/weir-go/weir/bench/internal/work"
)

// Waiting has a goroutine call f for each of n items, and returns when all are
// done or ctx has ended.
func Waiting(ctx context.Context, n int, f work.Step, wait time.Duration) {
	attempt := Tries(f, wait)
	var wg conc.WaitGroup
	for i := range n {
		wg.Go(func() { _, _ = attempt(ctx, i) })
	}
	wg.Wait()
}
