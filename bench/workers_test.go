package bench

import (
	"testing"

	"github.com/weir-go/weir/bench/internal/byhand"
	"github.com/weir-go/weir/bench/internal/peers"
	"github.com/weir-go/weir/bench/internal/weir"
	"github.com/weir-go/weir/bench/internal/work"
)

// crew is how many workers the benchmarks with several have, unless they say.
const crew = 8

// BenchmarkWorkers asks what several workers cost, and whether they are kept at
// work. Implementations named -free do not keep the order. impl=slots16 gives
// workers 16 items at a time, impl=slots1 one. impl=ideal is as many goroutines
// that do nothing but call.
func BenchmarkWorkers(b *testing.B) {
	for _, w := range []string{"noop", "100ns", "1us", "1ms"} {
		b.Run("work="+w, workers(w).compare)
	}
}

// workers is one stage with a crew. A library that offers only one discipline
// answers only that: go-streams keeps no order with more than one worker.
func workers(step string) question {
	f := stepOf(step)
	by := func(crewed func(n, workers int, f work.Step) work.Haul) work.Run {
		return func(n int) work.Haul { return crewed(n, crew, f) }
	}
	slots := func(size int) work.Run {
		return func(n int) work.Haul { return byhand.Slots(n, crew, size, f) }
	}
	return question{name: "Workers", adds: 1, impls: append(weirs(weir.Workers(crew, f)),
		implementation{name: "weir-free", run: weir.Timed(weir.Free(crew, f)), free: true},
		implementation{name: "channels", run: by(byhand.Ordered)},
		implementation{name: "channels-free", run: by(byhand.Free), free: true},
		implementation{name: "slots1", run: slots(1)},
		implementation{name: "slots16", run: slots(16)},
		implementation{name: "ideal", run: by(byhand.Ideal), free: true},
		implementation{name: "rill", run: by(peers.RillOrdered)},
		implementation{name: "rill-free", run: by(peers.RillFree), free: true},
		implementation{name: "conc", run: by(peers.ConcOrdered)},
		implementation{name: "conc-free", run: by(peers.ConcFree), free: true},
		implementation{name: "gostreams-free", run: by(peers.GoStreamsFree), free: true},
		implementation{name: "errgroup", run: by(peers.Errgroup)},
	)}
}
