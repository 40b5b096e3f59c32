package byhand

import (
	"context"

	"github.com/sourcegraph/conc"

	"github.com/weir-go/weir/bench/internal/work"
)

// Free is one stage of several workers that share its channels.
func Free(n, workers int, f work.Step) work.Haul {
	var source, crew conc.WaitGroup
	defer source.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	in, out := make(chan outcome, depth), make(chan outcome, depth)
	source.Go(func() { feed(ctx, in, n) })
	for range workers {
		crew.Go(func() { stage(ctx, in, out, f) })
	}
	source.Go(func() {
		crew.Wait()
		close(out)
	})
	return count(out)
}
