package byhand

import (
	"context"

	"github.com/sourcegraph/conc"

	"github.com/weir-go/weir/bench/internal/work"
)

// Branches deals items to a channel for each branch, in turns, and brings the
// branches together again.
func Branches(n, branches int, f work.Step) work.Haul {
	var source, crew conc.WaitGroup
	defer source.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	in, out := make(chan outcome, depth), make(chan outcome, depth)
	lanes := make([]chan outcome, branches)
	for i := range lanes {
		lanes[i] = make(chan outcome, depth)
		crew.Go(func() { stage(ctx, lanes[i], out, f) })
	}
	source.Go(func() { feed(ctx, in, n) })
	source.Go(func() {
		next := 0
		for o := range in {
			if !send(ctx, lanes[next], o) {
				break
			}
			next = (next + 1) % branches
		}
		for _, lane := range lanes {
			close(lane)
		}
		crew.Wait()
		close(out)
	})
	return count(out)
}
