package fleet_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/store"
	"github.com/weir-go/weir/primitives/store/fleet"
)

const longest = time.Duration(math.MaxInt64)

// The fault: sums of durations overflowed. A result kept for ever was older than its ttl,
// so that its callers looked for it in a loop without end. A caller that could wait for
// ever did not wait at all.
func TestDedupLongestDurations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := workers(t, mute{store.NewMemory()}, 2, longest, fleet.Wait(longest), fleet.Claim(longest))
		time.Sleep(time.Hour)
		j := &job{takes: 20 * time.Second}
		for _, a := range doAll(t.Context(), all, 2, "k", j.run) {
			require.NoError(t, a.err)
			require.Equal(t, 1, a.value)
			require.LessOrEqual(t, a.after, 21*time.Second)
		}
		require.Equal(t, int64(1), j.done.Load())
		time.Sleep(time.Hour)
		for _, a := range doAll(t.Context(), all, 2, "k", j.run) {
			require.Equal(t, answer{1, nil, 0}, a)
		}
	})
}

// With Strict, too: a store that is asked again for the longest time is not asked.
func TestDedupLongestEvery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorker(t, store.NewMemory(), "a", time.Minute, fleet.Every(longest), fleet.Timeout(longest/4), fleet.Claim(longest))
		time.Sleep(time.Hour)
		w.way.Fail(errDown)
		for _, key := range []string{"a", "b", "c"} {
			_, err := w.Do(t.Context(), key, (&job{}).run)
			require.NoError(t, err)
		}
		require.Equal(t, 1, w.way.Calls(), "the store is down, and not asked again")
	})
}

// A probe that may take for ever, and a store that is asked once.
func TestBreakerLongestDurations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		opts := []fleet.Option{fleet.ProbeOnce(longest), fleet.Timeout(longest)}
		nodes := []*node{newNode(t, m, "a", opts...), newNode(t, m, "b", opts...)}
		time.Sleep(time.Hour)
		nodes[0].run(t)
		nodes[1].run(t)
		nodes[0].fails()
		pass(11 * time.Second)
		require.Equal(t, 1, sum(ask(nodes, time.Second, errSick)))
		pass(11 * time.Second)
		require.Positive(t, sum(ask(nodes, time.Second, nil)))
		require.Equal(t, []breaker.State{closed, closed}, states(nodes))
		for _, n := range nodes {
			require.Empty(t, n.seen())
		}
	})
}

func TestBreakerLongestEvery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		nodes := crew(t, m, 2, fleet.ProbeOnce(time.Minute), fleet.Every(longest), fleet.Timeout(longest))
		pass(time.Hour)
		nodes[0].fails()
		pass(11 * time.Second)
		require.Equal(t, 1, sum(ask(nodes, time.Second, errSick)))
		pass(time.Minute) // the lease that b has found held
		ask(nodes, time.Second, nil)
		require.Equal(t, []breaker.State{closed, closed}, states(nodes))
	})
}
