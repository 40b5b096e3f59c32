package bench

import (
	"testing"

	"github.com/weir-go/weir/bench/internal/meter"
	"github.com/weir-go/weir/bench/internal/weir"
	"github.com/weir-go/weir/bench/internal/work"
)

// question is one benchmark: the same work for several implementations, which
// bring the numbers 0 to n-1 through something that adds to each.
type question struct {
	name   string
	adds   int             // what is added to each number on its way
	free   bool            // the order need not be kept
	groups func(n int) int // how many slices come out; nil: the items come alone
	impls  []implementation
}

// implementation is one way to do the work.
type implementation struct {
	name string
	run  work.Run
	free bool // this one does not keep the order
}

// weirs are the implementations that build a stream: with the defaults and
// without timings.
func weirs(build weir.Build) []implementation {
	return []implementation{
		{name: "weir", run: weir.Timed(build)},
		{name: "weir-untimed", run: weir.Untimed(build)},
	}
}

// wrong says what is wrong with what impl made of n numbers: "" for nothing.
func (q question) wrong(impl implementation, h work.Haul, n int) string {
	switch {
	case h.Count != n:
		return "items are missing"
	case h.Sum != n*(n-1)/2+q.adds*n:
		return "the items are not the right ones"
	case h.Disorder > 0 && !q.free && !impl.free:
		return "the order is not kept"
	case q.groups != nil && h.Groups != q.groups(n):
		return "the slices are not the right ones"
	}
	return ""
}

// compare runs the implementations, each in a benchmark of its own.
func (q question) compare(b *testing.B) {
	for _, impl := range q.impls {
		b.Run("impl="+impl.name, func(b *testing.B) {
			b.ReportAllocs()
			report := metered(b)
			h := impl.run(b.N)
			b.StopTimer()
			report()
			if wrong := q.wrong(impl, h, b.N); wrong != "" {
				b.Fatalf("%s: %+v of %d", wrong, h, b.N)
			}
		})
	}
}

// metered begins to measure the processor time of a benchmark. The function it
// returns reports what an operation has cost until then.
func metered(b *testing.B) (report func()) {
	begin := meter.CPU()
	return func() {
		b.ReportMetric(float64(meter.CPU()-begin)/float64(b.N), "cpu-ns/op")
	}
}
