package byhand

import (
	"context"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/weir-go/weir/bench/internal/work"
)

// Batch puts items into slices of so many, none of which waits longer than
// delay for its last item.
func Batch(n, size int, delay time.Duration) work.Haul {
	return batches(n, size, delay, func(ctx context.Context, wg *conc.WaitGroup, b *batcher) {
		in := make(chan outcome, depth)
		wg.Go(func() { feed(ctx, in, n) })
		wg.Go(func() { collect(ctx, b, in, func(o outcome) bool { return b.add(ctx, o) }) })
	})
}

// BatchChunks is the same with slices of items on the channel from the source.
func BatchChunks(n, size int, delay time.Duration) work.Haul {
	return batches(n, size, delay, func(ctx context.Context, wg *conc.WaitGroup, b *batcher) {
		in := newConduit[outcome]()
		wg.Go(func() { feedChunks(ctx, in, n) })
		wg.Go(func() {
			collect(ctx, b, in.full, func(vs []outcome) bool {
				for _, o := range vs {
					if !b.add(ctx, o) {
						return false
					}
				}
				in.recycle(vs)
				return true
			})
		})
	})
}

// batches starts a source and a batcher, and is the sink.
func batches(n, size int, delay time.Duration, start func(context.Context, *conc.WaitGroup, *batcher)) (h work.Haul) {
	var wg conc.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	out := make(chan []int, 2)
	start(ctx, &wg, &batcher{size: size, delay: delay, timer: time.NewTimer(delay), out: out})
	for vs := range out {
		h.AddAll(vs)
	}
	return h
}

// LoopBatch is the floor.
func LoopBatch(n, size int) (h work.Haul) {
	batch := make([]int, 0, size)
	for v := range work.Naturals(n) {
		if batch = append(batch, v); len(batch) == size {
			h.AddAll(batch)
			batch = make([]int, 0, size)
		}
	}
	if len(batch) > 0 {
		h.AddAll(batch)
	}
	return h
}

// batcher fills one slice after another.
type batcher struct {
	size  int
	delay time.Duration
	timer *time.Timer // runs while there is an open slice
	out   chan<- []int
	open  []int
}

// collect has add take what comes until in is closed or the context ends.
func collect[T any](ctx context.Context, b *batcher, in <-chan T, add func(T) bool) {
	defer close(b.out)
	b.timer.Stop()
	defer b.timer.Stop()
	for {
		select {
		case v, ok := <-in:
			if !ok {
				b.flush(ctx)
				return
			}
			if !add(v) {
				return
			}
		case <-b.timer.C:
			if !b.flush(ctx) {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// add reports false if the context has ended.
func (b *batcher) add(ctx context.Context, o outcome) bool {
	if o.err != nil {
		return true
	}
	if len(b.open) == 0 {
		b.open = make([]int, 0, b.size) // the receiver owns the last one
		b.timer.Reset(b.delay)
	}
	b.open = append(b.open, o.value)
	return len(b.open) < b.size || b.flush(ctx)
}

func (b *batcher) flush(ctx context.Context) bool {
	b.timer.Stop()
	if len(b.open) == 0 {
		return true
	}
	vs := b.open
	b.open = nil
	return send(ctx, b.out, vs)
}
