package byhand

import (
	"context"

	"github.com/sourcegraph/conc"

	"github.com/weir-go/weir/bench/internal/work"
)

// outcome is what stages pass on: a value or an error.
type outcome struct {
	value int
	err   error
}

// depth is the buffer of a channel.
const depth = 128

// Row is some stages in a row, one goroutine each.
func Row(n, stages int, f work.Step) (h work.Haul) {
	var wg conc.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
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
	return count(next)
}

// feed is the source.
func feed(ctx context.Context, out chan<- outcome, n int) {
	defer close(out)
	for i := range n {
		if !send(ctx, out, outcome{value: i}) {
			return
		}
	}
}

// send reports false if the context has ended.
func send[T any](ctx context.Context, out chan<- T, v T) bool {
	select {
	case out <- v:
		return true
	case <-ctx.Done():
		return false
	}
}

// stage works until in is closed or the context ends.
func stage(ctx context.Context, in <-chan outcome, out chan<- outcome, f work.Step) {
	for o := range in {
		if o.err == nil {
			o.value, o.err = f(ctx, o.value)
		}
		if !send(ctx, out, o) {
			return
		}
	}
}

// count is the sink.
func count(in <-chan outcome) (h work.Haul) {
	for o := range in {
		if o.err == nil {
			h.Add(o.value)
		}
	}
	return h
}
