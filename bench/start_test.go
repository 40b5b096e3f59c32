package bench

import (
	"testing"

	"github.com/weir-go/weir/bench/internal/byhand"
	"github.com/weir-go/weir/bench/internal/peers"
	"github.com/weir-go/weir/bench/internal/weir"
	"github.com/weir-go/weir/bench/internal/work"
)

// BenchmarkStart asks what it costs to build, to run and to end a flow of one
// item, as for one request. flow=map is one stage of 4 workers, flow=row three
// stages in a row, and flow=section 4 workers inside four layers: by hand a
// pool of 4 goroutines, and the layers, which are made anew, too.
func BenchmarkStart(b *testing.B) {
	for _, q := range starts() {
		b.Run("flow="+q.name, q.compare)
	}
}

// starts are flows of one item, n of them one after another.
func starts() []question {
	const workers, stages = 4, 3
	f := work.Increment
	return []question{
		{name: "map", adds: 1, impls: oneByOne(append(weirs(weir.Workers(workers, f)),
			implementation{name: "channels", run: func(n int) work.Haul { return byhand.Ordered(n, workers, f) }},
			implementation{name: "rill", run: func(n int) work.Haul { return peers.RillOrdered(n, workers, f) }},
			implementation{name: "conc", run: func(n int) work.Haul { return peers.ConcOrdered(n, workers, f) }},
			implementation{name: "errgroup", run: func(n int) work.Haul { return peers.Errgroup(n, workers, f) }},
		))},
		{name: "row", adds: stages, impls: oneByOne(append(weirs(weir.Row(stages, f)),
			implementation{name: "channels", run: func(n int) work.Haul { return byhand.Row(n, stages, f) }},
			implementation{name: "rill", run: func(n int) work.Haul { return peers.RillRow(n, stages, f) }},
		))},
		{name: "section", adds: 1, impls: oneByOne(append(weirs(weir.Section(workers, f, backOff)),
			implementation{name: "hand", run: func(n int) work.Haul {
				return byhand.Free(n, workers, byhand.Call(f, backOff))
			}},
		))},
	}
}

// oneByOne has each implementation start a flow for every item.
func oneByOne(impls []implementation) []implementation {
	for i, impl := range impls {
		impls[i].run = func(n int) (all work.Haul) {
			for at := range n {
				h := impl.run(1)
				all.Count += h.Count
				all.Sum += h.Sum + at*h.Count
			}
			return all
		}
	}
	return impls
}
