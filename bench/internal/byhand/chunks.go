package byhand

import (
	"context"

	"github.com/sourcegraph/conc"

	"github.com/weir-go/weir/bench/internal/work"
)

// Chunks is some stages in a row, one goroutine each, with slices of items on
// the channels.
func Chunks(n, stages int, f work.Step) work.Haul {
	var wg conc.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	next := newConduit[outcome]()
	first := next
	wg.Go(func() { feedChunks(ctx, first, n) })
	for range stages {
		in, out := next, newConduit[outcome]()
		wg.Go(func() { stageChunks(ctx, in, out, f) })
		next = out
	}
	return countChunks(next)
}

// feedChunks is the source.
func feedChunks(ctx context.Context, out *conduit[outcome], n int) {
	defer close(out.full)
	made, ok := out.take(), true
	for i := range n {
		if made = append(made, outcome{value: i}); out.due(made) {
			if made, ok = out.send(ctx, made); !ok {
				return
			}
		}
	}
	out.send(ctx, made)
}

func stageChunks(ctx context.Context, in, out *conduit[outcome], f work.Step) {
	defer close(out.full)
	made, ok := out.take(), true
	for vs := range in.full {
		for _, o := range vs {
			if o.err == nil {
				o.value, o.err = f(ctx, o.value)
			}
			if made = append(made, o); out.due(made) {
				if made, ok = out.send(ctx, made); !ok {
					return
				}
			}
		}
		in.recycle(vs)
		if len(in.full) == 0 {
			if made, ok = out.send(ctx, made); !ok {
				return
			}
		}
	}
	out.send(ctx, made)
}

// countChunks is the sink.
func countChunks(in *conduit[outcome]) (h work.Haul) {
	for vs := range in.full {
		for _, o := range vs {
			if o.err == nil {
				h.Add(o.value)
			}
		}
		in.recycle(vs)
	}
	return h
}
