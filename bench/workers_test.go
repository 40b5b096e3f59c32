package bench

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/destel/rill"
	gostreams "github.com/reugn/go-streams/flow"
	"github.com/sourcegraph/conc"
	"github.com/sourcegraph/conc/pool"
	"github.com/sourcegraph/conc/stream"

	"github.com/weir-go/weir/flow"
)

// crew is how many workers the benchmarks with several have.
const crew = 8

// BenchmarkWorkersNoop asks what several workers cost where there is next to
// nothing to do, with the order kept and without.
func BenchmarkWorkersNoop(b *testing.B) {
	b.Run("order=kept", workers(false, increment).compare)
	b.Run("order=free", workers(true, increment).compare)
}

// BenchmarkWorkersSleep asks whether the workers are kept at work when a call
// takes a millisecond. impl=ideal is as many goroutines that do nothing but
// call.
func BenchmarkWorkersSleep(b *testing.B) {
	for _, name := range []string{"order=kept", "order=free"} {
		b.Run(name, func(b *testing.B) {
			q := workers(name == "order=free", nap)
			q.impls = append(q.impls, implementation{name: "ideal", run: func(n int) haul { return ideal(n, nap) }})
			q.free = true // of the ideal
			q.compare(b)
		})
	}
}

// nap is a call that takes a millisecond.
func nap(ctx context.Context, v int) (int, error) {
	time.Sleep(time.Millisecond)
	return increment(ctx, v)
}

// workers is one stage with a crew. Those that offer only one discipline answer
// only that: go-streams keeps no order with more than one worker.
func workers(free bool, f step) question {
	opts := []flow.Option{flow.Workers(crew)}
	if free {
		opts = append(opts, flow.Unordered())
	}
	q := question{name: "Workers/kept", adds: 1, free: free}
	q.impls = weir(func(s *flow.Stream[int]) *flow.Stream[int] { return s.Map("work", f, opts...) })
	add := func(name string, run func(n int, f step) haul) {
		q.impls = append(q.impls, implementation{name: name, run: func(n int) haul { return run(n, f) }})
	}
	if free {
		q.name = "Workers/free"
		add("channels", func(n int, f step) haul { return byHandFree(n, crew, f) })
		add("rill", rillFree)
		add("conc", concFree)
		add("gostreams", gostreamsFree)
		return q
	}
	add("channels", func(n int, f step) haul { return byHandOrdered(n, crew, f) })
	add("rill", rillOrdered)
	add("conc", concOrdered)
	return q
}

func rillFree(n int, f step) haul {
	return rillEnd(rill.Map(rill.FromSeq(naturals(n), nil), crew, bind(f)))
}

func rillOrdered(n int, f step) haul {
	return rillEnd(rill.OrderedMap(rill.FromSeq(naturals(n), nil), crew, bind(f)))
}

func bind(f step) func(int) (int, error) {
	return func(v int) (int, error) { return f(context.Background(), v) }
}

func gostreamsFree(n int, f step) haul {
	return gostreamsEnd(gostreamsSource(n).Via(gostreams.NewMap(func(v int) int {
		v, _ = f(context.Background(), v)
		return v
	}, crew)))
}

func concFree(n int, f step) (h haul) {
	var mu sync.Mutex
	p := pool.New().WithMaxGoroutines(crew).WithErrors().WithContext(context.Background())
	for i := range naturals(n) {
		p.Go(func(ctx context.Context) error {
			v, err := f(ctx, i)
			if err == nil {
				mu.Lock()
				h.add(v)
				mu.Unlock()
			}
			return err
		})
	}
	if p.Wait() != nil {
		return haul{count: -1}
	}
	return h
}

func concOrdered(n int, f step) (h haul) {
	s := stream.New().WithMaxGoroutines(crew)
	for i := range naturals(n) {
		s.Go(func() stream.Callback {
			v, err := f(context.Background(), i)
			return func() {
				if err == nil {
					h.add(v)
				}
			}
		})
	}
	s.Wait()
	return h
}

// ideal shares n calls among a crew that does nothing else.
func ideal(n int, f step) (h haul) {
	var next, sum atomic.Int64
	var wg conc.WaitGroup
	for range crew {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				v, _ := f(context.Background(), i)
				sum.Add(int64(v))
			}
		})
	}
	wg.Wait()
	return haul{count: n, sum: int(sum.Load())}
}
