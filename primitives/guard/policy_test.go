package guard_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/guard"
)

func quiet(guard.Crossing) {}

// Capacities below 1, soft limits out of range and other faults are refused with a typed
// error.
func TestPolicyIsRefused(t *testing.T) {
	tests := []struct {
		name   string
		policy guard.Policy
		want   string
	}{
		{"capacity 0", guard.Limit(0, guard.Name("model")), `guard "model": invalid policy: capacity 0 is below 1`},
		{"capacity negative", guard.Limit(-3), `guard: invalid policy: capacity -3 is below 1`},
		{"soft limit 0", guard.Limit(4, guard.SoftLimit(0, quiet)), `guard: invalid policy: soft limit 0 is below 1`},
		{"soft limit at the capacity", guard.Limit(4, guard.SoftLimit(4, quiet)), `guard: invalid policy: soft limit 4 is not below the capacity 4`},
		{"soft limit above the capacity", guard.Limit(4, guard.SoftLimit(5, nil)), `guard: invalid policy: soft limit 5 is not below the capacity 4`},
		{"bound of the queue", guard.Limit(4, guard.MaxQueue(-1)), `guard: invalid policy: bound of the queue -1 is below 0`},
		{"order", guard.Limit(4, guard.Queue(9)), `guard: invalid policy: order 9 is unknown`},
		{"head start 0", guard.Limit(4, guard.HeadStart(0)), `guard: invalid policy: head start 0s is not within 1ns to 8760h0m0s`},
		{"head start without end", guard.Limit(4, guard.HeadStart(math.MaxInt64)),
			`guard: invalid policy: head start 2562047h47m16.854775807s is not within 1ns to 8760h0m0s`},
		{"CoDel", guard.Limit(4, guard.CoDel(0, 0)),
			`guard: invalid policy: CoDel's target 0s is not above 0; CoDel's interval 0s is not above its target 0s`},
		{"CoDel turned round", guard.Limit(4, guard.CoDel(100, 5)), `guard: invalid policy: CoDel's interval 5ns is not above its target 100ns`},
		{"lower bound", guard.Limit(4, guard.Adaptive(guard.Vegas(), 0, 9)), `guard: invalid policy: lower bound 0 is below 1`},
		{"bounds turned round", guard.Limit(4, guard.Adaptive(guard.Vegas(), 9, 2)),
			`guard: invalid policy: capacity 4 is outside the bounds 9 to 2`},
		{"zero algorithm", guard.Limit(4, guard.Adaptive(guard.Algorithm{}, 1, 9)),
			`guard: invalid policy: algorithm is none of AIMD, Vegas and Gradient2`},
		{"AIMD that does not back off", guard.Limit(4, guard.Adaptive(guard.AIMD(1, 0), 1, 9)),
			`guard: invalid policy: AIMD's backoff 1 is not within 0.5 to below 1`},
		{"AIMD that is not a number", guard.Limit(4, guard.Adaptive(guard.AIMD(math.NaN(), 0), 1, 9)),
			`guard: invalid policy: AIMD's backoff NaN is not within 0.5 to below 1`},
		{"AIMD's time", guard.Limit(4, guard.Adaptive(guard.AIMD(0.9, -1), 1, 9)), `guard: invalid policy: AIMD's slow -1ns is below 0`},
		{"nil option", guard.Limit(4, nil), `guard: invalid policy: an option is nil`},
		{"zero policy", guard.Policy{}, `guard: invalid policy: capacity 0 is below 1`},
		{"every fault is named", guard.Limit(-1, nil, guard.Name("a"), guard.SoftLimit(0, nil)),
			`guard "a": invalid policy: capacity -1 is below 1; soft limit 0 is below 1; soft limit 0 is not below the capacity -1; an option is nil`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g, err := guard.New(tt.policy)
			require.Nil(t, g)
			require.EqualError(t, err, tt.want)
			require.ErrorIs(t, err, guard.ErrPolicy)
			var fault *guard.PolicyError
			require.ErrorAs(t, err, &fault)
			require.EqualError(t, tt.policy.Validate(), tt.want)
			_, err = tt.policy.Guard()
			require.EqualError(t, err, tt.want)
			require.EqualError(t, guard.Of(tt.policy).Err(), tt.want)
		})
	}
}

// Fault: without a cause the message ended in "<nil>".
func TestAPolicyErrorWithoutACause(t *testing.T) {
	require.EqualError(t, &guard.PolicyError{}, "guard: invalid policy")
}

func TestPolicyIsAccepted(t *testing.T) {
	for _, p := range []guard.Policy{
		guard.Limit(1),
		guard.Limit(2, guard.SoftLimit(1, nil)),
		guard.Limit(8, guard.SoftLimit(7, quiet), guard.Shedding(), guard.Name("x")),
		guard.Limit(1, guard.Adaptive(guard.AIMD(0.5, 0), 1, 1), guard.Classify(nil)),
		guard.Limit(8, guard.MaxQueue(0), guard.Queue(guard.AdaptiveLIFO), guard.HeadStart(1), guard.CoDel(1, 2), guard.Deadlines()),
		// The later of two options wins, also over a fault.
		guard.Limit(8, guard.SoftLimit(0, nil), guard.SoftLimit(4, nil)),
	} {
		require.NoError(t, p.Validate())
	}
}

func TestPolicyMakesAGuardOfItsOwnEachTime(t *testing.T) {
	p := guard.Limit(1)
	a, err := p.Guard()
	require.NoError(t, err)
	b, err := p.Guard()
	require.NoError(t, err)
	_, err = a.TryAcquire()
	require.NoError(t, err)
	_, err = b.TryAcquire()
	require.NoError(t, err, "the second guard has slots of its own")
}

func TestGuardIsASourceOfItself(t *testing.T) {
	g := newGuard(t, guard.Limit(1))
	same, err := g.Guard()
	require.NoError(t, err)
	require.Same(t, g, same)

	var none *guard.Guard
	_, err = guard.Source(none).Guard()
	require.ErrorIs(t, err, guard.ErrPolicy)
}

// The memory of a guard follows its depth: a table for this capacity could not
// be made.
func TestHugeCapacityCostsNothing(t *testing.T) {
	g := newGuard(t, guard.Limit(math.MaxInt))
	p, err := g.TryAcquire()
	require.NoError(t, err)
	require.Equal(t, math.MaxInt-1, g.Snapshot().Available())
	require.True(t, p.Release())
}
