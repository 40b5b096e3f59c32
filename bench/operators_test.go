package bench

import (
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/bench/internal/byhand"
	"github.com/weir-go/weir/bench/internal/peers"
	"github.com/weir-go/weir/bench/internal/weir"
	"github.com/weir-go/weir/bench/internal/work"
)

// BenchmarkOperators asks what an operator costs an item that comes out of it.
// impl=channels is by hand, one item per channel operation, and impl=chunks by
// hand with slices of items.
func BenchmarkOperators(b *testing.B) {
	for _, q := range operators() {
		b.Run("op="+q.name, q.compare)
	}
}

func operators() []question {
	return []question{batches(), windows(), joins(), zips(), flatMaps(), lanes(), own()}
}

const (
	batchSize = 100
	never     = time.Minute // longer than any run
)

// batches puts items into slices of 100, of which none is late.
func batches() question {
	by := func(batch func(n, size int, delay time.Duration) work.Haul) work.Run {
		return func(n int) work.Haul { return batch(n, batchSize, never) }
	}
	groups := func(n int) int { return (n + batchSize - 1) / batchSize }
	return question{name: "batch", groups: groups, impls: []implementation{
		{name: "weir", run: weir.Batch(batchSize, never)},
		{name: "weir-untimed", run: weir.BatchUntimed(batchSize, never)},
		{name: "channels", run: by(byhand.Batch)},
		{name: "chunks", run: by(byhand.BatchChunks)},
		{name: "loop", run: func(n int) work.Haul { return byhand.LoopBatch(n, batchSize) }},
		{name: "rill", run: by(peers.RillBatch)},
		{name: "gostreams", run: by(peers.GoStreamsBatch)},
		{name: "ro", run: by(peers.RoBatch)},
	}}
}

// windows groups items by 100 keys and their own time, 10 to a window.
func windows() question {
	groups := func(n int) int {
		return n/work.PerWindow*work.Keys + min(n%work.PerWindow, work.Keys)
	}
	return question{name: "window", free: true, groups: groups, impls: []implementation{
		{name: "weir", run: weir.Window},
		{name: "weir-untimed", run: weir.WindowUntimed},
		{name: "channels", run: byhand.Window},
		{name: "chunks", run: byhand.WindowChunks},
	}}
}

// mean joins two numbers that are the same.
func mean(a, b int) int { return (a + b) / 2 }

// joins joins two sources one to one by key. They run at their own pace, so a
// long one is cut: no source can be so far ahead that a join lets go of what
// would have had a mate.
func joins() question {
	cut := func(join func(n int) work.Haul) work.Run {
		return func(n int) (all work.Haul) {
			for at := 0; at < n; at += weir.MaxJoin {
				part := min(n-at, weir.MaxJoin)
				h := join(part)
				all.Count += h.Count
				all.Sum += h.Sum + at*h.Count
			}
			return all
		}
	}
	return question{name: "join", free: true, impls: []implementation{
		{name: "weir", run: cut(func(n int) work.Haul { return weir.Join(n, never, mean) })},
		{name: "channels", run: cut(func(n int) work.Haul { return byhand.Join(n, weir.MaxJoin, never, mean) })},
		{name: "chunks", run: cut(func(n int) work.Haul { return byhand.JoinChunks(n, weir.MaxJoin, never, mean) })},
	}}
}

// zips joins two sources by the order of their items.
func zips() question {
	return question{name: "zip", impls: []implementation{
		{name: "weir", run: func(n int) work.Haul { return weir.Zip(n, mean) }},
		{name: "channels", run: func(n int) work.Haul { return byhand.Zip(n, mean) }},
		{name: "chunks", run: func(n int) work.Haul { return byhand.ZipChunks(n, mean) }},
	}}
}

// flatMaps makes ten items of each.
func flatMaps() question {
	const each = 10
	by := func(flatMap func(n int, f func(int) iter.Seq[int]) work.Haul) work.Run {
		return func(n int) work.Haul {
			return flatMap((n+each-1)/each, func(v int) iter.Seq[int] {
				return func(yield func(int) bool) {
					for i := v * each; i < min(v*each+each, n); i++ {
						if !yield(i) {
							return
						}
					}
				}
			})
		}
	}
	return question{name: "flatmap", impls: []implementation{
		{name: "weir", run: by(weir.FlatMap)},
		{name: "channels", run: by(byhand.FlatMap)},
		{name: "chunks", run: by(byhand.FlatMapChunks)},
		{name: "rill", run: by(peers.RillFlatMap)},
	}}
}

// lane is a way to have a crew work on keyed items.
type lane struct {
	name string
	run  func(n int, sink func(int))
}

func keyOf(v int) int { return v % work.Keys }

func laneWays() []lane {
	return []lane{
		{"weir", func(n int, sink func(int)) { weir.Lanes(n, crew, work.Increment, keyOf, sink) }},
		{"channels", func(n int, sink func(int)) { byhand.Keyed(n, crew, work.Increment, keyOf, sink) }},
		{"chunks", func(n int, sink func(int)) { byhand.KeyedChunks(n, crew, work.Increment, keyOf, sink) }},
	}
}

// lanes has a crew work on 100 keys, whose items keep their order.
func lanes() question {
	q := question{name: "lanes", adds: 1, free: true}
	for _, l := range laneWays() {
		q.impls = append(q.impls, implementation{name: l.name, run: func(n int) (h work.Haul) {
			l.run(n, h.Add)
			return h
		}})
	}
	return q
}

// own is a stage that a user has written, which takes up to 64 items at a time, or one.
func own() question {
	impls := weirs(weir.OwnInGroups)
	for _, one := range weirs(weir.Own) {
		one.name += "-one"
		impls = append(impls, one)
	}
	by := func(row func(n, stages int, f work.Step) work.Haul) work.Run {
		return func(n int) work.Haul { return row(n, 1, work.Increment) }
	}
	return question{name: "own", adds: 1, impls: append(impls,
		implementation{name: "channels", run: by(byhand.Row)},
		implementation{name: "chunks", run: by(byhand.Chunks)},
	)}
}

func TestLanesKeepTheOrderOfAKey(t *testing.T) {
	for _, l := range laneWays() {
		var last [work.Keys]int
		overtaken := 0
		l.run(20_000, func(v int) {
			key := keyOf(v - 1)
			if v < last[key] {
				overtaken++
			}
			last[key] = v
		})
		require.Zero(t, overtaken, l.name)
	}
}
