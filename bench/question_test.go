package bench

import (
	"cmp"
	"context"
	"iter"
	"testing"

	"github.com/stretchr/testify/assert"
)

// question is one benchmark: the same work for several implementations, which
// bring the numbers 0 to n-1 through something that adds to each.
type question struct {
	name  string
	adds  int  // what is added to each number on its way
	free  bool // the order need not be kept
	impls []implementation
}

// implementation is one way to do the work.
type implementation struct {
	name string
	adds int // where it is not the question's
	run  func(n int) haul
}

// haul is what came out at the end.
type haul struct {
	count, sum int
	last       int
	disorder   int // how many were smaller than the one before
}

// add is what every implementation's sink does.
func (h *haul) add(v int) {
	if v < h.last {
		h.disorder++
	}
	h.last = v
	h.count++
	h.sum += v
}

// wrong says what is wrong with what impl made of n numbers, or nothing.
func (q question) wrong(impl implementation, h haul, n int) string {
	switch {
	case h.count != n:
		return "items are missing"
	case h.sum != n*(n-1)/2+cmp.Or(impl.adds, q.adds)*n:
		return "the items are not the right ones"
	case h.disorder > 0 && !q.free:
		return "the order is not kept"
	}
	return ""
}

// compare runs the implementations, each in a benchmark of its own.
func (q question) compare(b *testing.B) {
	for _, impl := range q.impls {
		b.Run("impl="+impl.name, func(b *testing.B) {
			b.ReportAllocs()
			h := impl.run(b.N)
			b.StopTimer()
			if wrong := q.wrong(impl, h, b.N); wrong != "" {
				b.Fatalf("%s: %+v of %d", wrong, h, b.N)
			}
		})
	}
}

// questions are all those whose implementations deliver what they were given.
func questions() []question {
	all := []question{threeStages(), tenStages(), section(), batches(), resilientCall(), fanOutFanIn()}
	for _, free := range []bool{false, true} {
		all = append(all, workers(free, increment))
	}
	return all
}

// TestImplementationsDoTheWork keeps the benchmarks honest: nobody is fast by
// doing less. No bubble: not all peers work in one.
func TestImplementationsDoTheWork(t *testing.T) {
	for _, q := range questions() {
		for _, impl := range q.impls {
			t.Run(q.name+"/"+impl.name, func(t *testing.T) {
				for _, n := range []int{0, 1, 150, 10_001} {
					h := impl.run(n)
					assert.Empty(t, q.wrong(impl, h, n), "%+v of %d", h, n)
				}
			})
		}
	}
}

// increment is what all stages do: next to nothing. It is not inlined, so that
// the floor, too, makes calls.
//
//go:noinline
func increment(_ context.Context, v int) (int, error) { return v + 1, nil }

// naturals yields 0 to n-1.
func naturals(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}
