package ack

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/stages"
)

// hooks notes what Pause and Resume are called for.
type hooks struct {
	mu   sync.Mutex
	told []string
}

func (h *hooks) note(what string) func(string) {
	return func(partition string) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.told = append(h.told, what+" "+partition)
	}
}

// heard returns what was called since it was last asked.
func (h *hooks) heard() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	told := h.told
	h.told = nil
	return told
}

// A slow partition is paused, and the poll goes on with the others.
func TestAFullPartitionIsPausedAndThePollIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l log
		var h hooks
		c := &Commits[string, int]{Window: 4, Commit: l.commit, Pause: h.note("pause"), Resume: h.note("resume")}
		start := time.Now()
		w := flowOf(t, func(ctx context.Context, out *stages.Outlet[int]) error {
			for at := range 6 { // one poll
				require.NoError(t, c.Emit(ctx, out, "slow", at, at))
				require.NoError(t, c.Emit(ctx, out, "quick", at, 10+at))
				time.Sleep(time.Second)
			}
			return nil
		})
		w.release(nil, 10, 11, 12, 13, 14, 15)
		time.Sleep(10 * time.Second)
		require.Equal(t, 10*time.Second, time.Since(start))
		require.Equal(t, 6, openOf(c, "slow"), "what was polled already goes in")
		require.Equal(t, []string{"pause slow"}, h.heard())
		w.release(nil, 1, 2, 3, 4)
		synctest.Wait()
		require.Empty(t, h.heard())
		w.release(nil, 0)
		synctest.Wait()
		require.Equal(t, []string{"resume slow"}, h.heard())
		w.release(nil, 5)
		require.NoError(t, w.wait())
		require.NoError(t, c.Close(t.Context()))
		require.Equal(t, 5, l.of["quick"][len(l.of["quick"])-1])
		require.Equal(t, []int{4, 5}, l.of["slow"])
		require.Empty(t, c.parts)
	})
}

// The window has room again when half of it is free, and not before.
func TestAPausedPartitionIsResumedAtHalf(t *testing.T) {
	for _, window := range []int{1, 2, 3, 4} {
		t.Run(fmt.Sprint(window), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var h hooks
				c := &Commits[string, int]{Window: window, Commit: (&log{}).commit, Pause: h.note("pause"), Resume: h.note("resume")}
				var done []func(error)
				for at := range window {
					require.Empty(t, h.heard())
					done = append(done, begun(t, c, "a", at)[at])
				}
				require.Equal(t, []string{"pause a"}, h.heard())
				begun(t, c, "a", window)
				require.Empty(t, h.heard(), "it is paused once")
				for at := range window {
					open := openOf(c, "a")
					done[at](nil)
					if open-1 == window/2 {
						require.Equal(t, []string{"resume a"}, h.heard())
					} else {
						require.Empty(t, h.heard())
					}
				}
				require.NoError(t, c.Close(t.Context()))
			})
		})
	}
}

// A partition that is given up is resumed: the broker would keep it paused for the
// next time.
func TestAPausedPartitionThatIsGivenUpIsResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h hooks
		c := &Commits[string, int]{Window: 1, Commit: (&log{}).commit, Pause: h.note("pause"), Resume: h.note("resume")}
		done := begun(t, c, "a", 1, 2)
		c.Forget("a")
		require.Equal(t, []string{"pause a", "resume a"}, h.heard())
		done[1](nil)
		require.Empty(t, h.heard())
		c.Claim("a")
		begun(t, c, "a", 1, 2)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Error(t, c.Drain(ctx, "a"))
		require.Equal(t, []string{"pause a", "resume a"}, h.heard())
		require.Empty(t, c.parts)
	})
}

// The last call says how it is, however slow a hook is.
func TestTheLastHookIsRight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h hooks
		c := &Commits[string, int]{Window: 1, Commit: (&log{}).commit, Resume: h.note("resume")}
		c.Pause = func(partition string) {
			time.Sleep(time.Second)
			h.note("pause")(partition)
		}
		go begun(t, c, "a", 1)
		time.Sleep(500 * time.Millisecond)
		c.mu.Lock()
		p, o := c.parts["a"], c.parts["a"].open[0]
		c.mu.Unlock()
		c.finish(p, o, nil) // while Pause is being called
		require.Empty(t, h.heard())
		time.Sleep(time.Second)
		require.Equal(t, []string{"pause a", "resume a"}, h.heard())
		require.NoError(t, c.Flush(t.Context()))
		require.Empty(t, c.parts)
	})
}

// The panic of a hook is the caller's, and the next hook is called all the same.
func TestAHookThatPanics(t *testing.T) {
	var h hooks
	c := &Commits[string, int]{Window: 2, Commit: (&log{}).commit, Pause: func(string) { panic("no") }, Resume: h.note("resume")}
	done := begun(t, c, "a", 1)
	require.PanicsWithValue(t, "no", func() { _, _ = c.Begin("a", 2) })
	done[1](nil)
	require.Equal(t, []string{"resume a"}, h.heard())
	c.Forget("a")
	require.NoError(t, c.Close(t.Context()))
}
