package byhand

import (
	"context"
	"iter"

	"github.com/sourcegraph/conc"

	"github.com/weir-go/weir/bench/internal/work"
)

// FlatMap sends on every value of the sequence that f returns for an item.
func FlatMap(n int, f func(int) iter.Seq[int]) work.Haul {
	var wg conc.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	in, out := make(chan outcome, depth), make(chan outcome, depth)
	wg.Go(func() { feed(ctx, in, n) })
	wg.Go(func() {
		defer close(out)
		for o := range in {
			if o.err != nil {
				send(ctx, out, o)
				continue
			}
			for v := range f(o.value) {
				if !send(ctx, out, outcome{value: v}) {
					return
				}
			}
		}
	})
	return count(out)
}

// FlatMapChunks is the same with slices of items on the channels.
func FlatMapChunks(n int, f func(int) iter.Seq[int]) work.Haul {
	var wg conc.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	in, out := newConduit[outcome](), newConduit[outcome]()
	wg.Go(func() { feedChunks(ctx, in, n) })
	wg.Go(func() { flatMapChunks(ctx, in, out, f) })
	return countChunks(out)
}

func flatMapChunks(ctx context.Context, in, out *conduit[outcome], f func(int) iter.Seq[int]) {
	defer close(out.full)
	made, ok := out.take(), true
	emit := func(o outcome) bool {
		if made = append(made, o); out.due(made) {
			made, ok = out.send(ctx, made)
		}
		return ok
	}
	for vs := range in.full {
		for _, o := range vs {
			if o.err != nil {
				emit(o)
				continue
			}
			for v := range f(o.value) {
				if !emit(outcome{value: v}) {
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
