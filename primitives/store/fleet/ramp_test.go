package fleet_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/store"
	"github.com/weir-go/weir/primitives/store/fleet"
)

// ramped are nodes whose policy has a ramp of ten seconds.
func ramped(t *testing.T, count int, opts ...fleet.Option) (nodes []*node) {
	t.Helper()
	m := store.NewMemory()
	ramp := []breaker.Option{breaker.Ramp(10 * time.Second)}
	for i := range count {
		n := newNodeWith(t, m, string(rune('a'+i)), ramp, opts...)
		n.run(t)
		nodes = append(nodes, n)
	}
	return nodes
}

// The fault: the node that had probed let its calls in slowly, and all others
// came at once with all of theirs.
func TestAllNodesRampUpAfterTheVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := ramped(t, 3, fleet.ProbeOnce(5*time.Second))
		nodes[0].fails()
		pass(10*time.Second + quick)
		for states(nodes)[2] != closed || states(nodes)[0] != closed {
			_ = nodes[1].call(nil)
			pass(quick)
		}
		for i, calls := range ask(nodes, time.Second, nil) {
			require.InDelta(t, 50, calls, 40, "node %d: of 1000 calls in the first tenth of the ramp", i)
		}
		pass(10 * time.Second)
		require.Equal(t, []int{100, 100, 100}, ask(nodes, 100*time.Millisecond, nil))
	})
}

// So do those whose fellows have changed their minds.
func TestNodesRampUpAfterVotesAreWithdrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := ramped(t, 2)
		nodes[0].fails()
		pass(quick)
		require.Equal(t, []breaker.State{open, open}, states(nodes))
		nodes[0].local.Reset()
		pass(quick)
		require.Equal(t, []breaker.State{closed, closed}, states(nodes))
		calls := ask(nodes, time.Second, nil)
		require.Equal(t, 1000, calls[0], "by hand: at once")
		require.InDelta(t, 50, calls[1], 40)
	})
}
