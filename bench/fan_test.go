package bench

import (
	"testing"

	"github.com/destel/rill"
	gostreams "github.com/reugn/go-streams/flow"

	"github.com/weir-go/weir/flow"
)

// ways is how many branches the benchmarks with branches have.
const ways = 4

// BenchmarkFanOutFanIn asks what it costs to spread a stream over four branches
// of one stage each, and to bring them together again. By hand that is four
// goroutines that receive from one channel and send to another.
func BenchmarkFanOutFanIn(b *testing.B) { fanOutFanIn().compare(b) }

func fanOutFanIn() question {
	return question{name: "FanOutFanIn", adds: 1, free: true, impls: append(
		weir(func(s *flow.Stream[int]) *flow.Stream[int] {
			branches := s.Balance(ways)
			for i := range branches {
				branches[i] = branches[i].Map(string(rune('a'+i)), increment)
			}
			return branches[0].Merge(branches[1:]...)
		}),
		implementation{name: "channels", run: func(n int) haul { return byHandFree(n, ways, increment) }},
		implementation{name: "rill", run: func(n int) haul { return rillFan(n) }},
		implementation{name: "gostreams", run: func(n int) haul { return gostreamsFan(n) }},
	)}
}

// rillFan is what rill offers in place of branches.
func rillFan(n int) haul {
	return rillEnd(rill.Map(rill.FromSeq(naturals(n), nil), ways, bind(increment)))
}

func gostreamsFan(n int) haul {
	branches := gostreams.RoundRobin(gostreamsSource(n), ways)
	for i := range branches {
		branches[i] = branches[i].Via(gostreams.NewMap(noError, 1))
	}
	return gostreamsEnd(gostreams.Merge(branches...))
}
