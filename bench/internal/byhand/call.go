package byhand

import (
	"context"
	"time"

	"github.com/weir-go/weir/bench/internal/work"
)

// limit is how many calls may be under way.
const limit = 1024

// Call is f with all that a section has around it: a limit of calls under way,
// one call for all that ask for the same number at the time, a fuse that opens
// after five failures in a row, and three tries with a wait that doubles.
func Call(f work.Step, wait time.Duration) work.Step {
	slots := make(chan struct{}, limit)
	shared := newFlights()
	var fuse fuse
	attempt := Tries(f, wait)
	fused := func(ctx context.Context, v int) (int, error) { return fuse.do(ctx, v, attempt) }
	return func(ctx context.Context, v int) (int, error) {
		if !send(ctx, slots, struct{}{}) {
			return 0, ctx.Err()
		}
		defer func() { <-slots }()
		return shared.do(ctx, v, fused)
	}
}
