package weir

import (
	"context"
	"iter"

	"github.com/weir-go/weir/bench/internal/work"
	"github.com/weir-go/weir/flow"
)

// FlatMap sends on every value of the sequence that f returns for an item.
func FlatMap(n int, f func(int) iter.Seq[int]) work.Haul {
	return through(n, func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.FlatMap("flatmap", func(_ context.Context, v int) (iter.Seq[int], error) { return f(v), nil })
	})
}
