package operator_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
)

func TestDelaySendsEachItemLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := behindMap(t, bursts(0, 10, 10, 500, 1, 0), thirds, operator.Delay[int](100*ms))
		require.Equal(t, []string{"!", "!", "0", "!", "!", "3"}, r.order, "a failure has waited long enough")
		for i, tm := range r.times {
			require.Equal(t, map[bool]time.Duration{true: 100 * ms}[r.order[i] != "!"], tm.Total())
		}
		require.Equal(t, stages.Timing{Stage: "stage", Wait: 100 * ms, Attempts: 1}, r.timing(2))
		require.Equal(t, 620*ms, r.took, "the end of the stream waits, too")
	})
}

// A full one takes no more, and loses nothing.
func TestDelayIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &acked{n: 100}
		r := through(t, a, operator.Delay[int](time.Second, stages.Capacity(2)), after(500*ms, func(rt *kernel.Run) {
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
		r := run(t, false, operator.Delay[int](time.Hour, stages.Capacity(2)), []func(*kernel.Run){after(35*time.Second, stop)},
			fed(source.Slice(upTo(5)), operator.Map(takes(10*time.Second))))
		require.Equal(t, upTo(5), r.out, "in order, also where it was full")
		require.Equal(t, 50*time.Second, r.took)
		r = through(t, every(time.Second, 100), operator.Delay[int](time.Hour), after(3500*ms, abort))
		require.Equal(t, 3500*ms, r.took)
	})
}

func TestDelayKeepsNothingThatWouldBeLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, false, operator.Delay[int](time.Second), nil, fed(every(0, 3), operator.Deadline[int](time.Second)))
		require.Equal(t, []string{"!", "!", "!"}, r.order)
		require.Zero(t, r.took)
		require.ErrorIs(t, r.failed[0], stages.ErrExpired)
		require.Equal(t, stages.Ledger{In: 3, Expired: 3}, r.ledger())
		r = run(t, false, operator.Delay[int](time.Second), nil, fed(every(0, 3), operator.Deadline[int](time.Second+1)))
		require.Equal(t, upTo(3), r.out)
	})
}

func TestDelayRefusesWhatIsWrong(t *testing.T) {
	require.EqualError(t, validate(operator.Delay[int](0)), "delay must be positive")
	require.EqualError(t, validate(operator.Delay[int](1, stages.Capacity(0))), "capacity must be at least 1, not 0")
	require.NoError(t, validate(operator.Delay[int](1, stages.Capacity(1))))
}

// A delay as long as can be is never over, and a drain ends it.
func TestADelayWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Second)
		r := through(t, source.Slice(upTo(3)), operator.Delay[int](1<<63-1), after(time.Hour, stop))
		require.Equal(t, upTo(3), r.out)
		require.Equal(t, time.Hour, r.took)
	})
}
