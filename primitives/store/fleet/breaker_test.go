package fleet_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/store"
	"github.com/weir-go/weir/primitives/store/fleet"
	"github.com/weir-go/weir/primitives/store/storetest"
)

const (
	closed = breaker.Closed
	open   = breaker.Open
	half   = breaker.HalfOpen
)

// Row 35: what one node finds, the others know: at once if the store tells of
// writes, and otherwise by the next question.
func TestOpeningSpreads(t *testing.T) {
	for _, c := range []struct {
		name   string
		store  func() store.Store
		within time.Duration
	}{
		{"told", func() store.Store { return store.NewMemory() }, quick},
		{"asked", func() store.Store { return mute{store.NewMemory()} }, 500*time.Millisecond + quick},
	} {
		bubble(t, c.name, func(t *testing.T) {
			nodes := crew(t, c.store(), 3)
			pass(quick)
			nodes[0].fails()
			pass(c.within)
			require.Equal(t, []breaker.State{open, open, open}, states(nodes))
			for _, n := range nodes {
				require.ErrorIs(t, n.call(nil), breaker.ErrOpen)
				require.InDelta(t, 10*time.Second, n.local.Snapshot().RetryAfter, float64(c.within), "no node is shut out for longer than the first")
			}
		})
	}
}

// Without ProbeOnce each node finds out for itself.
func TestEachNodeProbesForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := crew(t, store.NewMemory(), 2)
		nodes[0].fails()
		pass(10*time.Second + quick)
		require.Equal(t, []breaker.State{half, half}, states(nodes))
		require.NoError(t, nodes[1].call(nil))
		pass(quick)
		require.Equal(t, []breaker.State{half, closed}, states(nodes))
		require.NoError(t, nodes[0].call(nil))
		pass(quick)
		require.Equal(t, []breaker.State{closed, closed}, states(nodes))
		require.False(t, nodes[0].Snapshot().Down)
	})
}

// A node that still fails when its window is over opens the others again.
func TestFailedProbeOpensAllAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := crew(t, store.NewMemory(), 2)
		nodes[0].fails()
		pass(10*time.Second + quick)
		require.NoError(t, nodes[1].call(nil))
		require.ErrorIs(t, nodes[0].call(errSick), errSick)
		pass(quick)
		require.Equal(t, []breaker.State{open, open}, states(nodes))
	})
}

// Enough nodes have withdrawn their votes: a node that was opened by these votes alone
// goes on before the time is over.
func TestWithdrawnVotesCloseTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := crew(t, store.NewMemory(), 3)
		nodes[0].fails()
		pass(quick)
		nodes[0].local.Reset()
		pass(quick)
		require.Equal(t, []breaker.State{closed, closed, closed}, states(nodes))
		require.Zero(t, nodes[1].Snapshot().Votes)
	})
}

// A node that has opened by itself is not closed by the withdrawal of another's vote.
func TestWithdrawnVotesLeaveOthersOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := crew(t, store.NewMemory(), 3, fleet.Quorum(2))
		nodes[0].fails()
		pass(quick)
		nodes[1].fails()
		pass(quick)
		require.Equal(t, []breaker.State{open, open, open}, states(nodes))
		nodes[1].local.Reset()
		pass(quick)
		require.Equal(t, []breaker.State{open, closed, closed}, states(nodes))
	})
}

// A breaker that only looks on has no vote.
func TestAShadowHasNoVote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		shadow := newNodeWith(t, m, "a", []breaker.Option{breaker.Start(breaker.Shadow)})
		shadow.run(t)
		other := crew(t, m, 1)[0]
		shadow.fails()
		pass(time.Second)
		require.Equal(t, open, shadow.local.State())
		require.Equal(t, closed, other.local.State())
		require.Zero(t, other.Snapshot().Votes)
	})
}

// Row 38: one sick node cannot open the circuit for all when the quorum is 2.
func TestOneSickNodeDoesNotMakeAQuorum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := crew(t, store.NewMemory(), 4, fleet.Quorum(2), fleet.ProbeOnce(5*time.Second))
		for range 20 { // however long it stays sick
			for nodes[0].local.State() != open {
				_ = nodes[0].call(errSick)
			}
			pass(11 * time.Second)
			for _, n := range nodes[1:] {
				require.NoError(t, n.call(nil))
				require.Zero(t, n.opened())
			}
		}
		require.False(t, nodes[1].Snapshot().Down)
		nodes[1].fails()
		nodes[0].local.Trip() // by hand: no vote
		pass(quick)
		require.Equal(t, closed, nodes[3].local.State())
		nodes[2].fails()
		pass(quick)
		require.Equal(t, []breaker.State{open, open, open, open}, states(nodes))
	})
}

// Row 39: calls cost no store operation. A fleet in which nothing happens asks
// for news and writes nothing.
func TestHealthyCallsDoNotTouchTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := crew(t, store.NewMemory(), 2, fleet.ProbeOnce(time.Second))
		pass(10*time.Second + quick)
		before := nodes[0].way.Calls()
		for range 10_000 {
			require.NoError(t, nodes[0].call(nil))
			_ = nodes[0].call(errSick) // one in a row opens nothing
		}
		synctest.Wait()
		require.Equal(t, before, nodes[0].way.Calls())
		pass(10 * time.Second)
		require.Equal(t, before+20, nodes[0].way.Calls(), "a question every 500 ms")
		require.Zero(t, nodes[0].way.Calls(storetest.CompareAndSet))
	})
}

// A storm of failures is one opening, one vote and one event for each node.
func TestStormOpensOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := crew(t, store.NewMemory(), 8)
		done := make(chan struct{})
		for i := range 64 {
			go func() {
				for range 100 {
					_ = nodes[i%8].call(errSick)
				}
				done <- struct{}{}
			}()
		}
		for range 64 {
			<-done
		}
		pass(time.Second)
		for _, n := range nodes {
			require.Equal(t, open, n.local.State())
			require.Equal(t, 1, n.opened())
			require.LessOrEqual(t, n.way.Calls(storetest.CompareAndSet), 1)
		}
	})
}

func TestLocalSharesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := crew(t, store.NewMemory(), 2, fleet.Local())
		nodes[0].fails()
		pass(time.Minute)
		require.Equal(t, []breaker.State{half, closed}, states(nodes))
		require.NoError(t, nodes[0].call(nil))
		require.Zero(t, nodes[0].way.Calls())
	})
}

// Breakers of other names have nothing to do with it, and a name may be anything.
func TestNamesAreKeptApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		var all []*breaker.Breaker
		for _, name := range []string{"a", "a/vote", "a/vote/x", "A", "a "} {
			b, err := fleet.NewBreaker(m, breaker.Consecutive(name, 1, time.Hour), fleet.Node("x"))
			require.NoError(t, err)
			local, _ := b.Breaker()
			all = append(all, local)
			go func() { _ = b.Run(t.Context()) }()
		}
		synctest.Wait()
		all[0].RecordFailure()
		pass(time.Second)
		for _, b := range all[1:] {
			require.Equal(t, closed, b.State())
		}
	})
}

// A node that has opened by itself and for longer stays open for as long as it
// wanted to.
func TestOwnOpeningIsNotShortened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := crew(t, store.NewMemory(), 3, fleet.Quorum(2))
		nodes[0].fails()
		pass(5 * time.Second)
		nodes[1].fails()
		pass(quick)
		for i, left := range []time.Duration{5, 10, 5} {
			require.Equal(t, left*time.Second-quick, nodes[i].local.Snapshot().RetryAfter)
		}
	})
}

// A node that starts during an outage knows of it from its first question on.
func TestNewcomerKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		crew(t, m, 1)[0].fails()
		pass(4 * time.Second)
		late := newNode(t, m, "late")
		late.run(t)
		require.Equal(t, open, late.local.State())
		require.Equal(t, 6*time.Second, late.local.Snapshot().RetryAfter)
	})
}

// What is done by hand holds until the fleet decides something new, and a breaker
// that is forced open or switched off is left alone.
func TestByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := crew(t, store.NewMemory(), 3)
		nodes[0].fails()
		pass(quick)
		nodes[1].local.Reset()
		nodes[2].local.SetMode(breaker.Disabled)
		pass(5 * time.Second)
		require.NoError(t, nodes[1].call(nil))
		require.NoError(t, nodes[2].call(nil))
		require.Equal(t, open, nodes[0].local.State())
	})
}

func TestRunTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, store.NewMemory(), "a")
		stop := n.run(t)
		err := n.Run(t.Context())
		require.ErrorIs(t, err, fleet.ErrRunning)
		require.EqualError(t, err, `fleet "model": already running`)
		require.True(t, n.Snapshot().Running)
		stop()
		require.False(t, n.Snapshot().Running)
		n.run(t)
		require.True(t, n.Snapshot().Running)
	})
}

// A breaker that does not share, or shares no longer, is a local one.
func TestWithoutRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, store.NewMemory(), "a", fleet.ProbeOnce(time.Second))
		stop := n.run(t)
		n.fails()
		pass(time.Second)
		stop()
		pass(10 * time.Second)
		require.NoError(t, n.call(nil))
		require.Equal(t, closed, n.local.State())
	})
}

func TestSnapshotTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := crew(t, store.NewMemory(), 2)
		nodes[0].fails()
		pass(4 * time.Second)
		require.Equal(t, fleet.BreakerSnapshot{
			Name: "model", Node: "b", Running: true, Down: true, OpenFor: 6 * time.Second, Votes: 1, Quorum: 1,
		}, nodes[1].Snapshot())
	})
}

// It is a breaker.Source, so it stands wherever a policy does.
var _ breaker.Source = (*fleet.Breaker)(nil)

// So does its gate, if the fleet has none of its own.
func TestGateOfThePolicyStaysWithoutProbeOnce(t *testing.T) {
	for _, c := range []struct {
		opts  []fleet.Option
		asked bool
	}{{nil, true}, {[]fleet.Option{fleet.ProbeOnce(time.Second)}, false}} {
		asked := false
		gate := breaker.ProbeGate(func() time.Duration { asked = true; return time.Hour })
		b, err := fleet.NewBreaker(store.NewMemory(), breaker.Consecutive("m", 1, 0, gate), c.opts...)
		require.NoError(t, err)
		local, _ := b.Breaker()
		local.RecordFailure()
		_, err = local.Allow()
		require.Equal(t, c.asked, asked)
		require.Equal(t, c.asked, err != nil)
	}
}

// The hooks that the policy brings hear all, and may call back.
func TestHooksOfThePolicyStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b *fleet.Breaker
		var seen []string
		hook := breaker.OnChange(func(c breaker.Change) {
			local, _ := b.Breaker()
			seen = append(seen, fmt.Sprintln(c.To, local.State(), b.Snapshot().Name))
		})
		b, err := fleet.NewBreaker(store.NewMemory(), breaker.Consecutive("m", 1, time.Second, hook))
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _ = b.Run(ctx) }()
		local, _ := b.Breaker()
		local.RecordFailure()
		synctest.Wait()
		require.Equal(t, []string{"open open m\n"}, seen)
	})
}
