package byhand

import (
	"context"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/weir-go/weir/bench/internal/work"
)

// Journey is some stages in a row, one goroutine each.
func Journey(n, stages int) (j work.Journeys) {
	var wg conc.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	next := make(chan time.Time, depth)
	first := next
	wg.Go(func() {
		defer close(first)
		for t := range work.Departures(n) {
			if !send(ctx, first, t) {
				return
			}
		}
	})
	for range stages {
		in, out := next, make(chan time.Time, depth)
		wg.Go(func() {
			defer close(out)
			for t := range in {
				if t, err := work.Stay(ctx, t); err != nil || !send(ctx, out, t) {
					return
				}
			}
		})
		next = out
	}
	for t := range next {
		j.Arrive(t)
	}
	return j
}

// LoopJourney is the floor.
func LoopJourney(n, stages int) (j work.Journeys) {
	for t := range work.Departures(n) {
		for range stages {
			t, _ = work.Stay(context.Background(), t)
		}
		j.Arrive(t)
	}
	return j
}
