package breaker_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
)

func TestPolicyIsRefused(t *testing.T) {
	tests := []struct {
		name   string
		policy breaker.Policy
		faults []string
	}{
		{"no failures", breaker.Consecutive("model", 0, time.Second), []string{"failures is 0, want at least 1"}},
		{"negative failures", breaker.Consecutive("model", -5, time.Second), []string{"failures is -5, want at least 1"}},
		{"more failures than can be counted", breaker.Consecutive("model", 1<<24, time.Second), []string{"want at most 16777215"}},
		{"negative recovery", breaker.Consecutive("model", 1, -1), []string{"recovery is -1ns, want 0 or more"}},
		{"no name", breaker.Consecutive("", 1, 1), []string{"name is empty"}},
		{"no probes", breaker.Consecutive("model", 1, 1, breaker.Probes(0)), []string{"probes is 0, want at least 1"}},
		{"no lease", breaker.Consecutive("model", 1, 1, breaker.Lease(0)), []string{"lease is 0s, want more than 0"}},
		{"nil option", breaker.Consecutive("model", 1, 1, nil), []string{"nil option"}},
		{"all at once", breaker.Consecutive("", 0, -1, breaker.Probes(-1), nil, breaker.Lease(-1)), []string{
			"nil option", "name is empty", "failures is 0", "recovery is -1ns", "probes is -1", "lease is -1ns",
		}},
		{"the zero policy", breaker.Policy{}, []string{"name is empty", "no rule to open on"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.policy.Validate()
			require.ErrorIs(t, err, breaker.ErrPolicy)
			var refused *breaker.PolicyError
			require.ErrorAs(t, err, &refused)
			require.True(t, strings.HasPrefix(err.Error(), `breaker: invalid policy: "`+refused.Name+`": `), err)
			require.NotContains(t, err.Error(), "\n")
			for _, fault := range tt.faults {
				require.ErrorContains(t, err, fault)
			}

			for _, build := range []func() (*breaker.Breaker, error){
				tt.policy.Breaker,
				func() (*breaker.Breaker, error) { return breaker.New(tt.policy) },
			} {
				b, same := build()
				require.Nil(t, b)
				require.Equal(t, err, same)
			}
		})
	}
}

func TestPolicyAtItsLimits(t *testing.T) {
	for _, p := range []breaker.Policy{
		breaker.Consecutive("model", 1, 0),
		breaker.Consecutive("model", 1<<24-1, 1<<63-1, breaker.Probes(1<<62), breaker.Lease(1<<63-1)),
	} {
		require.NoError(t, p.Validate())
		_, err := breaker.New(p)
		require.NoError(t, err)
	}
}

// Faults found while validating must not add up, nor leak between copies.
func TestValidateChangesNothing(t *testing.T) {
	p := breaker.Consecutive("", 0, 0, nil)
	first := p.Validate().Error()
	require.Equal(t, first, p.Validate().Error())
}

func TestSources(t *testing.T) {
	policy := breaker.Consecutive("model", 1, time.Second)
	var source breaker.Source = policy
	one, err := source.Breaker()
	require.NoError(t, err)
	two, err := source.Breaker()
	require.NoError(t, err)
	require.NotSame(t, one, two, "a policy makes breakers")
	fail(t, one, 1)
	require.Equal(t, breaker.Closed, two.State())

	source = one
	shared, err := source.Breaker()
	require.NoError(t, err)
	require.Same(t, one, shared, "a breaker is shared")

	source = (*breaker.Breaker)(nil)
	_, err = source.Breaker()
	require.EqualError(t, err, "breaker: nil *Breaker")
}
