package bench

import (
	"context"

	"github.com/sourcegraph/conc"
)

// step is what a stage does with an item.
type step = func(context.Context, int) (int, error)

// outcome is what hand-written stages pass on: a value or an error.
type outcome struct {
	value int
	err   error
}

// depth is the buffer of a hand-written channel.
const depth = 128

// byHand runs n items through some stages as a careful engineer would write
// them: a goroutine each, buffered channels, errors passed along, and every
// send in a select with the context.
func byHand(n, stages int, f step) (h haul) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var wg conc.WaitGroup
	defer wg.Wait()
	next := make(chan outcome, depth)
	first := next
	wg.Go(func() { feed(ctx, first, n) })
	for range stages {
		in, out := next, make(chan outcome, depth)
		wg.Go(func() {
			defer close(out)
			stage(ctx, in, out, f)
		})
		next = out
	}
	for o := range next {
		if o.err == nil {
			h.add(o.value)
		}
	}
	return h
}

// feed is the source.
func feed(ctx context.Context, out chan<- outcome, n int) {
	defer close(out)
	for i := range n {
		select {
		case out <- outcome{value: i}:
		case <-ctx.Done():
			return
		}
	}
}

func stage(ctx context.Context, in <-chan outcome, out chan<- outcome, f step) {
	for o := range in {
		if o.err == nil {
			o.value, o.err = f(ctx, o.value)
		}
		select {
		case out <- o:
		case <-ctx.Done():
			return
		}
	}
}

// byHandFree is one stage of several workers that share its channels.
func byHandFree(n, workers int, f step) (h haul) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	in, out := make(chan outcome, depth), make(chan outcome, depth)
	var source, stages conc.WaitGroup
	source.Go(func() { feed(ctx, in, n) })
	defer source.Wait()
	for range workers {
		stages.Go(func() { stage(ctx, in, out, f) })
	}
	source.Go(func() {
		stages.Wait()
		close(out)
	})
	for o := range out {
		if o.err == nil {
			h.add(o.value)
		}
	}
	return h
}

// future is an item on its way through workers that may overtake each other.
type future struct {
	value int
	done  chan outcome // of one; used again
}

// byHandOrdered is one stage of several workers whose results are put back into
// order: each item has a channel for its result, and these queue in order.
func byHandOrdered(n, workers int, f step) (h haul) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	work, order := make(chan future, depth), make(chan future, depth)
	unused := make(chan chan outcome, 2*depth)
	var wg conc.WaitGroup
	defer wg.Wait()
	wg.Go(func() { deal(ctx, n, work, order, unused) })
	for range workers {
		wg.Go(func() {
			for w := range work {
				var o outcome
				o.value, o.err = f(ctx, w.value)
				w.done <- o // has room
			}
		})
	}
	for w := range order {
		o := <-w.done
		if o.err == nil {
			h.add(o.value)
		}
		select {
		case unused <- w.done:
		default:
		}
	}
	return h
}

// deal gives each item to the workers and a place in the order.
func deal(ctx context.Context, n int, work, order chan<- future, unused <-chan chan outcome) {
	defer close(order)
	defer close(work)
	for i := range n {
		w := future{value: i}
		select {
		case w.done = <-unused:
		default:
			w.done = make(chan outcome, 1)
		}
		for _, to := range []chan<- future{work, order} {
			select {
			case to <- w:
			case <-ctx.Done():
				return
			}
		}
	}
}

// loop is the floor: plain calls, one after another.
func loop(n, stages int, f step) (h haul) {
	ctx := context.Background()
	for i := range n {
		v, err := i, error(nil)
		for range stages {
			if v, err = f(ctx, v); err != nil {
				break
			}
		}
		if err == nil {
			h.add(v)
		}
	}
	return h
}
