package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/source"
)

func increment(_ context.Context, v int) (int, error) { return v + 1, nil }

// through runs n numbers through what build makes, and looks once, as number at
// of them arrives.
func through(n, at int, build func(*flow.Stream[int]) *flow.Stream[int]) (sample, error) {
	src := source.Seq(func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	})
	p, count := begin(), 0
	_, err := build(flow.From(src)).ForEach(context.Background(), func(context.Context, int) error {
		if count++; count == at {
			p.look()
		}
		return nil
	})
	if err == nil && count != n {
		err = fmt.Errorf("%d of %d items came out", count, n)
	}
	return p.end(n), err
}

var items = sweep{
	what: "length", per: "item",
	note:  "Items through three stages: what a run costs by its length.",
	sizes: []int{10_000, 100_000, 1_000_000, 10_000_000},
	run: func(n int) (sample, error) {
		return through(n, n/2, func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Map("a", increment).Map("b", increment).Map("c", increment)
		})
	},
}

var stagesInARow = sweep{
	what: "stages", per: "stage",
	note:  "Stages in a row, 300,000 items: what an item costs by the stages it passes.",
	sizes: []int{1, 2, 5, 10, 20, 50},
	run: func(k int) (sample, error) {
		return through(300_000, 150_000, func(s *flow.Stream[int]) *flow.Stream[int] {
			for i := range k {
				s = s.Map("stage-"+strconv.Itoa(i), increment)
			}
			return s
		})
	},
}

// workers is how many workers the section has in which items sleep.
const workers = 8

var errAsleep = errors.New("try again")

// asleep has every item fail once and wait for its second try. As many as the
// size says sleep at the same time, and there are rounds enough for what a run
// costs by itself not to show.
var asleep = sweep{
	what: "asleep", per: "asleep",
	note:  "Items in flight, all of them asleep in the retry layer at once, 8 workers.",
	sizes: []int{10, 100, 1000, 10_000, 100_000},
	run: func(size int) (sample, error) {
		n := max(size, min(200*size, 20_000))
		var slept atomic.Int64
		awake := make([]atomic.Bool, n)
		p := begin()
		call := func(_ context.Context, v int) (int, error) {
			if awake[v].Swap(true) {
				return v, nil
			}
			if slept.Add(1) == int64(size) {
				p.look()
			}
			return 0, errAsleep
		}
		// The last of them falls asleep before the first wakes.
		delay := max(5*time.Millisecond, 10*time.Microsecond*time.Duration(size))
		_, err := through(n, -1, func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Guard(guard.Limit(size)).Retry(retry.Constant(2, delay)).Map("call", call, stages.Workers(workers))
		})
		return p.end(n), err
	},
}

var keys = sweep{
	what: "keys", per: "key",
	note:  "Keys in a deduplicator that keeps them all, 1,000,000 items or two per key.",
	sizes: []int{100, 1000, 10_000, 100_000, 1_000_000},
	run: func(k int) (sample, error) {
		n := max(1_000_000, 2*k)
		return through(n, n-1, func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.
				Dedup(dedup.Window(time.Hour, dedup.Unbounded()), func(v int) int { return v % k }).
				Map("call", increment, stages.Workers(8))
		})
	},
}
