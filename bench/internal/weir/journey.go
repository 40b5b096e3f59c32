package weir

import (
	"context"
	"strconv"
	"time"

	"github.com/weir-go/weir/bench/internal/work"
	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages/source"
)

// Journey is some stages in a row, of one worker each.
func Journey(n, stages int) work.Journeys { return journey(n, stages) }

// JourneyUntimed does the same without timings.
func JourneyUntimed(n, stages int) work.Journeys { return journey(n, stages, flow.Untimed()) }

func journey(n, row int, opts ...flow.RunOption) (j work.Journeys) {
	s := flow.From(source.Seq(work.Departures(n)))
	for i := range row {
		s = s.Map("stage-"+strconv.Itoa(i), work.Stay)
	}
	_, err := s.ForEach(context.Background(), func(_ context.Context, t time.Time) error { j.Arrive(t); return nil }, opts...)
	if err != nil {
		return nil
	}
	return j
}
