package weir

import (
	"strconv"

	"github.com/weir-go/weir/bench/internal/work"
	"github.com/weir-go/weir/flow"
)

// Branches spreads a stream over branches of one stage each, and brings them
// together again.
func Branches(branches int, f work.Step) Build {
	return func(s *flow.Stream[int]) *flow.Stream[int] {
		bs := s.Balance(branches)
		for i := range bs {
			bs[i] = bs[i].Map("branch-"+strconv.Itoa(i), f)
		}
		return bs[0].Merge(bs[1:]...)
	}
}
