package bench

import (
	"context"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/destel/rill"
	"github.com/reugn/go-streams/extension"
	gostreams "github.com/reugn/go-streams/flow"
	"github.com/samber/ro"
	"github.com/sourcegraph/conc"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
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
			own, hand := inTurns(b, impl.run, byHandJourney)
			if len(own) != b.N || len(hand) != b.N {
				b.Fatalf("%d and %d of %d items came out", len(own), len(hand), b.N)
			}
			b.ReportMetric(0, "ns/op") // it would only say that a millisecond is one
			for _, q := range []struct {
				name string
				part float64
			}{{"p50", 0.50}, {"p99", 0.99}, {"worst", 1}} {
				b.ReportMetric(own.quantile(q.part), q.name+"-ns")
				b.ReportMetric(own.quantile(q.part)/hand.quantile(q.part), q.name+"/channels")
			}
		})
	}
}

// leg is how many items travel before it is the other's turn: enough that the
// first, for which everything is cold, is none of the 99th percentile.
const leg = 250

// inTurns runs b.N items through each of two, a leg of the one after a leg of
// the other, and returns the latencies, sorted. Only the first is timed.
func inTurns(b *testing.B, first, second func(n int) journeys) (one, other journeys) {
	for left := b.N; left > 0; left -= leg {
		n := min(left, leg)
		one = append(one, first(n)...)
		b.StopTimer()
		other = append(other, second(n)...)
		b.StartTimer()
	}
	slices.Sort(one)
	slices.Sort(other)
	return one, other
}

// TestTravellersArrive is for BenchmarkLatency what
// TestImplementationsDoTheWork is for the others. Real time: not all peers work
// in a bubble.
func TestTravellersArrive(t *testing.T) {
	for _, impl := range travellers() {
		if j := impl.run(20); len(j) != 20 || slices.Min(j) <= 0 {
			t.Errorf("%s: %v", impl.name, j)
		}
	}
}

// journeys are the latencies of the items that arrived.
type journeys []time.Duration

// quantile returns the latency that the part q of all did not exceed. The
// journeys are sorted.
func (j journeys) quantile(q float64) float64 {
	return float64(j[min(int(q*float64(len(j))), len(j)-1)])
}

// arrive is what every implementation's sink does.
func (j *journeys) arrive(left time.Time) { *j = append(*j, time.Since(left)) }

// departures yields the time, once a millisecond.
func departures(n int) iter.Seq[time.Time] {
	return func(yield func(time.Time) bool) {
		due := time.Now()
		for range n {
			due = due.Add(time.Millisecond)
			time.Sleep(time.Until(due))
			if !yield(time.Now()) {
				return
			}
		}
	}
}

type traveller struct {
	name string
	run  func(n int) journeys
}

func travellers() []traveller {
	return []traveller{
		{"weir", func(n int) journeys { return weirJourney(n) }},
		{"weir-untimed", func(n int) journeys { return weirJourney(n, flow.Untimed()) }},
		{"channels", byHandJourney},
		{"loop", loopJourney},
		{"rill", rillJourney},
		{"gostreams", gostreamsJourney},
		{"ro", roJourney},
	}
}

func stay(_ context.Context, t time.Time) (time.Time, error) { return t, nil }

func weirJourney(n int, opts ...flow.RunOption) (j journeys) {
	_, err := flow.From(stages.Seq(departures(n))).Map("a", stay).Map("b", stay).Map("c", stay).
		ForEach(context.Background(), func(_ context.Context, t time.Time) error { j.arrive(t); return nil }, opts...)
	if err != nil {
		return nil
	}
	return j
}

func byHandJourney(n int) (j journeys) {
	var wg conc.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	next := make(chan time.Time, depth)
	send := func(to chan<- time.Time, t time.Time) bool {
		select {
		case to <- t:
			return true
		case <-ctx.Done():
			return false
		}
	}
	first := next
	wg.Go(func() {
		defer close(first)
		for t := range departures(n) {
			if !send(first, t) {
				return
			}
		}
	})
	for range 3 {
		in, out := next, make(chan time.Time, depth)
		wg.Go(func() {
			defer close(out)
			for t := range in {
				if t, err := stay(ctx, t); err != nil || !send(out, t) {
					return
				}
			}
		})
		next = out
	}
	for t := range next {
		j.arrive(t)
	}
	return j
}

func loopJourney(n int) (j journeys) {
	for t := range departures(n) {
		for range 3 {
			t, _ = stay(context.Background(), t)
		}
		j.arrive(t)
	}
	return j
}

func rillJourney(n int) (j journeys) {
	s := rill.FromSeq(departures(n), nil)
	for range 3 {
		s = rill.Map(s, 1, func(t time.Time) (time.Time, error) { return stay(context.Background(), t) })
	}
	if err := rill.ForEach(s, 1, func(t time.Time) error { j.arrive(t); return nil }); err != nil {
		return nil
	}
	return j
}

func gostreamsJourney(n int) (j journeys) {
	in := make(chan any, depth)
	go func() {
		defer close(in)
		for t := range departures(n) {
			in <- t
		}
	}()
	still := func(t time.Time) time.Time { return t }
	s := extension.NewChanSource(in).
		Via(gostreams.NewMap(still, 1)).Via(gostreams.NewMap(still, 1)).Via(gostreams.NewMap(still, 1))
	for t := range s.Out() {
		j.arrive(t.(time.Time))
	}
	return j
}

func roJourney(n int) (j journeys) {
	still := func(t time.Time) (time.Time, error) { return t, nil }
	s := ro.Pipe3(
		ro.NewUnsafeObservable(func(to ro.Observer[time.Time]) ro.Teardown {
			for t := range departures(n) {
				to.Next(t)
			}
			to.Complete()
			return nil
		}),
		ro.MapErr(still), ro.MapErr(still), ro.MapErr(still),
	)
	s.Subscribe(ro.OnNext(j.arrive)).Wait()
	return j
}
