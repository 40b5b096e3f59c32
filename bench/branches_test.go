package bench

import (
	"testing"

	"github.com/weir-go/weir/bench/internal/byhand"
	"github.com/weir-go/weir/bench/internal/peers"
	"github.com/weir-go/weir/bench/internal/weir"
	"github.com/weir-go/weir/bench/internal/work"
)

// ways is how many branches there are.
const ways = 4

// BenchmarkFanOutFanIn asks what it costs to spread a stream over four branches
// of one stage each, and to bring them together again. By hand there are two
// ways: four goroutines that share a channel, which is enough if the branches
// are alike, and branches, which may differ. rill offers the first.
func BenchmarkFanOutFanIn(b *testing.B) { branches().compare(b) }

func branches() question {
	by := func(fan func(n, branches int, f work.Step) work.Haul) work.Run {
		return func(n int) work.Haul { return fan(n, ways, work.Increment) }
	}
	return question{name: "FanOutFanIn", adds: 1, free: true, impls: append(
		weirs(weir.Branches(ways, work.Increment)),
		implementation{name: "channels", run: by(byhand.Free)},
		implementation{name: "channels-branches", run: by(byhand.Branches)},
		implementation{name: "rill", run: by(peers.RillFree)},
		implementation{name: "gostreams", run: by(peers.GoStreamsBranches)},
	)}
}
