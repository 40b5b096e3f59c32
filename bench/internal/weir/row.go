package weir

import (
	"strconv"

	"github.com/weir-go/weir/bench/internal/work"
	"github.com/weir-go/weir/flow"
)

// Row is some stages in a row, of one worker each.
func Row(stages int, f work.Step) Build {
	return func(s *flow.Stream[int]) *flow.Stream[int] {
		for i := range stages {
			s = s.Map("stage-"+strconv.Itoa(i), f)
		}
		return s
	}
}
