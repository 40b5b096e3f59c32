package fleet_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/store"
	"github.com/weir-go/weir/primitives/store/fleet"
	"github.com/weir-go/weir/primitives/store/storetest"
)

var downAndUp = []fleet.EventKind{fleet.Degraded, fleet.Recovered}

// Row 36: the store is down at the start. The node is a local breaker, there is
// one event, and when the store is back the fleet learns what it has missed.
func TestStoreDownAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		lonely, other := newNode(t, m, "a", fleet.ProbeOnce(time.Second)), newNode(t, m, "b", fleet.ProbeOnce(time.Second))
		lonely.way.Fail(errDown)
		lonely.run(t)
		other.run(t)
		pass(5 * time.Second)
		require.Equal(t, downAndUp[:1], lonely.seen())
		require.True(t, lonely.Snapshot().Degraded)
		require.NoError(t, lonely.call(nil))
		lonely.fails()
		pass(time.Second)
		require.ErrorIs(t, lonely.call(nil), breaker.ErrOpen)
		require.NoError(t, other.call(nil))
		lonely.way.Fail(nil)
		pass(time.Second)
		require.Equal(t, downAndUp, lonely.seen())
		require.Equal(t, open, other.local.State(), "the vote is told late, and holds for what is left of it")
		require.InDelta(t, 8*time.Second, other.local.Snapshot().RetryAfter, float64(time.Second))
		require.Empty(t, other.seen())
	})
}

// Row 36: the store goes down while the fleet is open. The decision holds until
// its own time is over; then the node probes by itself.
func TestStoreDownWhileOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := crew(t, store.NewMemory(), 2, fleet.ProbeOnce(time.Hour))
		nodes[0].fails()
		pass(time.Second)
		for _, n := range nodes {
			n.way.Fail(errDown)
		}
		pass(8 * time.Second)
		require.Equal(t, []breaker.State{open, open}, states(nodes))
		pass(time.Second + quick)
		require.NoError(t, nodes[1].call(nil))
		require.Equal(t, []breaker.State{half, closed}, states(nodes))
		for _, n := range nodes {
			n.way.Fail(nil)
		}
		pass(time.Second)
		require.Equal(t, []breaker.State{closed, closed}, states(nodes), "the verdict is told when the store is back")
		for _, n := range nodes {
			require.Equal(t, downAndUp, n.seen())
		}
	})
}

// Row 36: a store that comes and goes makes one event each way, and is asked
// once in a while and not by every call.
func TestStoreFlaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := crew(t, store.NewMemory(), 1)[0]
		for range 5 {
			n.way.Fail(errDown)
			before := n.way.Calls()
			for range 1000 {
				_ = n.call(errSick)
				pass(5 * time.Millisecond)
			}
			require.LessOrEqual(t, n.way.Calls()-before, 2*10+1, "one question and one stream for each half second")
			n.way.Fail(nil)
			pass(time.Second)
		}
		require.Len(t, n.seen(), 10)
		for i, kind := range n.seen() {
			require.Equal(t, downAndUp[i%2], kind)
		}
	})
}

// Row 36: no call waits for the store, however slow it is.
func TestSlowStoreSlowsNobodyDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := crew(t, store.NewMemory(), 1, fleet.ProbeOnce(time.Second))[0]
		n.way.Script(func(storetest.Call) storetest.Fault { return storetest.Fault{Delay: time.Hour} })
		begin := time.Now()
		for range 1000 {
			_ = n.call(errSick)
		}
		require.Zero(t, time.Since(begin))
		pass(600 * time.Millisecond)
		require.Equal(t, downAndUp[:1], n.seen(), "an answer that takes longer than the timeout is none")
		pass(10 * time.Second)
		begin = time.Now()
		require.NoError(t, n.call(nil))
		require.Zero(t, time.Since(begin))
	})
}

// Answers to writes are lost though they were made: nothing is told twice, and
// all agree in the end.
func TestLostAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := crew(t, store.NewMemory(), 2, fleet.ProbeOnce(time.Second))
		nodes[0].way.Script(func(c storetest.Call) storetest.Fault {
			if c.Op == storetest.CompareAndSet && c.N%2 == 1 {
				return storetest.Fault{After: errDown}
			}
			return storetest.Fault{}
		})
		nodes[0].fails()
		pass(2 * time.Second)
		require.Equal(t, []breaker.State{open, open}, states(nodes))
		pass(9 * time.Second)
		for states(nodes)[1] != closed {
			_ = nodes[0].call(nil)
			pass(10 * time.Millisecond)
		}
		pass(2 * time.Second)
		require.Equal(t, []breaker.State{closed, closed}, states(nodes))
		require.Equal(t, uint64(1), nodes[1].Snapshot().Epoch)
	})
}

// A vote whose answer was lost is withdrawn all the same: the node did not know
// that the store had it, and left it there.
func TestVoteIsWithdrawnThoughItsAnswerWasLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := crew(t, store.NewMemory(), 2)
		nodes[0].way.Script(func(c storetest.Call) storetest.Fault {
			if c.Op == storetest.CompareAndSet {
				return storetest.Fault{After: errDown}
			}
			return storetest.Fault{}
		})
		nodes[0].fails()
		pass(time.Second)
		require.Equal(t, []breaker.State{open, open}, states(nodes))
		nodes[0].local.Reset()
		nodes[0].way.Script(nil)
		pass(time.Second)
		require.Equal(t, []breaker.State{closed, closed}, states(nodes))
		require.False(t, nodes[1].Snapshot().Down)
	})
}

// A node that cannot look at what it conflicts with has not been answered.
func TestConflictsThatCannotBeLookedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := crew(t, mute{store.NewMemory()}, 1)[0]
		n.way.Script(func(c storetest.Call) storetest.Fault {
			return map[storetest.Op]storetest.Fault{
				storetest.CompareAndSet: {Err: store.ErrConflict}, storetest.Load: {Err: errDown},
			}[c.Op]
		})
		n.fails()
		pass(5 * time.Second)
		require.Equal(t, downAndUp[:1], n.seen())
		require.True(t, n.Snapshot().Degraded)
	})
}

// A write that fails is not tried again before the next question.
func TestAFailedWriteIsNotTriedAgainAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := crew(t, mute{store.NewMemory()}, 1)[0]
		n.way.Script(func(c storetest.Call) storetest.Fault {
			if c.Op == storetest.CompareAndSet {
				return storetest.Fault{Err: errDown}
			}
			return storetest.Fault{}
		})
		n.fails()
		pass(100 * time.Millisecond)
		require.Equal(t, 1, n.way.Calls(storetest.CompareAndSet))
		require.Zero(t, n.way.Calls(storetest.Load))
	})
}

// Run ends when it should, also while the store is slow.
func TestRunEndsWhileTheStoreIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, store.NewMemory(), "a")
		n.way.Script(func(storetest.Call) storetest.Fault { return storetest.Fault{Delay: 40 * time.Millisecond} })
		stop := n.run(t)
		time.Sleep(10 * time.Millisecond)
		begin := time.Now()
		stop()
		require.Zero(t, time.Since(begin))
		require.Empty(t, n.seen(), "that Run was ended says nothing about the store")
	})
}

// The hook is told the error and the time, and may call back. Its panic harms no other
// code.
func TestEventHook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		way := storetest.NewFaulty(store.NewMemory())
		way.Fail(errDown)
		var b *fleet.Breaker
		var seen []fleet.Event
		b, err := fleet.NewBreaker(way, breaker.Consecutive("m", 1, time.Second), fleet.OnEvent(func(e fleet.Event) {
			seen = append(seen, e)
			_ = b.Snapshot()
			if len(seen) == 1 {
				panic("hook")
			}
		}))
		require.NoError(t, err)
		begin := time.Now()
		go func() { _ = b.Run(t.Context()) }()
		synctest.Wait()
		way.Fail(nil)
		pass(time.Second)
		require.Len(t, seen, 2)
		require.Equal(t, fleet.Event{Name: "m", Kind: fleet.Degraded, Err: errDown, At: begin}, seen[0])
		require.Equal(t, "recovered", seen[1].Kind.String())
		require.NoError(t, seen[1].Err)
		require.Equal(t, uint64(1), b.Snapshot().HookPanics)
	})
}

// A hook that ends its goroutine ends Run with it; the breaker goes on as a
// local one.
func TestEventHookThatExits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		way := storetest.NewFaulty(store.NewMemory())
		way.Fail(errDown)
		b, err := fleet.NewBreaker(way, breaker.Consecutive("m", 1, time.Second),
			fleet.OnEvent(func(fleet.Event) { runtime.Goexit() }))
		require.NoError(t, err)
		go func() { _ = b.Run(t.Context()) }()
		synctest.Wait()
		require.False(t, b.Snapshot().Running)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _ = b.Run(ctx) }()
		synctest.Wait()
		require.True(t, b.Snapshot().Running)
	})
}
