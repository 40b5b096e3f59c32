package peers

import (
	"context"
	"iter"
	"time"

	"github.com/destel/rill"

	"github.com/weir-go/weir/bench/internal/work"
)

// RillRow is some stages in a row.
func RillRow(n, stages int, f work.Step) work.Haul { return rillEnd(rillRow(n, stages, f)) }

func rillRow(n, stages int, f work.Step) <-chan rill.Try[int] {
	s := rill.FromSeq(work.Naturals(n), nil)
	for range stages {
		s = rill.Map(s, 1, bind(f))
	}
	return s
}

// bind is for libraries that pass no context on.
func bind(f work.Step) func(int) (int, error) {
	return func(v int) (int, error) { return f(context.Background(), v) }
}

// rillEnd consumes a stream in the caller's goroutine.
func rillEnd(s <-chan rill.Try[int]) (h work.Haul) {
	if err := rill.ForEach(s, 1, func(v int) error { h.Add(v); return nil }); err != nil {
		return work.Broken()
	}
	return h
}

// RillFree is one stage of several workers.
func RillFree(n, workers int, f work.Step) work.Haul {
	return rillEnd(rill.Map(rill.FromSeq(work.Naturals(n), nil), workers, bind(f)))
}

// RillOrdered is one stage of several workers that keeps the order.
func RillOrdered(n, workers int, f work.Step) work.Haul {
	return rillEnd(rill.OrderedMap(rill.FromSeq(work.Naturals(n), nil), workers, bind(f)))
}

// RillResults leaves a row by a loop.
func RillResults(n, stages int, f work.Step) (h work.Haul) {
	for v, err := range rill.ToSeq2(rillRow(n, stages, f)) {
		if err != nil {
			return work.Broken()
		}
		h.Add(v)
	}
	return h
}

// RillChan leaves a row by its channel.
func RillChan(n, stages int, f work.Step) (h work.Haul) {
	for t := range rillRow(n, stages, f) {
		if t.Error == nil {
			h.Add(t.Value)
		}
	}
	return h
}

// RillBatch puts items into slices.
func RillBatch(n, size int, delay time.Duration) (h work.Haul) {
	s := rill.Batch(rill.FromSeq(work.Naturals(n), nil), size, delay)
	if err := rill.ForEach(s, 1, func(vs []int) error { h.AddAll(vs); return nil }); err != nil {
		return work.Broken()
	}
	return h
}

// RillFlatMap sends on every value of the sequence that f returns for an item.
func RillFlatMap(n int, f func(int) iter.Seq[int]) work.Haul {
	return rillEnd(rill.FlatMap(rill.FromSeq(work.Naturals(n), nil), 1,
		func(v int) <-chan rill.Try[int] { return rill.FromSeq(f(v), nil) }))
}

// RillJourney is some stages in a row.
func RillJourney(n, stages int) (j work.Journeys) {
	s := rill.FromSeq(work.Departures(n), nil)
	for range stages {
		s = rill.Map(s, 1, func(t time.Time) (time.Time, error) { return work.Stay(context.Background(), t) })
	}
	if err := rill.ForEach(s, 1, func(t time.Time) error { j.Arrive(t); return nil }); err != nil {
		return nil
	}
	return j
}
