package stages

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// pausing is a source that waits before each value.
func pausing(values []int, pauses ...time.Duration) Source[int] {
	return SourceFunc[int](func(ctx context.Context, out *Outlet[int]) error {
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
		policy WindowPolicy
		want   []string
	}{
		"tumbling": {Tumbling(10 * time.Second), []string{"0-10[1]", "10-20[12]", "20-30~[25]"}},
		"sliding":  {Sliding(10*time.Second, 5*time.Second), []string{"-5-5[1]", "0-10[1]", "5-15[12]", "10-20[12]", "20-30~[25]"}},
		"session":  {Session(9 * time.Second), []string{"1-10[1]", "12-21[12]", "25-34~[25]"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var late []int
				keep := func(_ context.Context, v int) error { late = append(late, v); return nil }
				src := pausing([]int{1, 12, 2, 25}, 0, 30*time.Second, 90*time.Second, 0)
				r := through(t, src, Window[int](tt.policy, EventTime(seconds, time.Hour), Idleness(time.Minute), Late(keep)))
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
		r := through(t, src, Window[int](Tumbling(10*time.Second), EventTime(seconds, 0), Idleness(time.Minute)))
		require.Equal(t, []string{"100-110~[100 101 102 103]"}, text(r.out))
		require.Equal(t, int64(1), r.ledger().Filtered)
	})
}

// A stream is not quiet either because the stage below lets nothing go on.
func TestAStreamIsNotQuietWhileItsWindowsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := NewRuntime(t.Context(), false, "source", "stage", "sink")
		defer rt.Close()
		n := rt.Nodes()
		out, in := Link[int](rt, n[0], n[1], 16)
		next, end := Link[WindowOf[int]](rt, n[1], n[2], 1)
		go RunSource(Slice([]int{1, 11, 21, 31, 32, 33, 34}), out)
		go RunStage(Window[int](Tumbling(10*time.Second), EventTime(seconds, 0), Idleness(time.Minute)), in, next)
		var got []WindowOf[int]
		RunSink(ForEach(func(_ context.Context, w WindowOf[int]) error {
			time.Sleep(time.Hour)
			got = append(got, w)
			return nil
		}), end)
		require.Equal(t, []string{"0-10[1]", "10-20[11]", "20-30[21]", "30-40~[31 32 33 34]"}, text(got))
		require.Zero(t, n[1].Ledger().Filtered)
	})
}

func TestIdlenessRefusesWhatIsWrong(t *testing.T) {
	at := EventTime(seconds, 0)
	require.ErrorContains(t, Window[int](Tumbling(1), at, Idleness(0)).(Validator).Validate(), "idle time must be positive")
	require.ErrorContains(t, Window[int](Tumbling(1), Idleness(1)).(Validator).Validate(), "idleness is for windows of event time")
	require.NoError(t, Window[int](Tumbling(1), at, Idleness(1<<63-1)).(Validator).Validate())
}
