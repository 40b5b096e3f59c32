package operator_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
)

func TestDebounceSendsTheLastOfABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, bursts(0, 10, 10, 100, 29, 31, 30), operator.Debounce[int](30*ms))
		// The values come at 0 10 20, 120 149, 180 and 210 ms. The sixth comes 31 ms after the
		// fifth. The seventh comes when the sixth has been alone for 30 ms. Then the stream ends.
		require.Equal(t, []int{2, 4, 5, 6}, r.out)
		require.Equal(t, stages.Ledger{In: 7, Out: 4, Filtered: 3}, r.ledger())
		require.Equal(t, 30*ms, r.times[0].Total())
		require.Equal(t, 30*ms, r.times[1].Total())
		require.Zero(t, r.times[3].Total(), "the end is quiet enough")
		require.Equal(t, stages.Timing{Stage: "stage", Wait: 30 * ms, Attempts: 1}, r.timing(0))
	})
}

func TestDebounceWithoutEndNeedsALongestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, every(10*ms, 100), operator.Debounce[int](30*ms))
		require.Equal(t, []int{99}, r.out)
		r = through(t, every(10*ms, 100), operator.Debounce[int](30*ms, stages.MaxWait(95*ms)))
		require.Equal(t, []int{9, 19, 29, 39, 49, 59, 69, 79, 89, 99}, r.out)
		require.Equal(t, 5*ms, r.times[0].Total(), "the first of them had waited for 95 ms, the last for 5")
		r = through(t, bursts(0, 100), operator.Debounce[int](30*ms, stages.MaxWait(10*ms)))
		require.Equal(t, []int{0, 1}, r.out)
		require.Equal(t, 10*ms, r.times[0].Total())
	})
}

// Many items at the same time are a burst as well, also where the timer rings
// while they are at hand.
func TestDebounceOfABusyStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, every(time.Microsecond, 5000), operator.Debounce[int](10*time.Microsecond, stages.MaxWait(ms)))
		require.Len(t, r.out, 5)
		for _, tm := range r.times {
			require.LessOrEqual(t, tm.Total(), 10*time.Microsecond)
		}
	})
}

func TestAStopEndsTheQuietTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, false, operator.Debounce[int](time.Hour), []func(*kernel.Run){after(25*time.Second, stop)},
			fed(every(time.Second, 3), operator.Map(takes(10*time.Second))))
		require.Equal(t, []int{1, 2}, r.out)
		require.Equal(t, 30*time.Second, r.took)
	})
}

func TestDebounceOnAnAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, every(time.Second, 9), operator.Debounce[int](time.Hour), after(2500*ms, abort))
		require.Equal(t, []int{2}, r.out, "what is done is delivered")
		require.Equal(t, 2500*ms, r.took)
	})
}

func TestDebounceRefusesWhatIsWrong(t *testing.T) {
	require.EqualError(t, validate(operator.Debounce[int](0)), "quiet time must be positive")
	require.EqualError(t, validate(operator.Debounce[int](1, stages.MaxWait(0))), "the longest wait must be positive, not 0s")
	require.NoError(t, validate(operator.Debounce[int](1, stages.MaxWait(1))))
}
