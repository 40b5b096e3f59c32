package fleet_test

import (
	"context"
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

// An error names the policy, also an invalid one. If the policy has no name, nothing stands
// in its place.
func TestPolicyFaultsNameThePolicy(t *testing.T) {
	_, err := fleet.NewBreaker(store.NewMemory(), breaker.Consecutive("model", 0, time.Second))
	require.ErrorContains(t, err, `fleet "model": invalid policy: `)
	_, err = fleet.NewBreaker(store.NewMemory(), breaker.Policy{})
	require.ErrorContains(t, err, "fleet: invalid policy: ")
	_, err = fleet.NewDedup(store.NewMemory(), dedup.Window(-1), fleet.Codec[string, int]{})
	require.EqualError(t, err, "fleet: invalid policy: dedup: invalid policy: ttl -1ns is negative; the policy has no name")
	require.EqualError(t, &fleet.Error{Err: fleet.ErrBusy}, "fleet: waited too long for another node")
}

// A zero value says what it is, and does nothing.
func TestZeroValues(t *testing.T) {
	var d fleet.Dedup[string, int]
	_, err := d.Do(t.Context(), "k", func(context.Context) (int, error) { panic("must not run") })
	require.EqualError(t, err, "fleet: invalid policy: the dedup was not made by NewDedup")
	require.ErrorIs(t, err, fleet.ErrPolicy)
	require.Equal(t, err, d.Run(t.Context(), "k", func(context.Context) error { panic("must not run") }))
	require.Zero(t, d.Snapshot())
	var b fleet.Breaker
	_, err = b.Breaker()
	require.EqualError(t, err, "fleet: invalid policy: the breaker was not made by NewBreaker")
	require.ErrorIs(t, err, fleet.ErrPolicy)
	require.Equal(t, err, b.Run(t.Context()))
	require.Zero(t, b.Snapshot())
	_, err = (*fleet.Breaker)(nil).Breaker()
	require.Error(t, err)
}

// The term of a claim is the affair of a dedup.
func TestABreakerMayBePatientWithTheStore(t *testing.T) {
	_, err := fleet.NewBreaker(store.NewMemory(), breaker.Consecutive("model", 1, time.Second), fleet.Timeout(3*time.Second))
	require.NoError(t, err)
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
