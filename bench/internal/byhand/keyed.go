package byhand

import (
	"context"

	"github.com/sourcegraph/conc"

	"github.com/weir-go/weir/bench/internal/work"
)

// Keyed is one stage of several workers. Each key has one of them for all of
// its items, so that these keep their order. A slow item delays all keys of its
// worker.
func Keyed(n, workers int, f work.Step, key func(int) int, sink func(int)) {
	var source, crew conc.WaitGroup
	defer source.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	out := make(chan outcome, depth)
	lanes := make([]chan outcome, workers)
	for i := range lanes {
		lanes[i] = make(chan outcome, depth)
		crew.Go(func() { stage(ctx, lanes[i], out, f) })
	}
	source.Go(func() {
		for v := range work.Naturals(n) {
			if !send(ctx, lanes[laneOf(key(v), workers)], outcome{value: v}) {
				break
			}
		}
		for _, lane := range lanes {
			close(lane)
		}
		crew.Wait()
		close(out)
	})
	for o := range out {
		if o.err == nil {
			sink(o.value)
		}
	}
}

// KeyedChunks is the same with slices of items on the channels.
func KeyedChunks(n, workers int, f work.Step, key func(int) int, sink func(int)) {
	var source, crew conc.WaitGroup
	defer source.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	out := newConduit[outcome]()
	lanes := make([]*conduit[outcome], workers)
	for i := range lanes {
		lanes[i] = newConduit[outcome]()
		crew.Go(func() { keyedChunks(ctx, lanes[i], out, f) })
	}
	source.Go(func() {
		dealChunks(ctx, n, lanes, key)
		crew.Wait()
		close(out.full)
	})
	for vs := range out.full {
		for _, o := range vs {
			if o.err == nil {
				sink(o.value)
			}
		}
		out.recycle(vs)
	}
}

// dealChunks gives each item to the worker of its key.
func dealChunks(ctx context.Context, n int, lanes []*conduit[outcome], key func(int) int) {
	open := make([][]outcome, len(lanes))
	for i, lane := range lanes {
		defer close(lane.full)
		open[i] = lane.take()
	}
	ok := true
	for v := range work.Naturals(n) {
		i := laneOf(key(v), len(lanes))
		if open[i] = append(open[i], outcome{value: v}); lanes[i].due(open[i]) {
			if open[i], ok = lanes[i].send(ctx, open[i]); !ok {
				return
			}
		}
	}
	for i, lane := range lanes {
		lane.send(ctx, open[i])
	}
}

// keyedChunks is a worker, which shares its way out.
func keyedChunks(ctx context.Context, in, out *conduit[outcome], f work.Step) {
	for vs := range in.full {
		for i := range vs {
			if o := &vs[i]; o.err == nil {
				o.value, o.err = f(ctx, o.value)
			}
		}
		if !send(ctx, out.full, vs) {
			return
		}
		select {
		case in.used <- out.take():
		default:
		}
	}
}

// laneOf spreads the keys, so that neighbours do not share a worker.
func laneOf(key, workers int) int {
	return int(uint64(key) * 0x9E3779B97F4A7C15 >> 32 % uint64(workers))
}
