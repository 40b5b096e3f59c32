package guard_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/guard"
)

// The boundaries that the docs state, from both sides.

const ms = time.Millisecond

// A call whose deadline is exactly the expected wait is not refused.
func TestADeadlineThatEqualsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, guard.Limit(1, guard.Deadlines()))
		p := take(t, g)
		time.Sleep(time.Second)
		p.Release()
		take(t, g)
		for within, refused := range map[time.Duration]bool{time.Second: false, time.Second - 1: true} {
			ctx, cancel := context.WithTimeout(t.Context(), within)
			_, place, err := g.Enlist(ctx, never(t))
			cancel()
			if refused {
				require.ErrorIs(t, err, guard.ErrShed, within)
				continue
			}
			require.NoError(t, err, within)
			require.True(t, place.Leave())
		}
	})
}

// CoDel sheds waits above the target, for an interval or longer. A wait that equals the
// target is not above it.
func TestCoDelsBoundaries(t *testing.T) {
	for name, tt := range map[string]struct {
		first, second time.Duration // when the queue is looked at, since the calls have come
		shed          bool
	}{
		"at the target":            {20 * ms, 120 * ms, false},
		"above the target":         {20*ms + 1, 120*ms + 1, true},
		"not for an interval, yet": {20*ms + 1, 120 * ms, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGuard(t, guard.Limit(1, guard.CoDel(20*ms, 100*ms)))
				p := take(t, g)
				first, second := enlist(t.Context(), g), enlist(t.Context(), g)
				look := func(at time.Duration) {
					time.Sleep(at)
					_, _ = g.TryAcquire()
				}
				look(tt.first)
				look(tt.second - tt.first)
				require.Equal(t, tt.shed, !waits(first))
				require.True(t, waits(second), "the last one stays")
				if !tt.shed {
					p.Release()
					p = (<-first).permit
				}
				p.Release()
				(<-second).permit.Release()
			})
		})
	}
}

// While CoDel sheds, a wait that equals the target stays.
func TestCoDelKeepsWhatEqualsTheTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, guard.Limit(1, guard.CoDel(20*ms, 100*ms)))
		p := take(t, g)
		old := enlist(t.Context(), g)
		time.Sleep(20*ms + 1)
		_, _ = g.TryAcquire() // above the target since now
		time.Sleep(80 * ms)
		exact, last := enlist(t.Context(), g), enlist(t.Context(), g)
		time.Sleep(20 * ms)
		_, _ = g.TryAcquire()
		require.ErrorIs(t, (<-old).err, guard.ErrShed)
		require.True(t, waits(exact))
		p.Release()
		(<-exact).permit.Release()
		(<-last).permit.Release()
	})
}

// A call is served before the calls of the level below that came less than the head
// start before it. At exactly the head start, the call that came first is served first.
func TestTiesOfPriority(t *testing.T) {
	for name, tt := range map[string]struct {
		low, high guard.Level
		later     time.Duration
		order     guard.Order
		highFirst bool
	}{
		"within the head start":          {guard.Normal, guard.High, time.Second - 1, guard.FIFO, true},
		"at the head start":              {guard.Normal, guard.High, time.Second, guard.FIFO, false},
		"beyond the head start":          {guard.Normal, guard.High, time.Second + 1, guard.FIFO, false},
		"low, within two head starts":    {guard.Low, guard.High, 2*time.Second - 1, guard.FIFO, true},
		"low, at two head starts":        {guard.Low, guard.High, 2 * time.Second, guard.FIFO, false},
		"low and normal, at one":         {guard.Low, guard.Normal, time.Second, guard.FIFO, false},
		"newest first, at once":          {guard.Normal, guard.High, 0, guard.LIFO, true},
		"newest first, high came before": {guard.High, guard.Normal, time.Second - 1, guard.LIFO, false},
		"newest first, at the tie":       {guard.High, guard.Normal, time.Second, guard.LIFO, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGuard(t, guard.Limit(1, guard.HeadStart(time.Second), guard.Queue(tt.order)))
				p := take(t, g)
				first := enlist(t.Context(), g, guard.Priority(tt.low))
				time.Sleep(tt.later)
				second := enlist(t.Context(), g, guard.Priority(tt.high))
				p.Release()
				require.Equal(t, tt.highFirst, waits(first), "the second goes first")
				for _, c := range []<-chan answer{first, second, first} {
					if !waits(c) {
						(<-c).permit.Release()
					}
				}
				require.True(t, g.Snapshot().Empty())
			})
		})
	}
}

// AdaptiveLIFO turns round when the queue has not been empty for 100 ms.
func TestWhenAdaptiveLIFOTurns(t *testing.T) {
	for after, newest := range map[time.Duration]bool{100*ms - 1: false, 100 * ms: true} {
		synctest.Test(t, func(t *testing.T) {
			g := newGuard(t, guard.Limit(1, guard.Queue(guard.AdaptiveLIFO)))
			p := take(t, g)
			first, second := enlist(t.Context(), g), enlist(t.Context(), g)
			time.Sleep(after)
			p.Release()
			require.Equal(t, newest, waits(first), after)
			for _, c := range []<-chan answer{first, second, first} {
				if !waits(c) {
					(<-c).permit.Release()
				}
			}
		})
	}
}

// window runs rounds of width simultaneous calls of 10 ms, of which some are lost. It returns the
// capacity after the window that the last call ends.
func window(t *testing.T, a guard.Algorithm, capacity, width, rounds, lost int) (after int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, guard.Limit(capacity, guard.Adaptive(a, 1, 1000)))
		for range rounds {
			permits := make([]guard.Permit, width)
			require.Equal(t, width, g.TryAcquireAll(permits))
			time.Sleep(10 * ms)
			for _, p := range permits {
				var err error
				if lost--; lost >= 0 {
					err = errors.New("503")
				}
				p.Done(t.Context(), err)
			}
		}
		// One more call ends the window, and counts in it.
		time.Sleep(time.Minute)
		p := take(t, g)
		p.Done(t.Context(), nil)
		after = g.Capacity()
	})
	return after
}

// More than 1 of 20 calls must be lost for the limit to fall, and fewer than 10 calls
// say nothing. A window in which half of the limit was in use lets it grow.
func TestTheBoundariesOfAWindow(t *testing.T) {
	aimd := guard.AIMD(0.5, 0)
	for name, tt := range map[string]struct{ capacity, width, rounds, lost, want int }{
		"1 of 20 is lost":         {20, 19, 1, 1, 21},
		"1 of 19 is lost":         {20, 18, 1, 1, 10},
		"2 of 40 are lost":        {20, 13, 3, 2, 21},
		"10 calls say something":  {9, 9, 1, 0, 10},
		"9 calls say nothing":     {8, 8, 1, 8, 8},
		"half of it is in use":    {20, 10, 2, 0, 21},
		"less than half is used":  {21, 10, 2, 0, 21},
		"5 times what was in use": {50, 10, 2, 0, 50},
		"more than 5 times":       {51, 10, 2, 0, 50},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tt.want, window(t, aimd, tt.capacity, tt.width, tt.rounds, tt.lost))
		})
	}
}

// A call that is held for exactly the time of AIMD is not lost; a longer one is.
func TestASlowCallOfAIMD(t *testing.T) {
	for slow, want := range map[time.Duration]int{10 * ms: 21, 10*ms - 1: 10} {
		require.Equal(t, want, window(t, guard.AIMD(0.5, slow), 20, 20, 1, 0), slow)
	}
}
