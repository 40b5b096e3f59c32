package flow_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/source"
)

// louder is a pairing as an outsider writes it: both sides go on, and the right one with another sign.
// It counts the seconds.
type louder struct{ seconds *int }

func (l louder) Run(_ context.Context, a, b *stages.Inlet[int], out *stages.Outlet[int]) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		x, y, side := stages.Either(a, b, tick.C)
		switch side {
		case stages.Left:
			out.Send(x)
		case stages.Right:
			y.Value = -y.Value
			out.Send(y)
		case stages.Woken:
			*l.seconds++
		default:
			return nil
		}
	}
}

func TestAPairingOfAnOutsiderHearsBothSidesAndItsTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		paced := source.Seq(func(yield func(int) bool) {
			for i := 1; i <= 3 && yield(i); i++ {
				time.Sleep(900 * time.Millisecond)
			}
		})
		seconds := 0
		var rep flow.Report
		got, err := flow.Pair("louder", stages.Pairing[int, int, int](louder{&seconds}), flow.From(paced), flow.From(source.Slice([]int{7, 8}))).
			Collect(t.Context(), flow.ReportTo(&rep))
		require.NoError(t, err)
		require.NoError(t, rep.Check())
		slices.Sort(got)
		require.Equal(t, []int{-8, -7, 1, 2, 3}, got)
		require.Equal(t, 2, seconds)
	})
}
