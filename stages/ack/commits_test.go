package ack

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/internal/rig"
	"github.com/weir-go/weir/stages"
)

func TestCommitsFollowTheWatermarkOfEachPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l log
		c := &Commits[string, int]{Commit: l.commit}
		a, b := begun(t, c, "a", 1, 2, 3, 4, 5), begun(t, c, "b", 7, 9)
		a[3](nil)
		a[5](nil)
		b[7](nil)
		require.NoError(t, c.Flush(t.Context()))
		require.Equal(t, map[string][]int{"b": {7}}, l.committed())
		a[1](nil)
		a[1](errGone) // only the first call counts
		require.NoError(t, c.Flush(t.Context()))
		a[2](nil)
		require.NoError(t, c.Flush(t.Context()))
		require.Equal(t, 2, openOf(c, "a"))
		a[4](nil)
		b[9](nil)
		require.NoError(t, c.Flush(t.Context()))
		require.Equal(t, map[string][]int{"a": {1, 3, 5}, "b": {7, 9}}, l.committed())
		require.Zero(t, openOf(c, "a"))
		require.Empty(t, c.parts, "at rest there is nothing")
		require.NoError(t, c.Close(t.Context()))
	})
}

// Emit waits while the window is full. Begin does not.
func TestAFullWindowIsBackpressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l log
		c := &Commits[string, int]{Window: 2, Commit: l.commit}
		var took time.Duration
		w := flowOf(t, func(ctx context.Context, out *stages.Outlet[int]) error {
			for at := 1; at <= 3; at++ {
				begun := time.Now()
				require.NoError(t, c.Emit(ctx, out, "a", at, at))
				took = time.Since(begun)
				require.NoError(t, c.Emit(ctx, out, "b", at, 10*at))
				w := time.Since(begun)
				require.Equal(t, took, w, "another partition does not wait")
			}
			return nil
		})
		w.release(nil, 10, 20, 30)
		synctest.Wait()
		require.Equal(t, []int{1, 2, 10, 20}, w.inside())
		_, err := c.Begin("a", 3)
		require.ErrorIs(t, err, ErrFull)
		require.ErrorContains(t, err, ": a")
		w.release(nil, 2) // does not help: 1 is open
		time.Sleep(time.Minute)
		w.release(nil, 1, 3)
		require.NoError(t, w.wait())
		require.Equal(t, time.Minute, took)
		require.NoError(t, c.Close(t.Context()))
		require.Equal(t, 3, l.of["a"][len(l.of["a"])-1])
	})
}

// What Emit has refused is not emitted, and not open.
func TestWhatIsRefusedIsNowhere(t *testing.T) {
	for name, end := range map[string]func(*rig.Runtime){
		"stopped": func(rt *rig.Runtime) { rt.Stop() },
		"aborted": func(rt *rig.Runtime) { rt.Abort(errGone) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var l log
				c := &Commits[string, int]{Window: 2, Commit: l.commit}
				var got error
				w := flowOf(t, func(ctx context.Context, out *stages.Outlet[int]) error {
					for at := 1; got == nil; at++ {
						got = c.Emit(ctx, out, "a", at, at)
					}
					return got
				})
				time.Sleep(time.Second)
				end(w.rt)
				synctest.Wait()
				require.ErrorIs(t, got, context.Canceled)
				require.Equal(t, []int{1, 2}, w.inside())
				if name == "stopped" {
					w.release(nil, 1, 2)
					require.NoError(t, w.wait(), "the source was asked to stop, and did")
					require.NoError(t, c.Close(t.Context()))
					require.Equal(t, 2, l.of["a"][len(l.of["a"])-1])
					return
				}
				_ = w.wait()
				require.ErrorIs(t, c.Close(t.Context()), ErrHalted)
				require.Empty(t, l.of)
			})
		})
	}
}

// An aborted flow takes nothing, though there is room in the window.
func TestAnAbortedFlowTakesNoPosition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l log
		c := &Commits[string, int]{Commit: l.commit}
		var got, other error
		w := flowOf(t, func(ctx context.Context, out *stages.Outlet[int]) error {
			<-ctx.Done()
			synctest.Wait()
			got = c.Emit(ctx, out, "a", 1, 1)
			other = c.Emit(context.Background(), out, "a", 1, 1)
			return nil
		})
		w.rt.Abort(errGone)
		_ = w.wait()
		require.ErrorIs(t, got, context.Canceled)
		require.ErrorIs(t, other, stages.ErrAborted)
		require.Empty(t, c.parts)
		require.NoError(t, c.Close(t.Context()))
		require.Empty(t, l.of)
	})
}

// A position may have several values, or none.
func TestAPositionIsDoneWhenAllItsValuesAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l log
		c := &Commits[string, int]{Commit: l.commit}
		w := flowOf(t, func(ctx context.Context, out *stages.Outlet[int]) error {
			return errors.Join(c.Emit(ctx, out, "a", 1, 10, 11), c.Emit(ctx, out, "a", 2), c.Emit(ctx, out, "a", 3, 30))
		})
		w.release(nil, 10)
		synctest.Wait()
		require.Empty(t, l.committed())
		w.release(nil, 11)
		synctest.Wait()
		require.Equal(t, []int{2}, l.committed()["a"])
		w.release(nil, 30)
		require.NoError(t, w.wait())
		require.NoError(t, c.Close(t.Context()))
		require.Equal(t, []int{2, 3}, l.of["a"])
	})
}

func TestAFailureHaltsItsPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l log
		c := &Commits[string, int]{Window: 3, Commit: l.commit}
		var halted error
		w := flowOf(t, func(ctx context.Context, out *stages.Outlet[int]) error {
			for at := 1; halted == nil; at++ {
				halted = c.Emit(ctx, out, "a", at, at)
			}
			return c.Emit(ctx, out, "b", 1, 100) // goes on
		})
		time.Sleep(time.Second)
		w.release(errGone, 2)
		w.release(nil, 100)
		synctest.Wait()
		require.ErrorIs(t, halted, ErrHalted)
		require.ErrorIs(t, halted, errGone)
		require.ErrorContains(t, halted, "a at 2 failed")
		w.release(nil, 3, 1)
		_ = w.wait()
		require.Equal(t, []int{1, 2, 3, 100}, w.inside(), "nothing behind a halt")
		require.Equal(t, halted, c.Err())
		require.Equal(t, halted, c.Close(t.Context()))
		require.Equal(t, map[string][]int{"a": {1}, "b": {1}}, l.of, "all before it is committed, and nothing after")
	})
}

func TestAForgottenPartitionIsNotHaltedAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Commits[string, int]{Commit: (&log{}).commit}
		begun(t, c, "a", 1)[1](errGone)
		_, err := c.Begin("a", 2)
		require.ErrorIs(t, err, ErrHalted)
		c.Forget("a")
		c.Claim("a")
		begun(t, c, "a", 2)
		require.ErrorIs(t, c.Err(), errGone, "it is still told")
	})
}

// A Commit that fails, panics or ends its goroutine halts its partition, and no
// other. Flush tries again.
func TestACommitThatFailsHaltsItsPartition(t *testing.T) {
	for name, tt := range map[string]struct {
		fail func() error
		want error
	}{
		"error": {func() error { return errGone }, errGone},
		"panic": {func() error { panic(errFlaky) }, errFlaky},
		"exit":  {func() error { runtime.Goexit(); return nil }, stages.ErrGoexit},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var l log
				broken := true
				c := &Commits[string, int]{Commit: func(ctx context.Context, upTo map[string]int) error {
					if broken {
						return tt.fail()
					}
					return l.commit(ctx, upTo)
				}}
				a, b := begun(t, c, "a", 1, 2), begun(t, c, "b", 1)
				a[1](nil)
				synctest.Wait()
				_, err := c.Begin("a", 3)
				require.ErrorIs(t, err, ErrHalted)
				require.ErrorIs(t, err, tt.want)
				require.ErrorContains(t, err, "a could not be committed at 1")
				require.ErrorIs(t, c.Flush(t.Context()), tt.want)
				require.Empty(t, l.of)
				broken = false
				b[1](nil)
				synctest.Wait()
				require.Equal(t, map[string][]int{"b": {1}}, l.of)
				require.NoError(t, c.Flush(t.Context()), "tries again")
				require.Equal(t, map[string][]int{"a": {1}, "b": {1}}, l.of)
				a[2](nil)
				require.ErrorIs(t, c.Close(t.Context()), tt.want, "it was halted")
				require.Equal(t, map[string][]int{"a": {1, 2}, "b": {1}}, l.of)
			})
		})
	}
}

// Commits that are slow are made one at a time, skip what is overtaken, and hold up
// nothing.
func TestCommitsAreCoalesced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := log{takes: time.Second}
		c := &Commits[string, int]{Commit: l.commit}
		start := time.Now()
		a, b := begun(t, c, "a", 1, 2, 3), begun(t, c, "b", 1, 2)
		a[1](nil)
		synctest.Wait()
		a[2](nil)
		a[3](nil)
		b[1](nil)
		b[2](nil)
		require.Equal(t, start, time.Now())
		time.Sleep(3 * time.Second)
		require.Equal(t, map[string][]int{"a": {1, 3}, "b": {2}}, l.committed())
		require.Equal(t, 2, l.calls)
	})
}

// With an interval there is at most one call in it.
func TestCommitsAreMadeByInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l log
		c := &Commits[string, int]{Every: time.Minute, Commit: l.commit}
		done := begun(t, c, "a", 1, 2, 3, 4)
		done[1](nil)
		time.Sleep(59 * time.Second)
		done[2](nil)
		require.Empty(t, l.committed())
		time.Sleep(2 * time.Second)
		require.Equal(t, []int{2}, l.committed()["a"])
		done[3](nil)
		time.Sleep(58 * time.Second)
		require.Equal(t, []int{2}, l.committed()["a"])
		time.Sleep(3 * time.Second)
		require.Equal(t, []int{2, 3}, l.committed()["a"])
		start := time.Now()
		done[4](nil)
		require.NoError(t, c.Close(t.Context()))
		require.Equal(t, start, time.Now(), "Close does not wait for the interval")
		require.Equal(t, []int{2, 3, 4}, l.of["a"])
	})
}

func TestFlushWaitsForWhatIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := log{takes: time.Second}
		c := &Commits[string, int]{Every: time.Hour, Commit: l.commit}
		require.NoError(t, c.Flush(t.Context()), "nothing to do")
		done := begun(t, c, "a", 1, 2, 3, 4)
		start := time.Now()
		done[1](nil)
		go func() {
			time.Sleep(500 * time.Millisecond)
			done[2](nil) // while 1 is being committed
			require.NoError(t, c.Flush(t.Context()))
			require.Equal(t, 2*time.Second, time.Since(start))
		}()
		require.NoError(t, c.Flush(t.Context()))
		require.Equal(t, time.Second, time.Since(start), "it does not wait for what is done later")
		synctest.Wait()
		time.Sleep(2 * time.Second)
		require.Equal(t, []int{1, 2}, l.committed()["a"])

		done[3](nil)
		ctx, cancel := context.WithTimeoutCause(t.Context(), 500*time.Millisecond, errGone)
		defer cancel()
		require.ErrorIs(t, c.Flush(ctx), errGone)
		time.Sleep(time.Second)
		require.Equal(t, []int{1, 2, 3}, l.committed()["a"], "the commit goes on")
		require.NoError(t, c.Close(t.Context()))
	})
}

func TestCloseEndsTheGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := log{takes: time.Hour}
		c := &Commits[string, int]{Commit: l.commit}
		done := begun(t, c, "a", 1, 2)
		done[1](nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		flushed := make(chan error)
		go func() { flushed <- c.Flush(t.Context()) }()
		synctest.Wait()
		require.ErrorIs(t, c.Close(ctx), context.DeadlineExceeded)
		require.Equal(t, time.Minute, time.Since(start))
		require.Error(t, <-flushed)
		require.Nil(t, c.rounds.ended)
		_, err := c.Begin("a", 3)
		require.ErrorIs(t, err, ErrClosed)
		done[2](nil) // too late
		synctest.Wait()
		require.Empty(t, l.of)
		require.ErrorIs(t, c.Flush(t.Context()), ErrClosed)
		require.ErrorIs(t, c.Close(t.Context()), ErrHalted)
	})
}

// An Emit that waits is woken by Close.
func TestCloseRefusesWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l log
		c := &Commits[string, int]{Window: 1, Commit: l.commit}
		var got error
		w := flowOf(t, func(ctx context.Context, out *stages.Outlet[int]) error {
			got = errors.Join(c.Emit(ctx, out, "a", 1, 1), c.Emit(ctx, out, "a", 2, 2))
			return nil
		})
		synctest.Wait()
		require.NoError(t, c.Close(t.Context()))
		synctest.Wait()
		require.ErrorIs(t, got, ErrClosed)
		w.release(nil, 1)
		require.NoError(t, w.wait())
	})
}

func TestCommitsSayWhatIsWrongWithThem(t *testing.T) {
	_, err := (&Commits[string, int]{Window: -1, Every: -1, Pause: func(string) {}}).Begin("a", 1)
	require.ErrorContains(t, err, "Commit is nil")
	require.ErrorContains(t, err, "Window is negative")
	require.ErrorContains(t, err, "Every is negative")
	require.ErrorContains(t, err, "Pause and Resume are not both set")
}

func TestASnapshotTellsWhatIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Commits[string, int]{Window: 2, Commit: (&log{}).commit}
		require.Empty(t, c.Snapshot())
		start := time.Now()
		a := begun(t, c, "a", 1)
		time.Sleep(time.Second)
		b := begun(t, c, "b", 5, 6)
		time.Sleep(time.Second)
		begun(t, c, "a", 2)
		begun(t, c, "c", 9)[9](nil)
		synctest.Wait()
		require.Equal(t, []Partition[string, int]{
			{Key: "a", Open: 2, Unsettled: 2, First: 1, Since: start, Full: true},
			{Key: "b", Open: 2, Unsettled: 2, First: 5, Since: start.Add(time.Second), Full: true},
		}, c.Snapshot())
		a[1](nil)
		b[6](errGone)
		synctest.Wait()
		all := c.Snapshot()
		require.Equal(t, []string{"b", "a"}, []string{all[0].Key, all[1].Key})
		require.ErrorIs(t, all[0].Err, errGone)
		require.Equal(t, 1, all[0].Unsettled)
		require.Equal(t, 2, all[0].Open)
		require.Equal(t, Partition[string, int]{Key: "a", Open: 1, Unsettled: 1, First: 2, Since: start.Add(2 * time.Second)}, all[1])
	})
}

func TestTheDefaultWindow(t *testing.T) {
	c := &Commits[string, int]{Commit: (&log{}).commit}
	for at := range DefaultWindow {
		begun(t, c, "a", at)
	}
	_, err := c.Begin("a", DefaultWindow)
	require.ErrorIs(t, err, ErrFull)
}

// The window holds up the source; the watermark rises while workers finish out of
// order, and all is committed by the end.
func TestCommitsOfAFlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l log
		c := &Commits[string, int]{Window: 10, Commit: l.commit}
		w := flowOf(t, func(ctx context.Context, out *stages.Outlet[int]) error {
			for at := range 100 {
				if err := c.Emit(ctx, out, "a", at, at); err != nil {
					return err
				}
			}
			return nil
		})
		for v := range 100 {
			time.AfterFunc(time.Duration(v+v%7)*time.Millisecond, func() { w.release(nil, v) })
		}
		require.NoError(t, w.wait())
		require.NoError(t, c.Close(t.Context()))
		require.Equal(t, 99, l.of["a"][len(l.of["a"])-1])
		require.True(t, slices.IsSorted(l.of["a"]))
	})
}
