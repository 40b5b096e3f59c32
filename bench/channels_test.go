package bench

import (
	"context"

	"github.com/sourcegraph/conc"
)

// outcome is what hand-written stages pass on: a value or an error.
type outcome struct {
	value int
	err   error
}

// handWritten runs n items through three stages as a careful engineer would
// write them: a goroutine each, channels of 128, errors passed along, and every
// send in a select with the context. It returns how many items came out.
func handWritten(ctx context.Context, n int, f func(context.Context, int) (int, error)) int {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg conc.WaitGroup
	defer wg.Wait()
	next := make(chan outcome, 128)
	first := next
	wg.Go(func() {
		defer close(first)
		for i := range n {
			select {
			case first <- outcome{value: i}:
			case <-ctx.Done():
				return
			}
		}
	})
	for range 3 {
		in, out := next, make(chan outcome, 128)
		wg.Go(func() { stage(ctx, in, out, f) })
		next = out
	}
	count := 0
	for o := range next {
		if o.err == nil {
			count++
		}
	}
	return count
}

func stage(ctx context.Context, in <-chan outcome, out chan<- outcome, f func(context.Context, int) (int, error)) {
	defer close(out)
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
