package bench

import (
	"context"
	"testing"
	"time"

	"github.com/destel/rill"
	gostreams "github.com/reugn/go-streams/flow"
	"github.com/samber/ro"
	"github.com/sourcegraph/conc"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
)

const (
	batchSize  = 100
	batchDelay = time.Second // never comes
)

// BenchmarkBatch asks what it costs an item to be put into a slice of 100, of
// which none is late.
func BenchmarkBatch(b *testing.B) { batches().compare(b) }

func batches() question {
	return question{name: "Batch", impls: []implementation{
		{name: "weir", run: func(n int) haul { return weirBatch(n) }},
		{name: "weir-untimed", run: func(n int) haul { return weirBatch(n, flow.Untimed()) }},
		{name: "channels", run: byHandBatch},
		{name: "loop", run: loopBatch},
		{name: "rill", run: rillBatch},
		{name: "gostreams", run: gostreamsBatch},
		{name: "ro", run: roBatch},
	}}
}

func (h *haul) addAll(vs []int) {
	for _, v := range vs {
		h.add(v)
	}
}

func weirBatch(n int, opts ...flow.RunOption) (h haul) {
	_, err := flow.From(stages.Seq(naturals(n))).Batch(batchSize, batchDelay).
		ForEach(context.Background(), func(_ context.Context, vs []int) error {
			h.addAll(vs)
			return nil
		}, opts...)
	if err != nil {
		return haul{count: -1}
	}
	return h
}

func rillBatch(n int) (h haul) {
	s := rill.Batch(rill.FromSeq(naturals(n), nil), batchSize, batchDelay)
	if err := rill.ForEach(s, 1, func(vs []int) error { h.addAll(vs); return nil }); err != nil {
		return haul{count: -1}
	}
	return h
}

func gostreamsBatch(n int) (h haul) {
	for vs := range gostreamsSource(n).Via(gostreams.NewBatch[int](batchSize, batchDelay)).Out() {
		h.addAll(vs.([]int))
	}
	return h
}

func roBatch(n int) (h haul) {
	s := ro.BufferWithTimeOrCount[int](batchSize, batchDelay)(roSource(n))
	s.Subscribe(ro.OnNext(h.addAll)).Wait()
	return h
}

func loopBatch(n int) (h haul) {
	batch := make([]int, 0, batchSize)
	for v := range naturals(n) {
		if batch = append(batch, v); len(batch) == batchSize {
			h.addAll(batch)
			batch = make([]int, 0, batchSize)
		}
	}
	h.addAll(batch)
	return h
}

// byHandBatch is a source, a batcher with its timer, and a sink.
func byHandBatch(n int) (h haul) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	in, out := make(chan outcome, depth), make(chan []int, 1)
	var wg conc.WaitGroup
	defer wg.Wait()
	wg.Go(func() { feed(ctx, in, n) })
	wg.Go(func() { batch(ctx, in, out) })
	for vs := range out {
		h.addAll(vs)
	}
	return h
}

func batch(ctx context.Context, in <-chan outcome, out chan<- []int) {
	defer close(out)
	var vs []int
	timer := time.NewTimer(batchDelay)
	defer timer.Stop()
	flush := func() {
		timer.Stop()
		if len(vs) == 0 {
			return
		}
		select {
		case out <- vs:
		case <-ctx.Done():
		}
		vs = nil
	}
	for {
		select {
		case o, ok := <-in:
			if !ok {
				flush()
				return
			}
			if len(vs) == 0 {
				vs = make([]int, 0, batchSize)
				timer.Reset(batchDelay)
			}
			if vs = append(vs, o.value); len(vs) == batchSize {
				flush()
			}
		case <-timer.C:
			flush()
		case <-ctx.Done():
			return
		}
	}
}
