package byhand

import (
	"context"

	"github.com/sourcegraph/conc"

	"github.com/weir-go/weir/bench/internal/work"
)

// slot is a place for some items on their way through a worker.
type slot struct {
	items []outcome
	done  chan struct{} // of one
}

// Slots is one stage of several workers. A worker takes a slot of up to size
// items, and the slots queue in order. All channels have room for all slots, so
// only taking an empty one can block.
//
// A slot of one item delays no item behind another. In a larger one an item
// waits behind its neighbours, slow ones included.
func Slots(n, workers, size int, f work.Step) (h work.Haul) {
	var wg conc.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	room := max(2*depth/size, 4*workers)
	empty, tasks, order := make(chan *slot, room), make(chan *slot, room), make(chan *slot, room)
	for range room {
		empty <- &slot{make([]outcome, 0, size), make(chan struct{}, 1)}
	}
	wg.Go(func() { fill(ctx, n, empty, tasks, order) })
	for range workers {
		wg.Go(func() {
			for s := range tasks {
				s.work(ctx, f)
			}
		})
	}
	for s := range order {
		<-s.done
		for _, o := range s.items {
			if o.err == nil {
				h.Add(o.value)
			}
		}
		empty <- s
	}
	return h
}

// fill puts the items into slots.
func fill(ctx context.Context, n int, empty <-chan *slot, tasks, order chan<- *slot) {
	defer close(order)
	defer close(tasks)
	for i := 0; i < n; {
		var s *slot
		select {
		case s = <-empty:
		case <-ctx.Done():
			return
		}
		items := s.items[:0]
		for ; len(items) < cap(items) && i < n; i++ {
			items = append(items, outcome{value: i})
		}
		s.items = items
		tasks <- s
		order <- s
	}
}

func (s *slot) work(ctx context.Context, f work.Step) {
	for i := range s.items {
		o := &s.items[i]
		o.value, o.err = f(ctx, o.value)
	}
	s.done <- struct{}{}
}
