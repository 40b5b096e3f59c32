package fleet_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/store"
	"github.com/weir-go/weir/primitives/store/fleet"
)

// ask lets every node make a call each millisecond for d, which the service
// answers with err, and returns how many got through. In between the goroutines
// of the nodes have their turn.
func ask(nodes []*node, d time.Duration, err error) (through []int) {
	through = make([]int, len(nodes))
	for end := time.Now().Add(d); time.Now().Before(end); pass(time.Millisecond) {
		for i, n := range nodes {
			token, refused := n.local.Allow()
			if refused == nil {
				through[i]++
				n.local.Record(context.Background(), &token, err)
			}
		}
	}
	return through
}

func sum(counts []int) (total int) {
	for _, c := range counts {
		total += c
	}
	return total
}

// Row 35: one probe in total, and its success closes all.
func TestOneProbeClosesAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := crew(t, store.NewMemory(), 5, fleet.ProbeOnce(5*time.Second))
		nodes[0].fails()
		pass(quick)
		require.Zero(t, sum(ask(nodes, 10*time.Second-quick, nil)), "the window is kept by all")
		var probe breaker.Token
		var prober []*node
		for range 1000 { // a crowd, while the probe is under way
			for _, n := range nodes {
				if token, err := n.local.Allow(); err == nil {
					probe, prober = token, append(prober, n)
				} else {
					var refused *breaker.OpenError
					require.ErrorAs(t, err, &refused)
					require.Positive(t, refused.After())
				}
			}
			pass(time.Millisecond)
		}
		require.Len(t, prober, 1)
		prober[0].local.Record(t.Context(), &probe, nil)
		pass(quick)
		require.Equal(t, []breaker.State{closed, closed, closed, closed, closed}, states(nodes))
		require.Equal(t, uint64(1), nodes[3].Snapshot().Epoch)
		require.False(t, nodes[3].Snapshot().Down)
	})
}

// A probe that fails opens all for another window, and the next probe is another
// node's: a sick one does not do all the probing.
func TestFailedProbeIsFollowedByAnotherNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := crew(t, store.NewMemory(), 3, fleet.ProbeOnce(time.Minute))
		nodes[0].fails()
		pass(10*time.Second + quick)
		through := ask(nodes, 10*time.Second*20, errSick)
		require.InDelta(t, 20, sum(through), 1, "one probe in each window")
		for _, n := range through {
			require.LessOrEqual(t, n, 11)
		}
		require.Equal(t, []breaker.State{open, open, open}, states(nodes))
		pass(10 * time.Second)
		ask(nodes, time.Second, nil)
		require.Equal(t, []breaker.State{closed, closed, closed}, states(nodes))
	})
}

// A node whose probe has failed stands back for one Every after the opening, so that a
// sick node does not do all the probing though it always asks first.
func TestASickNodeStandsBack(t *testing.T) {
	for _, every := range []time.Duration{200 * time.Millisecond, longest} {
		bubble(t, every.String(), func(t *testing.T) {
			nodes := crew(t, store.NewMemory(), 2, fleet.ProbeOnce(2*time.Second), fleet.Every(every))
			sick, well := nodes[0], nodes[1]
			pass(time.Hour)
			sick.fails()
			probes := 0
			count := func(context.Context) (int, error) { probes++; return 0, errSick }
			for end := time.Now().Add(time.Minute); well.local.State() != closed || probes == 0; {
				require.True(t, time.Now().Before(end), "the well node never probes; the sick one has, %d times", probes)
				_, _ = sick.local.Do(t.Context(), count)
				pass(5 * time.Millisecond)
				if well.local.State() != closed {
					_ = well.call(nil)
				}
				pass(5 * time.Millisecond)
			}
			require.Equal(t, 1, probes)
		})
	}
}

// A node that comes when the opening is over, and before a verdict, does not call the
// service as if it were up.
func TestALateNodeProbesToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		first := crew(t, m, 1, fleet.ProbeOnce(time.Minute))[0]
		first.fails()
		pass(11 * time.Second)
		late := newNode(t, m, "late", fleet.ProbeOnce(time.Minute))
		late.run(t)
		require.NotEqual(t, closed, late.local.State())
		require.Equal(t, 1, sum(ask([]*node{first, late}, time.Second, errSick)))
	})
}

// A node that wants to probe before the fleet's time is over, such as by hand, is told how
// long that is.
func TestNoNodeProbesEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := crew(t, store.NewMemory(), 2, fleet.ProbeOnce(time.Minute))
		nodes[0].fails()
		pass(time.Second)
		nodes[1].local.OpenFor(0)
		var refused *breaker.OpenError
		require.ErrorAs(t, nodes[1].call(nil), &refused)
		require.Equal(t, 9*time.Second, refused.After())
	})
}

// A verdict that could not be told in time is not told: the service may be down
// again by now. The vote is withdrawn, and each finds out for itself.
func TestOldVerdictIsNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := crew(t, store.NewMemory(), 2, fleet.ProbeOnce(5*time.Second))
		nodes[0].fails()
		pass(time.Second)
		nodes[0].way.Fail(errDown)
		pass(9*time.Second + quick)
		require.NoError(t, nodes[0].call(nil))
		pass(30 * time.Second)
		nodes[0].way.Fail(nil)
		pass(time.Second)
		require.Equal(t, []breaker.State{closed, half}, states(nodes))
		require.Zero(t, nodes[1].Snapshot().Epoch)
		require.NoError(t, nodes[1].call(nil))
	})
}

// Row 35: the node that probes crashes. Its lease ends, and another one probes.
func TestProbeOwnerCrashes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := crew(t, store.NewMemory(), 2, fleet.ProbeOnce(5*time.Second))
		nodes[0].fails()
		pass(10*time.Second + quick)
		for nodes[0].Snapshot().Lease == 0 {
			_ = nodes[0].call(nil)
			pass(time.Millisecond)
		}
		pass(50 * time.Millisecond)
		_, err := nodes[0].local.Allow() // and never comes back
		require.NoError(t, err)
		nodes[0].way.Fail(errDown)
		require.Zero(t, sum(ask(nodes[1:], 4700*time.Millisecond, nil)))
		require.Positive(t, sum(ask(nodes[1:], 800*time.Millisecond, nil)))
		require.Equal(t, closed, nodes[1].local.State())
	})
}

// A node that leaves in good order gives its lease back.
func TestProbeOwnerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		nodes := []*node{
			newNode(t, m, "a", fleet.ProbeOnce(time.Hour)), newNode(t, m, "b", fleet.ProbeOnce(time.Hour)),
		}
		leave := nodes[0].run(t)
		nodes[1].run(t)
		nodes[0].fails()
		pass(10*time.Second + quick)
		for nodes[0].Snapshot().Lease == 0 {
			_ = nodes[0].call(nil)
			pass(time.Millisecond)
		}
		leave()
		require.Positive(t, sum(ask(nodes[1:], time.Second, nil)))
	})
}

// A probe whose outcome never comes, because the call hangs, panics or is
// forgotten, keeps no node from probing for longer than the lease.
func TestLostProbeDoesNotWedge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := crew(t, store.NewMemory(), 3, fleet.ProbeOnce(5*time.Second))
		nodes[0].fails()
		var lost atomic.Int64
		for range 240 { // every probe of 20 minutes is lost
			for _, n := range nodes {
				if _, err := n.local.Allow(); err == nil {
					lost.Add(1)
				}
			}
			pass(5 * time.Second)
		}
		require.Greater(t, lost.Load(), int64(10))
		pass(time.Hour)
		require.Positive(t, sum(ask(nodes, 10*time.Second, nil)))
		require.Equal(t, []breaker.State{closed, closed, closed}, states(nodes))
	})
}

// Several probes of one breaker, if its policy wants them, are the fleet's one.
func TestProbeOfSeveralCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		policy := breaker.Consecutive("model", 1, time.Second, breaker.CloseAfter(3, 3))
		var locals []*breaker.Breaker
		for _, name := range []string{"a", "b"} {
			b, err := fleet.NewBreaker(m, policy, fleet.Node(name), fleet.ProbeOnce(time.Second))
			require.NoError(t, err)
			go func() { _ = b.Run(t.Context()) }()
			local, _ := b.Breaker()
			locals = append(locals, local)
		}
		synctest.Wait()
		locals[0].RecordFailure()
		pass(time.Second)
		through := 0
		for locals[1].State() != closed {
			token, err := locals[0].Allow()
			if err == nil {
				through++
				locals[0].Record(t.Context(), &token, nil)
			}
			pass(time.Millisecond)
		}
		require.Equal(t, 3, through)
	})
}

// A store that hangs, against its contract, does not keep a node from its
// service, nor does it make calls wait.
func TestStoreThatHangsForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &hanging{Memory: store.NewMemory(), release: make(chan struct{})}
		n := newNode(t, s, "a", fleet.ProbeOnce(time.Second))
		n.run(t)
		n.fails()
		pass(quick)
		s.hangs.Store(true)
		pass(10 * time.Second)
		begin := time.Now()
		for n.local.State() != closed {
			_ = n.call(nil)
			require.Less(t, time.Since(begin), 2*time.Second)
			time.Sleep(time.Millisecond)
		}
		close(s.release)
	})
}

type hanging struct {
	*store.Memory
	hangs   atomic.Bool
	release chan struct{}
}

func (h *hanging) List(ctx context.Context, folder string) ([]store.Entry, error) {
	if h.hangs.Load() {
		<-h.release
	}
	return h.Memory.List(ctx, folder)
}
