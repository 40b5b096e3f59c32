package ack

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/stages"
)

// An Emit that waits for room while its partition is forgotten must not begin it anew:
// what was open before was never done, and a commit behind it would lose it.
func TestForgetWhileEmitWaits(t *testing.T) {
	for name, giveUp := range map[string]func(*Commits[string, int]){
		"forgotten": func(c *Commits[string, int]) { c.Forget("a") },
		"drained":   func(c *Commits[string, int]) { go func() { _ = c.Drain(context.Background(), "a") }() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var l log
				c := &Commits[string, int]{Window: 2, Commit: l.commit}
				var got, other error
				w := flowOf(t, func(ctx context.Context, out *stages.Outlet[int]) error {
					for at := 1; got == nil; at++ {
						got = c.Emit(ctx, out, "a", at, at)
					}
					other = c.Emit(ctx, out, "b", 1, 100)
					return nil
				})
				synctest.Wait()
				giveUp(c)
				synctest.Wait()
				require.ErrorIs(t, got, ErrForgotten)
				require.ErrorContains(t, got, ": a")
				require.NoError(t, other, "the source goes on with others")
				w.release(nil, 2, 1, 100)
				require.NoError(t, w.wait())
				require.Equal(t, []int{1, 2, 100}, w.inside())
				require.NoError(t, c.Close(t.Context()))
				if name == "forgotten" {
					require.Equal(t, map[string][]int{"b": {1}}, l.of)
				} else {
					require.Equal(t, 2, l.of["a"][len(l.of["a"])-1])
				}
			})
		})
	}
}

// What is done of a forgotten partition is not committed, and does not disturb the same
// partition when it has begun anew.
func TestAForgottenPartitionIsNotCommitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l log
		c := &Commits[string, int]{Commit: l.commit}
		old := begun(t, c, "a", 1, 2)
		c.Forget("a")
		c.Forget("nothing")
		_, err := c.Begin("a", 3)
		require.ErrorIs(t, err, ErrForgotten, "what was read before does not come in")
		_, err = c.Begin("nothing", 3)
		require.ErrorIs(t, err, ErrForgotten)
		c.Claim("a")
		again := begun(t, c, "a", 11, 12)
		old[1](nil)
		old[2](errGone)
		require.NoError(t, c.Flush(t.Context()))
		require.Empty(t, l.of)
		require.NoError(t, c.Err())
		again[11](nil)
		require.NoError(t, c.Close(t.Context()))
		require.Equal(t, []int{11}, l.of["a"])
	})
}

// Positions that wait for the next commit are not committed after Forget. A commit that
// is on its way then reports no fault, even if it fails.
func TestCommitsEndWithForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := log{takes: time.Second, err: errGone}
		c := &Commits[string, int]{Commit: l.commit}
		a, b := begun(t, c, "a", 1, 2), begun(t, c, "b", 1, 2)
		a[1](nil)
		b[1](nil)
		synctest.Wait() // being committed
		a[2](nil)
		c.Forget("a")
		c.Forget("b")
		c.Claim("b")
		again := begun(t, c, "b", 7)
		time.Sleep(1500 * time.Millisecond)
		require.NoError(t, c.Err())
		require.Equal(t, 1, l.calls)
		l.fail(nil)
		again[7](nil)
		require.NoError(t, c.Close(t.Context()))
		require.Equal(t, map[string][]int{"b": {7}}, l.of)
	})
}

// Drain waits until the partition has left the flow, commits at once, and lets go.
func TestDrainWaitsForAPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := log{takes: time.Second}
		c := &Commits[string, int]{Every: time.Hour, Commit: l.commit}
		start := time.Now()
		a, b := begun(t, c, "a", 1, 2, 3), begun(t, c, "b", 1)
		a[2](nil)
		time.AfterFunc(time.Minute, func() { a[1](nil) })
		time.AfterFunc(2*time.Minute, func() { a[3](nil) })
		var drained atomic.Bool
		time.AfterFunc(90*time.Second, func() {
			require.False(t, drained.Load())
			require.Equal(t, []int{2}, l.committed()["a"], "without waiting for Every")
			_, err := c.Begin("a", 4)
			require.ErrorIs(t, err, ErrForgotten, "nothing more begins")
			require.NoError(t, begunErr(c.Begin("b", 2)))
		})
		require.NoError(t, c.Drain(t.Context(), "a"))
		drained.Store(true)
		require.Equal(t, 2*time.Minute+time.Second, time.Since(start))
		require.Equal(t, map[string][]int{"a": {2, 3}}, l.committed())
		require.Equal(t, 2, openOf(c, "b"), "others are left alone")
		require.ErrorIs(t, begunErr(c.Begin("a", 4)), ErrForgotten)
		c.Claim("a")
		begun(t, c, "a", 4)
		b[1](nil)
		require.NoError(t, c.Close(t.Context()))
	})
}

func begunErr(_ func(error), err error) error { return err }

func TestDrainOfWhatIsAtRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := log{takes: time.Second}
		c := &Commits[string, int]{Every: time.Hour, Commit: l.commit}
		start := time.Now()
		require.NoError(t, c.Drain(t.Context(), "a"))
		require.Equal(t, start, time.Now())
		require.ErrorIs(t, begunErr(c.Begin("a", 1)), ErrForgotten, "although nothing of it was open")
		c.Claim("a")
		begun(t, c, "a", 1)[1](nil) // done, and not committed
		require.NoError(t, c.Drain(t.Context(), "a"))
		require.Equal(t, time.Second, time.Since(start))
		require.Equal(t, []int{1}, l.committed()["a"])
		require.Empty(t, c.parts)
	})
}

// A Drain that is given up lets go all the same.
func TestDrainThatTakesTooLong(t *testing.T) {
	for name, tt := range map[string]struct {
		undone int
		want   string
	}{
		"two":    {2, "ack: partition a is not drained, 2 positions are not done: gone"},
		"one":    {1, "ack: partition a is not drained, 1 position is not done: gone"},
		"commit": {0, "ack: partition a is not drained, Commit has not returned: gone"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := log{takes: time.Hour}
				c := &Commits[string, int]{Commit: l.commit}
				done := begun(t, c, "a", 1, 2, 3)
				for at := 1; at <= 3-tt.undone; at++ {
					done[at](nil)
				}
				ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errGone)
				defer cancel()
				require.EqualError(t, c.Drain(ctx, "a"), tt.want)
				require.Empty(t, c.parts)
				done[3](nil)
				time.Sleep(3 * time.Hour)
				if tt.undone > 0 {
					require.NotContains(t, l.committed()["a"], 3)
				}
				require.NoError(t, c.Close(t.Context()))
			})
		})
	}
}

// A halted partition is drained when nothing of it is in the flow any more.
func TestDrainOfAHaltedPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l log
		c := &Commits[string, int]{Commit: l.commit}
		done := begun(t, c, "a", 1, 2, 3)
		done[2](errGone)
		start := time.Now()
		time.AfterFunc(time.Minute, func() { done[3](nil) })
		time.AfterFunc(time.Second, func() { done[1](nil) })
		require.ErrorIs(t, c.Drain(t.Context(), "a"), errGone)
		require.Equal(t, time.Minute, time.Since(start))
		require.Equal(t, []int{1}, l.committed()["a"])
		c.Claim("a")
		begun(t, c, "a", 2)
	})
}

func TestDrainWithACommitThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := log{err: errGone}
		c := &Commits[string, int]{Commit: l.commit}
		begun(t, c, "a", 1)[1](nil)
		synctest.Wait()
		require.ErrorIs(t, c.Drain(t.Context(), "a"), errGone)
		require.Equal(t, 2, l.calls, "it is tried once more")
		require.Empty(t, c.parts)
	})
}

func TestForgetEndsADrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Commits[string, int]{Commit: (&log{}).commit}
		begun(t, c, "a", 1)
		time.AfterFunc(time.Second, func() { c.Forget("a") })
		require.ErrorIs(t, c.Drain(t.Context(), "a"), ErrForgotten)
	})
}

// The context of a partition ends when what is late of it must end. It is the one of all
// its items, and has the values that Emit was called with.
func TestTheContextOfAPartition(t *testing.T) {
	type key struct{}
	for name, tt := range map[string]struct {
		giveUp func(*testing.T, *Commits[string, int])
		at     time.Duration
	}{
		"forgotten": {func(_ *testing.T, c *Commits[string, int]) { c.Forget("a") }, 0},
		"drained too late": {func(t *testing.T, c *Commits[string, int]) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			require.ErrorContains(t, c.Drain(ctx, "a"), "2 positions are not done")
		}, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var l log
				c := &Commits[string, int]{Commit: l.commit}
				w := flowOf(t, func(ctx context.Context, out *stages.Outlet[int]) error {
					ctx, cancel := context.WithCancel(context.WithValue(ctx, key{}, "trace"))
					defer cancel()
					for at := range 2 {
						require.NoError(t, c.Emit(ctx, out, "a", at, at))
						require.NoError(t, c.Emit(ctx, out, "b", at, 10+at))
					}
					return nil
				})
				start := time.Now()
				synctest.Wait()
				require.EqualValues(t, 4, c.Health().Unsettled)
				tt.giveUp(t, c)
				synctest.Wait()
				require.Equal(t, tt.at, time.Since(start))
				require.Equal(t, map[int]error{0: stages.ErrHandedBack, 1: stages.ErrHandedBack}, w.failures(stages.ErrHandedBack))
				require.EqualValues(t, 2, c.Health().Unsettled, "they have left the flow")
				for v := range 2 {
					require.ErrorIs(t, context.Cause(w.context(v)), ErrForgotten)
					require.NoError(t, w.context(10+v).Err(), "others are left alone")
					require.Equal(t, "trace", w.context(10+v).Value(key{}))
				}
				w.release(nil, 10, 11)
				require.NoError(t, w.wait())
				require.NoError(t, c.Close(t.Context()))
				require.Empty(t, l.of["a"])
				require.Equal(t, 1, l.of["b"][len(l.of["b"])-1])
				require.Zero(t, c.Health().Unsettled)
			})
		})
	}
}

// Health tells the first trouble, and when it came.
func TestHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Commits[string, int]{Commit: (&log{}).commit}
		done := begun(t, c, "a", 1, 2, 3)
		require.Equal(t, stages.Health{Unsettled: 3, Lag: -1}, c.Health())
		done[1](nil)
		done[2](errGone)
		at := time.Now()
		time.Sleep(time.Second)
		h := c.Health()
		require.ErrorIs(t, h.Err, errGone)
		require.Equal(t, stages.Health{Unsettled: 1, Lag: -1, Err: h.Err, At: at}, h)
		c.Forget("a")
		require.EqualValues(t, 1, c.Health().Unsettled, "it is in the flow")
		done[3](nil)
		require.Zero(t, c.Health().Unsettled)
		require.NoError(t, begunErr(c.Begin("b", 1)))
	})
}

// A broker client revokes its partitions when it leaves the group, which is after Close. The fault:
// Drain waited for a commit that Close had given up, until its context ended.
func TestDrainDoesNotWaitForACommitAfterClose(t *testing.T) {
	for name, order := range map[string]func(t *testing.T, shut, drain func()){
		"after":  func(_ *testing.T, shut, drain func()) { shut(); drain() },
		"during": func(_ *testing.T, shut, drain func()) { time.AfterFunc(time.Second, shut); drain() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := log{takes: time.Hour}
				c := &Commits[string, int]{Commit: l.commit}
				begun(t, c, "a", 1)[1](nil)
				start := time.Now()
				shut := func() {
					ctx, cancel := context.WithTimeout(context.Background(), time.Second)
					defer cancel()
					require.ErrorIs(t, c.Close(ctx), context.DeadlineExceeded)
				}
				order(t, shut, func() { require.ErrorIs(t, c.Drain(context.Background(), "a"), context.Canceled) })
				require.LessOrEqual(t, time.Since(start), 2*time.Second)
			})
		})
	}
}
