package arrivals_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/bench/load/internal/arrivals"
	"github.com/weir-go/weir/bench/load/internal/job"
)

func TestTheSeedMakesTheArrivals(t *testing.T) {
	one, same, other := arrivals.New(1, 100), arrivals.New(1, 100), arrivals.New(2, 100)
	differ := false
	for range 1000 {
		a, at := one.Next()
		b, bt := same.Next()
		require.Equal(t, a, b)
		require.Equal(t, at, bt)
		_, ct := other.Next()
		differ = differ || at != ct
	}
	require.True(t, differ)
}

// In a Poisson process the gaps vary as much as they are long, and an eighth of
// the mean is undercut by 11.75 % of them.
func TestTheyComeByChanceAtTheRate(t *testing.T) {
	const n, rate = 20_000, 1000.0
	p := arrivals.New(7, rate)
	var last time.Duration
	short, hot := 0, 0
	for id := range int64(n) {
		a, at := p.Next()
		require.Equal(t, id, a.ID)
		require.GreaterOrEqual(t, at, last)
		if (at - last).Seconds() < 1/rate/8 {
			short++
		}
		if a.Key < arrivals.HotKeys {
			hot++
		}
		last = at
	}
	require.InEpsilon(t, n/rate, last.Seconds(), 0.03)
	require.InEpsilon(t, 0.1175*n, short, 0.1)
	require.InEpsilon(t, arrivals.HotShare*n, hot, 0.1)
}

// The omission that gave the package its reason: a receiver that stalls must not
// change when the arrivals behind it were due.
func TestAReceiverThatStallsDoesNotDelayWhatIsDue(t *testing.T) {
	due := func(stall time.Duration) (all []time.Duration, sent arrivals.Sent) {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			out := make(chan job.Arrival)
			go func() {
				defer close(out)
				sent = arrivals.New(1, 100).Send(t.Context(), out, begin, time.Second)
			}()
			for a := range out {
				require.False(t, time.Now().Before(a.Due), "none is early")
				all = append(all, a.Due.Sub(begin))
				if a.ID == 10 {
					time.Sleep(stall)
				}
			}
		})
		return all, sent
	}
	quick, punctual := due(0)
	slow, late := due(500 * time.Millisecond)
	require.Equal(t, quick, slow)
	require.Len(t, quick, int(punctual.Count))
	require.Zero(t, punctual.Late.Max())
	require.InEpsilon(t, 500_000, late.Late.Max(), 0.2, "microseconds")
}

func TestTheEndOfTheContextEndsThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		out, ended := make(chan job.Arrival), make(chan arrivals.Sent)
		go func() { ended <- arrivals.New(1, 100).Send(ctx, out, time.Now(), time.Hour) }()
		<-out
		<-out
		synctest.Wait()
		cancel() // while it waits for the next to be due
		require.EqualValues(t, 2, (<-ended).Count)

		ctx, cancel = context.WithCancel(t.Context())
		go func() { ended <- arrivals.New(1, 100).Send(ctx, out, time.Now(), time.Hour) }()
		time.Sleep(time.Second) // now it waits for a receiver
		cancel()
		require.Zero(t, (<-ended).Count)
	})
}
