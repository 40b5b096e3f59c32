package byhand

import (
	"context"

	"github.com/sourcegraph/conc"

	"github.com/weir-go/weir/bench/internal/work"
)

// Hold starts some workers that wait for items, and a sink. They end when in is
// closed; wait returns then.
func Hold(in <-chan int, workers int, f work.Step, sink func(int)) (wait func()) {
	ctx, cancel := context.WithCancel(context.Background())
	out := make(chan outcome, depth)
	var crew, end conc.WaitGroup
	for range workers {
		crew.Go(func() {
			for v := range in {
				v, err := f(ctx, v)
				if !send(ctx, out, outcome{v, err}) {
					return
				}
			}
		})
	}
	end.Go(func() {
		crew.Wait()
		close(out)
	})
	end.Go(func() {
		for o := range out {
			if o.err == nil {
				sink(o.value)
			}
		}
	})
	return func() {
		end.Wait()
		cancel()
	}
}
