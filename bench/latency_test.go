package bench

import (
	"slices"
	"testing"
	"time"

	"github.com/weir-go/weir/bench/internal/byhand"
	"github.com/weir-go/weir/bench/internal/meter"
	"github.com/weir-go/weir/bench/internal/peers"
	"github.com/weir-go/weir/bench/internal/weir"
	"github.com/weir-go/weir/bench/internal/work"
)

// BenchmarkLatency asks how long an item takes through three stages that do
// next to nothing when one comes every millisecond: whether anything waits for
// company. The figures are the median, the 99th percentile and the worst; and
// each divided by that of impl=channels. A latency is mostly what the machine
// takes to wake up a sleeper, which differs by a factor from one minute to the
// next: so the two take turns, four times a second, and meet the same machine.
func BenchmarkLatency(b *testing.B) {
	for _, impl := range travellers() {
		b.Run("impl="+impl.name, func(b *testing.B) {
			own, hand, cpu := inTurns(b.N, impl.run, byhand.Journey)
			if len(own) != b.N || len(hand) != b.N {
				b.Fatalf("%d and %d of %d items came out", len(own), len(hand), b.N)
			}
			b.ReportMetric(0, "ns/op") // it would only say that a millisecond is one
			b.ReportMetric(float64(cpu)/float64(b.N), "cpu-ns/op")
			for _, q := range []struct {
				name string
				part float64
			}{{"p50", 0.50}, {"p99", 0.99}, {"worst", 1}} {
				b.ReportMetric(own.Quantile(q.part), q.name+"-ns")
				b.ReportMetric(own.Quantile(q.part)/hand.Quantile(q.part), q.name+"/channels")
			}
		})
	}
}

// row is how many stages there are.
const row = 3

// leg is how many items travel before the other takes its turn: enough that the
// first, for which everything is cold, is none of the 99th percentile.
const leg = 250

// inTurns runs n items through each of two, a leg of the one after a leg of the
// other. It returns the latencies, sorted, and the processor time of the first.
func inTurns(n int, first, second func(n, stages int) work.Journeys) (one, other work.Journeys, cpu time.Duration) {
	for left := n; left > 0; left -= leg {
		part := min(left, leg)
		begin := meter.CPU()
		one = append(one, first(part, row)...)
		cpu += meter.CPU() - begin
		other = append(other, second(part, row)...)
	}
	one.Sort()
	other.Sort()
	return one, other, cpu
}

type traveller struct {
	name string
	run  func(n, stages int) work.Journeys
}

func travellers() []traveller {
	return []traveller{
		{"weir", weir.Journey},
		{"weir-untimed", weir.JourneyUntimed},
		{"channels", byhand.Journey},
		{"loop", byhand.LoopJourney},
		{"rill", peers.RillJourney},
		{"gostreams", peers.GoStreamsJourney},
		{"ro", peers.RoJourney},
	}
}

// TestTravellersArrive is for BenchmarkLatency what
// TestImplementationsDoTheWork is for the others. Real time: not all peers work
// in a bubble.
func TestTravellersArrive(t *testing.T) {
	for _, impl := range travellers() {
		if j := impl.run(20, row); len(j) != 20 || slices.Min(j) <= 0 {
			t.Errorf("%s: %v", impl.name, j)
		}
	}
}
