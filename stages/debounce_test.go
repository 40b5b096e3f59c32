package stages

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// bursts is a source of 0, 1, 2, ... of which each comes so many milliseconds
// after the one before.
func bursts(gaps ...int) Source[int] {
	return Seq(func(yield func(int) bool) {
		for i, gap := range gaps {
			if time.Sleep(time.Duration(gap) * time.Millisecond); !yield(i) {
				return
			}
		}
	})
}

const ms = time.Millisecond

func TestDebounceSendsTheLastOfABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, bursts(0, 10, 10, 100, 29, 31, 30), Debounce[int](30*ms))
		// At 0 10 20, 120 149, 180, 210 ms: the sixth comes 31 ms after the fifth, the
		// seventh when the sixth has been alone for 30 ms, and the stream then ends.
		require.Equal(t, []int{2, 4, 5, 6}, r.out)
		require.Equal(t, Ledger{In: 7, Out: 4, Filtered: 3}, r.ledger())
		require.Equal(t, 30*ms, r.times[0].Total())
		require.Equal(t, 30*ms, r.times[1].Total())
		require.Zero(t, r.times[3].Total(), "the end is quiet enough")
		require.Equal(t, Timing{Stage: "stage", Wait: 30 * ms, Attempts: 1}, r.timing(0))
	})
}

func TestDebounceWithoutEndNeedsALongestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, every(10*ms, 100), Debounce[int](30*ms))
		require.Equal(t, []int{99}, r.out)
		r = through(t, every(10*ms, 100), Debounce[int](30*ms, MaxWait(95*ms)))
		require.Equal(t, []int{9, 19, 29, 39, 49, 59, 69, 79, 89, 99}, r.out)
		require.Equal(t, 5*ms, r.times[0].Total(), "the first of them had waited for 95 ms, the last for 5")
		r = through(t, bursts(0, 100), Debounce[int](30*ms, MaxWait(10*ms)))
		require.Equal(t, []int{0, 1}, r.out)
		require.Equal(t, 10*ms, r.times[0].Total())
	})
}

// Many items at the same time are a burst as well, also where the timer rings
// while they are at hand.
func TestDebounceOfABusyStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, every(time.Microsecond, 5000), Debounce[int](10*time.Microsecond, MaxWait(ms)))
		require.Len(t, r.out, 5)
		for _, tm := range r.times {
			require.LessOrEqual(t, tm.Total(), 10*time.Microsecond)
		}
	})
}

func TestAStopEndsTheQuietTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, false, Debounce[int](time.Hour), []func(*Runtime){after(25*time.Second, stop)},
			fed(every(time.Second, 3), Map(takes(10*time.Second))))
		require.Equal(t, []int{1, 2}, r.out)
		require.Equal(t, 30*time.Second, r.took)
	})
}

func TestDebounceOnAnAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, every(time.Second, 9), Debounce[int](time.Hour), after(2500*ms, abort))
		require.Equal(t, []int{2}, r.out, "what is done is delivered")
		require.Equal(t, 2500*ms, r.took)
	})
}

func TestDebounceRefusesWhatIsWrong(t *testing.T) {
	require.EqualError(t, Debounce[int](0).(Validator).Validate(), "quiet time must be positive")
	require.EqualError(t, Debounce[int](1, MaxWait(0)).(Validator).Validate(), "the longest wait must be positive")
	require.NoError(t, Debounce[int](1, MaxWait(1)).(Validator).Validate())
}

func TestDelaySendsEachItemLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := behindMap(t, bursts(0, 10, 10, 500, 1, 0), thirds, Delay[int](100*ms))
		require.Equal(t, []string{"!", "!", "0", "!", "!", "3"}, r.order, "a failure has waited long enough")
		for i, tm := range r.times {
			require.Equal(t, map[bool]time.Duration{true: 100 * ms}[r.order[i] != "!"], tm.Total())
		}
		require.Equal(t, Timing{Stage: "stage", Wait: 100 * ms, Attempts: 1}, r.timing(2))
		require.Equal(t, 620*ms, r.took, "the end of the stream waits, too")
	})
}

// A full one takes no more, and loses nothing.
func TestDelayIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &acked{n: 100}
		r := through(t, a, Delay[int](time.Second, Capacity(2)), after(500*ms, func(rt *Runtime) {
			l := rt.Nodes()[1].Ledger()
			require.Equal(t, int64(2), l.In)
			require.Zero(t, l.Out)
			require.LessOrEqual(t, rt.Nodes()[0].Ledger().Out, int64(2+16+1), "and what the edge holds")
		}))
		require.Equal(t, upTo(100), r.out)
		require.Equal(t, 50*time.Second, r.took, "two a second")
		a.once(t)
	})
}

func TestAStopEndsTheDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, false, Delay[int](time.Hour, Capacity(2)), []func(*Runtime){after(35*time.Second, stop)},
			fed(Slice(upTo(5)), Map(takes(10*time.Second))))
		require.Equal(t, upTo(5), r.out, "in order, also where it was full")
		require.Equal(t, 50*time.Second, r.took)
		r = through(t, every(time.Second, 100), Delay[int](time.Hour), after(3500*ms, abort))
		require.Equal(t, 3500*ms, r.took)
	})
}

func TestDelayKeepsNothingThatWouldBeLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, false, Delay[int](time.Second), nil, fed(every(0, 3), Deadline[int](time.Second)))
		require.Equal(t, []string{"!", "!", "!"}, r.order)
		require.Zero(t, r.took)
		require.ErrorIs(t, r.failed[0], ErrExpired)
		require.Equal(t, Ledger{In: 3, Expired: 3}, r.ledger())
		r = run(t, false, Delay[int](time.Second), nil, fed(every(0, 3), Deadline[int](time.Second+1)))
		require.Equal(t, upTo(3), r.out)
	})
}

func TestDelayRefusesWhatIsWrong(t *testing.T) {
	require.EqualError(t, Delay[int](0).(Validator).Validate(), "delay must be positive")
	require.EqualError(t, Delay[int](1, Capacity(0)).(Validator).Validate(), "capacity must be at least 1, not 0")
	require.NoError(t, Delay[int](1, Capacity(1)).(Validator).Validate())
}

// A delay as long as can be is never over, and a drain ends it.
func TestADelayWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Second)
		r := through(t, Slice(upTo(3)), Delay[int](1<<63-1), after(time.Hour, stop))
		require.Equal(t, upTo(3), r.out)
		require.Equal(t, time.Hour, r.took)
	})
}
