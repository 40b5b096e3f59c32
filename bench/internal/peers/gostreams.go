package peers

import (
	"context"
	"time"

	"github.com/reugn/go-streams"
	"github.com/reugn/go-streams/extension"
	gostreams "github.com/reugn/go-streams/flow"

	"github.com/weir-go/weir/bench/internal/work"
)

// depth is the buffer of go-streams' source.
const depth = 128

// GoStreamsRow is some stages in a row.
func GoStreamsRow(n, stages int, f work.Step) work.Haul {
	s := goStreamsSource(n).Via(gostreams.NewMap(sure(f), 1))
	for range stages - 1 {
		s = s.Via(gostreams.NewMap(sure(f), 1))
	}
	return goStreamsEnd(s)
}

// sure is for libraries whose stages cannot fail.
func sure(f work.Step) func(int) int {
	return func(v int) int {
		v, _ = f(context.Background(), v)
		return v
	}
}

func goStreamsSource(n int) *extension.ChanSource {
	in := make(chan any, depth)
	go func() {
		defer close(in)
		for v := range work.Naturals(n) {
			in <- v
		}
	}()
	return extension.NewChanSource(in)
}

// goStreamsEnd receives from the last stage itself, which saves go-streams a
// goroutine and a channel.
func goStreamsEnd(s streams.Outlet) (h work.Haul) {
	for v := range s.Out() {
		h.Add(v.(int))
	}
	return h
}

// GoStreamsFree is one stage of several workers.
func GoStreamsFree(n, workers int, f work.Step) work.Haul {
	return goStreamsEnd(goStreamsSource(n).Via(gostreams.NewMap(sure(f), workers)))
}

// GoStreamsBatch puts items into slices.
func GoStreamsBatch(n, size int, delay time.Duration) (h work.Haul) {
	for vs := range goStreamsSource(n).Via(gostreams.NewBatch[int](size, delay)).Out() {
		h.AddAll(vs.([]int))
	}
	return h
}

// GoStreamsBranches spreads a stream over branches, and brings them together.
func GoStreamsBranches(n, branches int, f work.Step) work.Haul {
	bs := gostreams.RoundRobin(goStreamsSource(n), branches)
	for i := range bs {
		bs[i] = bs[i].Via(gostreams.NewMap(sure(f), 1))
	}
	return goStreamsEnd(gostreams.Merge(bs...))
}

// GoStreamsJourney is some stages in a row.
func GoStreamsJourney(n, stages int) (j work.Journeys) {
	in := make(chan any, depth)
	go func() {
		defer close(in)
		for t := range work.Departures(n) {
			in <- t
		}
	}()
	still := func(t time.Time) time.Time { return t }
	s := extension.NewChanSource(in).Via(gostreams.NewMap(still, 1))
	for range stages - 1 {
		s = s.Via(gostreams.NewMap(still, 1))
	}
	for t := range s.Out() {
		j.Arrive(t.(time.Time))
	}
	return j
}
