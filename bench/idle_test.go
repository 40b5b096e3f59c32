package bench

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/bench/internal/byhand"
	"github.com/weir-go/weir/bench/internal/meter"
	"github.com/weir-go/weir/bench/internal/weir"
	"github.com/weir-go/weir/bench/internal/work"
)

// BenchmarkIdle asks what a flow holds while nothing comes: bytes of heap and of
// stacks, and goroutines. own-B and own-goroutines are what it holds beyond a
// flow of a source and a sink alone. seen is how many items have been through
// it. An operation starts 100 flows and ends them.
func BenchmarkIdle(b *testing.B) {
	for _, h := range holders() {
		for _, seen := range []int{0, 1000} {
			b.Run(fmt.Sprintf("flow=%s/seen=%d/impl=%s", h.flow, seen, h.impl), func(b *testing.B) {
				var own, bare footprint
				for range b.N {
					bare = bare.plus(holds(b, holders()[0], seen))
					own = own.plus(holds(b, h, seen))
				}
				flows := float64(b.N * idleFlows)
				b.ReportMetric(own.bytes/flows, "idle-B")
				b.ReportMetric(own.goroutines/flows, "idle-goroutines")
				b.ReportMetric((own.bytes-bare.bytes)/flows, "own-B")
				b.ReportMetric((own.goroutines-bare.goroutines)/flows, "own-goroutines")
			})
		}
	}
}

// idleFlows is how many flows are held at a time.
const idleFlows = 100

// holder is a way to hold a flow.
type holder struct {
	flow, impl string
	start      func(in <-chan int, sink func(int)) (wait func(), err error)
	adds       int
}

// holders begin with weir's flow without stages.
func holders() []holder {
	const workers = 16
	f := work.Increment
	of := func(build weir.Build) func(<-chan int, func(int)) (func(), error) {
		return func(in <-chan int, sink func(int)) (func(), error) { return weir.Hold(in, build, sink) }
	}
	return []holder{
		{"bare", "weir", of(weir.Bare), 0},
		{"map", "weir", of(weir.Row(1, f)), 1},
		{"workers", "weir", of(weir.Workers(workers, f)), 1},
		{"section", "weir", of(weir.Section(workers, f, backOff)), 1},
		{"section", "hand", func(in <-chan int, sink func(int)) (func(), error) {
			return byhand.Hold(in, workers, byhand.Call(f, backOff), sink), nil
		}, 1},
	}
}

// footprint is what some flows hold.
type footprint struct{ bytes, goroutines float64 }

func (f footprint) plus(g footprint) footprint {
	return footprint{f.bytes + g.bytes, f.goroutines + g.goroutines}
}

// holds starts flows, sends some items through each and looks when they idle.
func holds(tb testing.TB, h holder, seen int) footprint {
	bytes, goroutines := float64(meter.Memory()), float64(runtime.NumGoroutine())
	var sums, arrived atomic.Int64
	sink := func(v int) {
		sums.Add(int64(v))
		arrived.Add(1)
	}
	var ins []chan int
	var waits []func()
	for range idleFlows {
		in := make(chan int)
		wait, err := h.start(in, sink)
		require.NoError(tb, err)
		ins, waits = append(ins, in), append(waits, wait)
	}
	for v := range seen {
		for _, in := range ins {
			in <- v
		}
	}
	for arrived.Load() < int64(seen*idleFlows) {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(20 * time.Millisecond) // until all have gone to sleep
	f := footprint{float64(meter.Memory()) - bytes, float64(runtime.NumGoroutine()) - goroutines}
	for i, in := range ins {
		close(in)
		waits[i]()
	}
	require.EqualValues(tb, idleFlows*(seen*(seen-1)/2+h.adds*seen), sums.Load())
	return f
}

// TestHeldFlowsWork is for BenchmarkIdle what TestImplementationsDoTheWork is
// for the others.
func TestHeldFlowsWork(t *testing.T) {
	for _, h := range holders() {
		f := holds(t, h, 30)
		require.Positive(t, f.bytes, h)
		require.GreaterOrEqual(t, f.goroutines, float64(idleFlows))
	}
}
