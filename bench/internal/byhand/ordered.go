package byhand

import (
	"context"

	"github.com/sourcegraph/conc"

	"github.com/weir-go/weir/bench/internal/work"
)

// future is an item on its way through workers that may overtake each other.
type future struct {
	value int
	done  chan outcome // of one; used again
}

// Ordered is one stage of several workers whose results are put back into
// order: each item has a channel for its result, and these queue in order.
func Ordered(n, workers int, f work.Step) (h work.Haul) {
	var wg conc.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	tasks, order := make(chan future, depth), make(chan future, depth)
	unused := make(chan chan outcome, 2*depth)
	wg.Go(func() { deal(ctx, n, tasks, order, unused) })
	for range workers {
		wg.Go(func() {
			for t := range tasks {
				var o outcome
				o.value, o.err = f(ctx, t.value)
				t.done <- o // has room
			}
		})
	}
	for t := range order {
		if o := <-t.done; o.err == nil {
			h.Add(o.value)
		}
		select {
		case unused <- t.done:
		default:
		}
	}
	return h
}

// deal gives each item to the workers and a place in the order.
func deal(ctx context.Context, n int, tasks, order chan<- future, unused <-chan chan outcome) {
	defer close(order)
	defer close(tasks)
	for i := range n {
		t := future{value: i}
		select {
		case t.done = <-unused:
		default:
			t.done = make(chan outcome, 1)
		}
		if !send(ctx, tasks, t) || !send(ctx, order, t) {
			return
		}
	}
}
