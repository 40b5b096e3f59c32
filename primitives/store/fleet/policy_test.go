package fleet_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/store"
	"github.com/weir-go/weir/primitives/store/fleet"
)

func TestBreakerTellsAllFaults(t *testing.T) {
	_, err := fleet.NewBreaker(nil, breaker.Consecutive("model", 0, time.Second),
		fleet.Node(""), fleet.Timeout(0), fleet.Every(-1), fleet.Quorum(0), fleet.ProbeOnce(0), fleet.Option{},
		fleet.Strict(), fleet.Claim(time.Second), fleet.Wait(time.Second))
	require.ErrorIs(t, err, fleet.ErrPolicy)
	require.ErrorIs(t, err, breaker.ErrPolicy, "that of the breaker, too")
	for _, fault := range []string{
		"the store is nil", "name is empty", "timeout 0s", "every -1ns", "quorum 0", "lease of the probe, 0s", "zero Option",
		"option Strict", "option Claim", "option Wait",
	} {
		require.ErrorContains(t, err, fault)
	}
	require.NotContains(t, err.Error(), "\n")
	for _, n := range []int{-1, 0} {
		_, err := fleet.NewBreaker(store.NewMemory(), breaker.Consecutive("model", 1, time.Second), fleet.Quorum(n))
		require.ErrorIs(t, err, fleet.ErrPolicy)
	}
}

func TestDedupTellsAllFaults(t *testing.T) {
	_, err := fleet.NewDedup(nil, dedup.Window(-1), fleet.Codec[int, int]{},
		fleet.Claim(100*time.Millisecond), fleet.Wait(0), fleet.Quorum(2), fleet.Local(), fleet.ProbeOnce(time.Second))
	require.ErrorIs(t, err, fleet.ErrPolicy)
	require.ErrorIs(t, err, dedup.ErrPolicy)
	for _, fault := range []string{
		"the store is nil", "the policy has no name", "no Key", "term of a claim, 100ms", "wait 0s",
		"option Quorum", "option Local", "option ProbeOnce",
	} {
		require.ErrorContains(t, err, fault)
	}
	var told *fleet.PolicyError
	require.ErrorAs(t, err, &told)
	require.Empty(t, told.Name)
}

// The later of two options counts.
func TestLaterOptionWins(t *testing.T) {
	b, err := fleet.NewBreaker(store.NewMemory(), breaker.Consecutive("model", 1, time.Second),
		fleet.Node("a"), fleet.Quorum(3), fleet.Node("b"), fleet.AnyNode())
	require.NoError(t, err)
	require.Equal(t, "b", b.Snapshot().Node)
	require.Equal(t, 1, b.Snapshot().Quorum)
}

// Nodes that were given no name have different ones.
func TestNodesAreNamed(t *testing.T) {
	names := map[string]bool{}
	for range 10 {
		b, err := fleet.NewBreaker(store.NewMemory(), breaker.Consecutive("model", 1, time.Second))
		require.NoError(t, err)
		names[b.Snapshot().Node] = true
	}
	require.Len(t, names, 10)
}
