package peers

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/weir-go/weir/bench/internal/work"
)

// Errgroup writes the results into a slice, in the order of the items.
func Errgroup(n, workers int, f work.Step) (h work.Haul) {
	g, ctx := errgroup.WithContext(context.Background())
	g.SetLimit(workers)
	out := make([]int, n)
	for i := range out {
		g.Go(func() (err error) {
			out[i], err = f(ctx, i)
			return err
		})
	}
	if g.Wait() != nil {
		return work.Broken()
	}
	for _, v := range out {
		h.Add(v)
	}
	return h
}
