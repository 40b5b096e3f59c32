package byhand

import (
	"context"
	"iter"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/weir-go/weir/bench/internal/work"
)

// window is the readings of a key in a span of time.
type window struct {
	start, end time.Time
	items      []work.Reading
}

// Window groups readings by key into windows of their own time. A reading that
// comes after its window has left is dropped.
func Window(n int) work.Haul {
	return windows(func(ctx context.Context, wg *conc.WaitGroup, ws *windower) {
		in := make(chan work.Reading, depth)
		wg.Go(func() {
			defer close(in)
			for r := range work.Readings(n) {
				if !send(ctx, in, r) {
					return
				}
			}
		})
		wg.Go(func() { ws.run(ctx, received(in)) })
	})
}

// WindowChunks is the same with slices of readings on the channel from the source.
func WindowChunks(n int) work.Haul {
	return windows(func(ctx context.Context, wg *conc.WaitGroup, ws *windower) {
		in := newConduit[work.Reading]()
		wg.Go(func() { readChunks(ctx, in, n) })
		wg.Go(func() { ws.run(ctx, in.received()) })
	})
}

func readChunks(ctx context.Context, out *conduit[work.Reading], n int) {
	defer close(out.full)
	made, ok := out.take(), true
	for r := range work.Readings(n) {
		if made = append(made, r); out.due(made) {
			if made, ok = out.send(ctx, made); !ok {
				return
			}
		}
	}
	out.send(ctx, made)
}

// windows starts a source and a windower, and is the sink.
func windows(start func(context.Context, *conc.WaitGroup, *windower)) (h work.Haul) {
	var wg conc.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	out := make(chan window, depth)
	start(ctx, &wg, &windower{open: map[int][]work.Reading{}, out: out})
	for w := range out {
		h.AddReadings(w.items)
	}
	return h
}

// received yields what comes by a channel.
func received[T any](in <-chan T) iter.Seq[T] {
	return func(yield func(T) bool) {
		for v := range in {
			if !yield(v) {
				return
			}
		}
	}
}

// received yields the items of the slices.
func (c *conduit[T]) received() iter.Seq[T] {
	return func(yield func(T) bool) {
		for vs := range c.full {
			for _, v := range vs {
				if !yield(v) {
					return
				}
			}
			c.recycle(vs)
		}
	}
}

// windower keeps the open window of each key. All begin at the same time.
type windower struct {
	open  map[int][]work.Reading
	start time.Time
	out   chan<- window
}

func (ws *windower) run(ctx context.Context, in iter.Seq[work.Reading]) {
	defer close(ws.out)
	for r := range in {
		switch start := r.At.Truncate(work.Size); {
		case start.After(ws.start):
			if !ws.flush(ctx) {
				return
			}
			ws.start = start
		case start.Before(ws.start):
			continue
		}
		ws.open[r.Key] = append(ws.open[r.Key], r)
	}
	ws.flush(ctx)
}

// flush sends all windows.
func (ws *windower) flush(ctx context.Context) bool {
	for _, items := range ws.open {
		if !send(ctx, ws.out, window{ws.start, ws.start.Add(work.Size), items}) {
			return false
		}
	}
	clear(ws.open)
	return true
}
