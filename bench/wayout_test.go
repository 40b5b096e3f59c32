package bench

import (
	"testing"

	"github.com/weir-go/weir/bench/internal/byhand"
	"github.com/weir-go/weir/bench/internal/peers"
	"github.com/weir-go/weir/bench/internal/weir"
	"github.com/weir-go/weir/bench/internal/work"
)

// BenchmarkResults asks what it costs to leave a stream of one stage by a loop.
func BenchmarkResults(b *testing.B) { results().compare(b) }

// BenchmarkChan asks what it costs to leave it by a channel.
func BenchmarkChan(b *testing.B) { channels().compare(b) }

func results() question {
	return question{name: "Results", adds: 1, impls: append([]implementation{
		{name: "weir", run: weir.Results(weir.Row(1, work.Increment))},
		{name: "weir-untimed", run: weir.ResultsUntimed(weir.Row(1, work.Increment))},
		{name: "rill", run: func(n int) work.Haul { return peers.RillResults(n, 1, work.Increment) }},
	}, waysOutByHand()...)}
}

func channels() question {
	return question{name: "Chan", adds: 1, impls: append([]implementation{
		{name: "weir", run: weir.Chan(weir.Row(1, work.Increment))},
		{name: "weir-untimed", run: weir.ChanUntimed(weir.Row(1, work.Increment))},
		{name: "rill", run: func(n int) work.Haul { return peers.RillChan(n, 1, work.Increment) }},
	}, waysOutByHand()...)}
}

// waysOutByHand end in a loop over a channel, of items or of slices of them.
func waysOutByHand() []implementation {
	return []implementation{
		{name: "channels", run: func(n int) work.Haul { return byhand.Row(n, 1, work.Increment) }},
		{name: "chunks", run: func(n int) work.Haul { return byhand.Chunks(n, 1, work.Increment) }},
	}
}
