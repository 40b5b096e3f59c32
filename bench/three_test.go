package bench

import (
	"context"
	"testing"

	"github.com/destel/rill"
	"github.com/reugn/go-streams"
	"github.com/reugn/go-streams/extension"
	gostreams "github.com/reugn/go-streams/flow"
	"github.com/samber/ro"

	"github.com/weir-go/weir/flow"
)

// BenchmarkThreeStages asks what it costs to move an item through three stages
// that do next to nothing, one worker each.
func BenchmarkThreeStages(b *testing.B) { threeStages().compare(b) }

func threeStages() question {
	return question{name: "ThreeStages", adds: 3, impls: rows(3)}
}

// rows are the implementations of some stages in a row, one worker each.
func rows(k int) []implementation {
	return append(weir(func(s *flow.Stream[int]) *flow.Stream[int] { return row(s, k) }),
		implementation{name: "channels", run: func(n int) haul { return byHand(n, k, increment) }},
		implementation{name: "loop", run: func(n int) haul { return loop(n, k, increment) }},
		implementation{name: "rill", run: func(n int) haul { return rillRow(n, k) }},
		implementation{name: "gostreams", run: func(n int) haul { return gostreamsRow(n, k) }},
		implementation{name: "ro", run: func(n int) haul { return roRow(n, k) }},
	)
}

func row(s *flow.Stream[int], k int) *flow.Stream[int] {
	for i := range k {
		s = s.Map(string(rune('a'+i)), increment)
	}
	return s
}

func rillRow(n, k int) haul {
	s := rill.FromSeq(naturals(n), nil)
	for range k {
		s = rill.Map(s, 1, noContext)
	}
	return rillEnd(s)
}

// rillEnd consumes a stream in the caller's goroutine.
func rillEnd(s <-chan rill.Try[int]) (h haul) {
	if err := rill.ForEach(s, 1, func(v int) error { h.add(v); return nil }); err != nil {
		return haul{count: -1}
	}
	return h
}

// noContext is the step of libraries that pass no context on.
func noContext(v int) (int, error) { return increment(context.Background(), v) }

func gostreamsRow(n, k int) haul {
	s := gostreamsSource(n).Via(gostreams.NewMap(noError, 1))
	for range k - 1 {
		s = s.Via(gostreams.NewMap(noError, 1))
	}
	return gostreamsEnd(s)
}

// noError is the step of libraries whose stages cannot fail.
func noError(v int) int {
	v, _ = increment(context.Background(), v)
	return v
}

func gostreamsSource(n int) *extension.ChanSource {
	in := make(chan any, depth)
	go func() {
		defer close(in)
		for v := range naturals(n) {
			in <- v
		}
	}()
	return extension.NewChanSource(in)
}

// gostreamsEnd receives from the last stage itself, which saves go-streams a
// goroutine and a channel.
func gostreamsEnd(s streams.Outlet) (h haul) {
	for v := range s.Out() {
		h.add(v.(int))
	}
	return h
}

func roRow(n, k int) (h haul) {
	s := roSource(n)
	for range k {
		s = ro.MapErrWithContext(func(ctx context.Context, v int) (int, context.Context, error) {
			v, err := increment(ctx, v)
			return v, ctx, err
		})(s)
	}
	s.Subscribe(ro.OnNext(h.add)).Wait()
	return h
}

// roSource is ro's own Range, for ints.
func roSource(n int) ro.Observable[int] {
	return ro.NewUnsafeObservableWithContext(func(ctx context.Context, to ro.Observer[int]) ro.Teardown {
		for v := range naturals(n) {
			to.NextWithContext(ctx, v)
		}
		to.CompleteWithContext(ctx)
		return nil
	})
}
