package flow_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/source"
)

// A slow item among cheap ones shares its time with its group of up to 64 items. The fault: the
// stage's Longest was the mean of the group, up to 64 times too short. What docs promise: the
// longest work is that of the slow item, sums are exact, and no item outside of the group has a
// part of it.
func TestTheSlowOneAmongCheapOnesIsSeen(t *testing.T) {
	const n, slowOne, nap = 1000, 700, time.Second
	for name, opts := range map[string][]stages.MapOption{
		"one worker": nil,
		"workers":    {stages.Workers(4)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var rep flow.Report
				s := flow.From(source.Slice(upTo(n))).Map("work", func(_ context.Context, v int) (int, error) {
					if v == slowOne {
						time.Sleep(nap)
					}
					return v, nil
				}, opts...)
				var sum time.Duration
				var shared []int
				for r := range s.Results(t.Context(), flow.ReportTo(&rep)) {
					require.NoError(t, r.Err)
					tm, ok := r.Timings.Stage("work")
					require.True(t, ok)
					if sum += tm.Work; tm.Work > 0 {
						shared = append(shared, r.Value)
					}
				}
				require.Contains(t, shared, slowOne)
				require.LessOrEqual(t, len(shared), 64, "one group at the most")
				require.Less(t, shared[len(shared)-1]-shared[0], 64, "neighbours")
				require.InDelta(t, nap, sum, 64, "less than a nanosecond an item is lost by division")
				work, _ := rep.Stage("work")
				require.InDelta(t, nap, work.Effort.Longest, float64(time.Microsecond), "the others take no time here")
				require.InDelta(t, nap, work.Effort.Work, 64)
			})
		})
	}
}

// After a slow item the times are exact again.
func TestTimesAreExactBehindASlowOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rep flow.Report
		s := flow.From(source.Slice(upTo(1000))).Map("work", func(_ context.Context, v int) (int, error) {
			if v == 700 || v > 763 && v <= 780 {
				time.Sleep(time.Duration(v) * time.Millisecond)
			}
			return v, nil
		})
		exact := 0
		for r := range s.Results(t.Context(), flow.ReportTo(&rep)) {
			if tm, _ := r.Timings.Stage("work"); tm.Work == time.Duration(r.Value)*time.Millisecond {
				exact++
			}
		}
		require.GreaterOrEqual(t, exact, 17, "all that come after the group of the first")
		work, _ := rep.Stage("work")
		require.Equal(t, 780*time.Millisecond, work.Effort.Longest)
	})
}
