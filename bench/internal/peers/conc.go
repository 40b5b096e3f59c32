package peers

import (
	"context"
	"sync"

	"github.com/sourcegraph/conc/pool"
	"github.com/sourcegraph/conc/stream"

	"github.com/weir-go/weir/bench/internal/work"
)

// ConcFree is one pool of several workers.
func ConcFree(n, workers int, f work.Step) (h work.Haul) {
	var mu sync.Mutex
	p := pool.New().WithMaxGoroutines(workers).WithErrors().WithContext(context.Background())
	for i := range work.Naturals(n) {
		p.Go(func(ctx context.Context) error {
			v, err := f(ctx, i)
			if err == nil {
				mu.Lock()
				h.Add(v)
				mu.Unlock()
			}
			return err
		})
	}
	if p.Wait() != nil {
		return work.Broken()
	}
	return h
}

// ConcOrdered is one stream of several workers, which keeps the order.
func ConcOrdered(n, workers int, f work.Step) (h work.Haul) {
	s := stream.New().WithMaxGoroutines(workers)
	for i := range work.Naturals(n) {
		s.Go(func() stream.Callback {
			v, err := f(context.Background(), i)
			return func() {
				if err == nil {
					h.Add(v)
				}
			}
		})
	}
	s.Wait()
	return h
}
