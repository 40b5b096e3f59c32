package byhand

import (
	"context"

	"github.com/sourcegraph/conc"

	"github.com/weir-go/weir/bench/internal/work"
)

// Zip joins the first item of one source with the first of another, and so on.
func Zip(n int, join func(a, b int) int) work.Haul {
	var wg conc.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	a, b, out := make(chan outcome, depth), make(chan outcome, depth), make(chan outcome, depth)
	wg.Go(func() { feed(ctx, a, n) })
	wg.Go(func() { feed(ctx, b, n) })
	wg.Go(func() {
		defer close(out)
		for x := range a {
			y, ok := <-b
			if !ok || !send(ctx, out, pair(x, y, join)) {
				return
			}
		}
	})
	return count(out)
}

// ZipChunks is the same with slices of items on the channels.
func ZipChunks(n int, join func(a, b int) int) work.Haul {
	var wg conc.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	a, b, out := newConduit[outcome](), newConduit[outcome](), newConduit[outcome]()
	wg.Go(func() { feedChunks(ctx, a, n) })
	wg.Go(func() { feedChunks(ctx, b, n) })
	wg.Go(func() { zipChunks(ctx, a, b, out, join) })
	return countChunks(out)
}

func zipChunks(ctx context.Context, a, b, out *conduit[outcome], join func(a, b int) int) {
	defer close(out.full)
	made, ok := out.take(), true
	var ys []outcome
	at := 0 // of the next of ys
	for xs := range a.full {
		for _, x := range xs {
			if at == len(ys) {
				b.recycle(ys)
				if made, ok = out.send(ctx, made); !ok {
					return
				}
				if ys, ok = <-b.full; !ok {
					return
				}
				at = 0
			}
			if made = append(made, pair(x, ys[at], join)); out.due(made) {
				if made, ok = out.send(ctx, made); !ok {
					return
				}
			}
			at++
		}
		a.recycle(xs)
		if len(a.full) == 0 {
			if made, ok = out.send(ctx, made); !ok {
				return
			}
		}
	}
	out.send(ctx, made)
}

// pair fails if one of the two has failed.
func pair(x, y outcome, join func(a, b int) int) outcome {
	switch {
	case x.err != nil:
		return x
	case y.err != nil:
		return y
	}
	return outcome{value: join(x.value, y.value)}
}
