package byhand

import (
	"context"
	"sync/atomic"

	"github.com/sourcegraph/conc"

	"github.com/weir-go/weir/bench/internal/work"
)

// Loop is plain calls, one after another.
func Loop(n, stages int, f work.Step) (h work.Haul) {
	ctx := context.Background()
	for i := range n {
		v, err := i, error(nil)
		for range stages {
			if v, err = f(ctx, v); err != nil {
				break
			}
		}
		if err == nil {
			h.Add(v)
		}
	}
	return h
}

// Ideal shares the calls among goroutines that do nothing else.
func Ideal(n, workers int, f work.Step) work.Haul {
	var next, count, sum atomic.Int64
	var wg conc.WaitGroup
	for range workers {
		wg.Go(func() {
			var h work.Haul
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if v, err := f(context.Background(), i); err == nil {
					h.Add(v)
				}
			}
			count.Add(int64(h.Count))
			sum.Add(int64(h.Sum))
		})
	}
	wg.Wait()
	return work.Haul{Count: int(count.Load()), Sum: int(sum.Load())}
}
