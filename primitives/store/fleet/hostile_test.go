package fleet_test

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/store"
	"github.com/weir-go/weir/primitives/store/fleet"
	"github.com/weir-go/weir/primitives/store/storetest"
)

func put(t *testing.T, s store.Store, key string, value []byte) {
	t.Helper()
	e, err := s.Load(t.Context(), key)
	require.NoError(t, err)
	_, err = s.CompareAndSet(t.Context(), key, e.Revision, value, time.Hour)
	require.NoError(t, err)
}

func sealed(body string) []byte {
	return fmt.Appendf(nil, "%08x%s", crc32.ChecksumIEEE([]byte(body)), body)
}

// Row 37: what cannot be read is ignored and counted: garbage, another schema,
// and a value of which one digit is wrong.
func TestUnreadableState(t *testing.T) {
	good := sealed(`{"v":1,"epoch":0,"for":10000000000}`)
	for name, value := range map[string][]byte{
		"empty":        {},
		"garbage":      []byte("\x00\xff garbage"),
		"cut":          good[:len(good)-3],
		"wrong digit":  bytes.Replace(good, []byte("10000000000"), []byte("90000000000"), 1),
		"no JSON":      sealed(`{"v":1,`),
		"older schema": sealed(`{"v":0,"open":true,"until":"2026-01-01T00:00:00Z"}`),
		"newer schema": sealed(`{"v":2,"for":"a lot"}`),
		"other types":  sealed(`{"v":1,"for":"a lot"}`),
	} {
		bubble(t, name, func(t *testing.T) {
			m := store.NewMemory()
			put(t, m, "breaker/model/vote/x", value)
			put(t, m, "breaker/model/verdict", value)
			put(t, m, "breaker/model/else", value)
			nodes := crew(t, m, 2, fleet.ProbeOnce(time.Second))
			require.Equal(t, closed, nodes[0].local.State())
			require.GreaterOrEqual(t, nodes[0].Snapshot().Ignored, uint64(2))
			nodes[0].fails()
			pass(quick)
			require.Equal(t, []breaker.State{open, open}, states(nodes))
			pass(10 * time.Second)
			ask(nodes, time.Second, nil)
			require.Equal(t, []breaker.State{closed, closed}, states(nodes), "a verdict is written over what cannot be read")
		})
	}
	bubble(t, "control", func(t *testing.T) {
		m := store.NewMemory()
		put(t, m, "breaker/model/vote/x", good)
		require.Equal(t, open, crew(t, m, 1)[0].local.State())
	})
}

// Row 37: a node to whom every answer comes mutilated goes on by itself, and
// joins the others again when they come whole.
func TestCorruptedAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := crew(t, store.NewMemory(), 2)
		nodes[1].way.Script(func(storetest.Call) storetest.Fault {
			return storetest.Fault{Corrupt: func(v []byte) []byte { return append(v[:len(v)/2:len(v)/2], "x"...) }}
		})
		nodes[0].fails()
		pass(time.Second)
		require.Equal(t, []breaker.State{open, closed}, states(nodes))
		require.Positive(t, nodes[1].Snapshot().Ignored)
		nodes[1].way.Script(nil)
		pass(time.Second)
		require.Equal(t, []breaker.State{open, open}, states(nodes))
	})
}

// Row 37: a replica answers with what was there before. What is known already
// stays known.
func TestStaleAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := crew(t, store.NewMemory(), 2)
		nodes[0].fails()
		pass(quick)
		// From here on both nodes read the past of what they write themselves.
		for _, n := range nodes {
			n.way.Script(func(storetest.Call) storetest.Fault { return storetest.Fault{Stale: true} })
		}
		nodes[0].local.Reset()
		pass(quick)
		require.Equal(t, []breaker.State{closed, closed}, states(nodes), "told by the stream")
		pass(5 * time.Second)
		require.Equal(t, []breaker.State{closed, closed}, states(nodes))
		require.Positive(t, nodes[0].Snapshot().Old)
		require.Empty(t, nodes[0].seen(), "a replica that lags behind has not lost anything")
	})
}

// Row 37: events come out of order, or not at all.
func TestReorderedAndLostEvents(t *testing.T) {
	for name, fault := range map[string]func(storetest.Call) storetest.Fault{
		"reordered": func(c storetest.Call) storetest.Fault {
			return storetest.Fault{Hold: c.Op == storetest.Event && c.N%2 == 0}
		},
		"dropped": func(c storetest.Call) storetest.Fault {
			return storetest.Fault{Drop: c.Op == storetest.Event && c.N > 1}
		},
		"lost": func(c storetest.Call) storetest.Fault {
			return storetest.Fault{Lose: c.Op == storetest.Event}
		},
		"cut": func(c storetest.Call) storetest.Fault {
			if c.Op == storetest.Event && c.N%3 == 0 {
				return storetest.Fault{Err: errDown}
			}
			return storetest.Fault{}
		},
	} {
		bubble(t, name, func(t *testing.T) {
			m := store.NewMemory()
			nodes := []*node{newNode(t, m, "a"), newNode(t, m, "b")}
			nodes[1].way.Script(fault)
			nodes[0].run(t)
			nodes[1].run(t)
			for range 20 {
				nodes[0].fails()
				pass(quick)
				nodes[0].local.Reset()
				pass(quick)
			}
			pass(time.Second)
			require.Equal(t, []breaker.State{closed, closed}, states(nodes))
			nodes[0].fails()
			pass(time.Second)
			require.Equal(t, []breaker.State{open, open}, states(nodes))
			require.Empty(t, nodes[1].seen(), "a stream that is cut does not mean that the store is down")
		})
	}
}

// Row 37: the store tells ages that are off by an hour. No opening becomes
// longer by it than its node wanted.
func TestAgesOffByAnHour(t *testing.T) {
	for _, off := range []time.Duration{-time.Hour, time.Hour} {
		bubble(t, off.String(), func(t *testing.T) {
			m := store.NewMemory()
			sound, wrong := newNode(t, m, "a"), newNode(t, skewed{m, off}, "b")
			sound.run(t)
			wrong.run(t)
			sound.fails()
			pass(time.Second)
			s := wrong.local.Snapshot()
			if off < 0 {
				require.InDelta(t, 9*time.Second, s.RetryAfter, float64(time.Second))
			} else {
				require.Equal(t, closed, s.State, "news of an hour ago are over")
			}
			pass(10 * time.Second)
			require.NoError(t, wrong.call(nil))
			wrong.fails()
			pass(time.Second)
			require.Equal(t, open, sound.local.State())
			require.Equal(t, open, wrong.local.State())
		})
	}
}

type skewed struct {
	store.Store
	off time.Duration
}

func (s skewed) List(ctx context.Context, folder string) ([]store.Entry, error) {
	all, err := s.Store.List(ctx, folder)
	for i := range all {
		all[i].Age += s.off
	}
	return all, err
}

// Row 37: the clocks of the nodes do not matter: nodes whose clocks differ by an hour
// write the same bytes.
func TestNoClockCrossesTheWire(t *testing.T) {
	var written [][]byte
	for _, off := range []time.Duration{0, time.Hour, 2 * time.Hour} {
		bubble(t, off.String(), func(t *testing.T) {
			time.Sleep(off)
			m := store.NewMemory()
			nodes := crew(t, m, 2, fleet.ProbeOnce(time.Second), fleet.Quorum(2))
			nodes[0].fails()
			nodes[1].fails()
			pass(10*time.Second + quick)
			ask(nodes, time.Second, errSick)
			var all []byte
			for _, key := range []string{"vote/a", "vote/b", "verdict"} {
				e, err := m.Load(t.Context(), "breaker/model/"+key)
				require.NoError(t, err)
				all = append(all, e.Value...)
			}
			written = append(written, all)
		})
	}
	require.Contains(t, string(written[0]), `"for":`)
	require.Equal(t, written[0], written[1])
	require.Equal(t, written[0], written[2])
}

// Row 37: a storm of conflicts converges. The store was down, so every node has
// probed by itself; when it is back all tell their verdicts at once.
func TestVerdictStormConverges(t *testing.T) {
	bubble(t, "told", func(t *testing.T) {
		m := store.NewMemory()
		verdictStorm(t, m, m)
	})
	bubble(t, "asked", func(t *testing.T) {
		m := store.NewMemory()
		verdictStorm(t, m, mute{m})
	})
}

func verdictStorm(t *testing.T, m *store.Memory, s store.Store) {
	nodes := crew(t, s, 16, fleet.ProbeOnce(5*time.Second))
	verdicts := 0
	go func() {
		for e := range m.Watch(t.Context(), "breaker/model/") {
			if e.Entry.Key == "breaker/model/verdict" {
				verdicts++
			}
		}
	}()
	nodes[0].fails()
	pass(9 * time.Second)
	for _, n := range nodes {
		n.way.Fail(errDown)
	}
	pass(time.Second + quick)
	for i, n := range nodes {
		_ = n.call([]error{nil, errSick}[i%2])
	}
	for _, n := range nodes {
		n.way.Script(func(c storetest.Call) storetest.Fault {
			if c.Op == storetest.CompareAndSet && c.N%3 != 0 {
				return storetest.Fault{Err: store.ErrConflict}
			}
			return storetest.Fault{}
		})
	}
	pass(2 * time.Second)
	require.Equal(t, 1, verdicts, "of all verdicts about one epoch the first counts")
	first := nodes[0].Snapshot()
	require.Equal(t, uint64(1), first.Epoch)
	for _, n := range nodes {
		s := n.Snapshot()
		require.Equal(t, first.Epoch, s.Epoch)
		require.Equal(t, first.Down, s.Down)
		require.Equal(t, nodes[0].local.State(), n.local.State())
	}
}

// Conflicts without an end, as those of a node whose reads are old, make no hot loop, and
// keep no node from its service.
func TestConflictsForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := crew(t, store.NewMemory(), 1, fleet.ProbeOnce(time.Second))[0]
		n.way.Script(func(c storetest.Call) storetest.Fault {
			if c.Op == storetest.CompareAndSet {
				return storetest.Fault{Err: store.ErrConflict}
			}
			return storetest.Fault{}
		})
		n.fails()
		pass(10*time.Second + quick)
		require.LessOrEqual(t, n.way.Calls(storetest.CompareAndSet), 21*8)
		require.NoError(t, n.call(nil))
		require.Equal(t, closed, n.local.State())
	})
}

// The time for which one node can shut out the fleet is bounded.
func TestNoNodeShutsTheFleetOutForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		b, err := fleet.NewBreaker(m, breaker.Consecutive("model", 1, 1<<62))
		require.NoError(t, err)
		go func() { _ = b.Run(t.Context()) }()
		n := crew(t, m, 1)[0]
		local, _ := b.Breaker()
		local.RecordFailure()
		pass(time.Minute)
		require.Equal(t, open, n.local.State())
		pass(time.Hour)
		require.NoError(t, n.call(nil))
		// Nor does one that knows of no bound.
		put(t, m, "breaker/model/vote/x", sealed(`{"v":1,"for":9223372036854775807}`))
		pass(time.Second)
		require.LessOrEqual(t, n.local.Snapshot().RetryAfter, time.Hour)
		require.Equal(t, open, n.local.State())
	})
}
