package operator_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// pausing is a source that waits before each value.
func pausing(values []int, pauses ...time.Duration) stages.Source[int] {
	return stages.SourceFunc[int](func(ctx context.Context, out *stages.Outlet[int]) error {
		for i, v := range values {
			select {
			case <-time.After(pauses[i]):
			case <-ctx.Done():
				return nil
			}
			out.Emit(v)
		}
		return nil
	})
}

// The fault: the windows of a stream that went quiet stayed open until it went on.
func TestAQuietStreamClosesItsWindows(t *testing.T) {
	for name, tt := range map[string]struct {
		policy operator.WindowPolicy
		want   []string
	}{
		"tumbling": {operator.Tumbling(10 * time.Second), []string{"0-10[1]", "10-20[12]", "20-30~[25]"}},
		"sliding":  {operator.Sliding(10*time.Second, 5*time.Second), []string{"-5-5[1]", "0-10[1]", "5-15[12]", "10-20[12]", "20-30~[25]"}},
		"session":  {operator.Session(9 * time.Second), []string{"1-10[1]", "12-21[12]", "25-34~[25]"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var late []int
				keep := func(_ context.Context, v int) error { late = append(late, v); return nil }
				src := pausing([]int{1, 12, 2, 25}, 0, 30*time.Second, 90*time.Second, 0)
				r := through(t, src, operator.Window[int](tt.policy, stages.EventTime(seconds, time.Hour), stages.Idleness(time.Minute), stages.Late(keep)))
				require.Equal(t, tt.want, text(r.out)[:len(tt.want)])
				require.Equal(t, []int{2}, late, "there is no window for it any more")
				for i, w := range r.out {
					if !w.Partial { // a minute after the last item
						require.Equal(t, 90*time.Second-30*time.Second*time.Duration(min(w.Items[0]/12, 1)), r.times[i].Total())
					}
				}
			})
		})
	}
}

// Each item begins the time anew, also one that is late.
func TestAStreamIsNotQuietWhileItemsCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := pausing([]int{100, 101, 1, 102, 103}, 0, 50*time.Second, 50*time.Second, 50*time.Second, 50*time.Second)
		r := through(t, src, operator.Window[int](operator.Tumbling(10*time.Second), stages.EventTime(seconds, 0), stages.Idleness(time.Minute)))
		require.Equal(t, []string{"100-110~[100 101 102 103]"}, text(r.out))
		require.Equal(t, int64(1), r.ledger().Filtered)
	})
}

// A stream is not quiet either because the stage below lets nothing go on.
func TestAStreamIsNotQuietWhileItsWindowsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []operator.WindowOf[int]
		var rep flow.Report
		windows := flow.From(source.Slice([]int{1, 11, 21, 31, 32, 33, 34})).Via("windows", operator.Window[int](
			operator.Tumbling(10*time.Second), stages.EventTime(seconds, 0), stages.Idleness(time.Minute)), stages.Buffer(16))
		_, err := windows.To(sink.ForEach(func(_ context.Context, w operator.WindowOf[int]) error {
			time.Sleep(time.Hour)
			got = append(got, w)
			return nil
		}), stages.Buffer(1)).Run(t.Context(), flow.ReportTo(&rep))
		require.NoError(t, err)
		require.Equal(t, []string{"0-10[1]", "10-20[11]", "20-30[21]", "30-40~[31 32 33 34]"}, text(got))
		windowed, _ := rep.Stage("windows")
		require.Zero(t, windowed.Ledger.Filtered)
	})
}

func TestIdlenessRefusesWhatIsWrong(t *testing.T) {
	at := stages.EventTime(seconds, 0)
	require.ErrorContains(t, operator.Window[int](operator.Tumbling(1), at, stages.Idleness(0)).(stages.Validator).Validate(), "idleness must be positive")
	require.ErrorContains(t, operator.Window[int](operator.Tumbling(1), stages.Idleness(1)).(stages.Validator).Validate(), "idleness is for windows of event time")
	require.NoError(t, operator.Window[int](operator.Tumbling(1), at, stages.Idleness(1<<63-1)).(stages.Validator).Validate())
}
