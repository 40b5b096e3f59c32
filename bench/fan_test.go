package bench

import (
	"context"
	"testing"

	"github.com/destel/rill"
	gostreams "github.com/reugn/go-streams/flow"
	"github.com/sourcegraph/conc"

	"github.com/weir-go/weir/flow"
)

// ways is how many branches the benchmarks with branches have.
const ways = 4

// BenchmarkFanOutFanIn asks what it costs to spread a stream over four branches
// of one stage each, and to bring them together again. By hand there are two
// ways: four goroutines that share a channel, which is what one writes as long
// as the branches are alike, and branches, which take other shapes, too.
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
		implementation{name: "channels-branches", run: func(n int) haul { return byHandBranches(n, ways, increment) }},
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

// byHandBranches deals items to a channel for each branch, in turns.
func byHandBranches(n, branches int, f step) (h haul) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	in, out := make(chan outcome, depth), make(chan outcome, depth)
	var source, stages conc.WaitGroup
	source.Go(func() { feed(ctx, in, n) })
	defer source.Wait()
	var lanes []chan outcome
	for range branches {
		lane := make(chan outcome, depth)
		lanes = append(lanes, lane)
		stages.Go(func() { stage(ctx, lane, out, f) })
	}
	source.Go(func() {
		deal := 0
		for o := range in {
			select {
			case lanes[deal%branches] <- o:
			case <-ctx.Done():
			}
			deal++
		}
		for _, lane := range lanes {
			close(lane)
		}
		stages.Wait()
		close(out)
	})
	for o := range out {
		if o.err == nil {
			h.add(o.value)
		}
	}
	return h
}
