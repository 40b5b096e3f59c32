package weir

import (
	"context"
	"time"

	"github.com/weir-go/weir/bench/internal/work"
)

// Waiting has a section of several workers call f for n items, and returns when
// all are done or ctx has ended.
func Waiting(ctx context.Context, n, workers int, f work.Step, wait time.Duration) {
	_, _ = Retried(workers, n, f, wait)(naturals(n)).Collect(ctx)
}
