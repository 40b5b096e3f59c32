package weir

import (
	"time"

	"github.com/weir-go/weir/bench/internal/work"
	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages/operator"
)

// MaxJoin is how many items a Join keeps of each stream.
const MaxJoin = operator.MaxJoin

// Join joins each number of one source with the same one of another.
func Join(n int, d time.Duration, join func(a, b int) int) work.Haul {
	key := func(v int) int { return v }
	return through(n, func(a *flow.Stream[int]) *flow.Stream[int] {
		return a.Join(naturals(n), d, key, key, join)
	})
}

// Zip joins the first number of one source with the first of another, and so on.
func Zip(n int, join func(a, b int) int) work.Haul {
	return through(n, func(a *flow.Stream[int]) *flow.Stream[int] { return a.Zip(naturals(n), join) })
}
