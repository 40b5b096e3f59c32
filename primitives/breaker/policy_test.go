package breaker_test

import (
	"math"
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
		{"fewer probes than close", breaker.Consecutive("model", 1, 1, breaker.CloseAfter(2, 3), breaker.ProbeLimit(2)), []string{"limit of the probes is 2, want at least 3, which close"}},
		{"no probes in all", breaker.Consecutive("model", 1, 1, breaker.ProbeLimit(0)), []string{"limit of the probes is 0"}},
		{"no lease", breaker.Consecutive("model", 1, 1, breaker.Lease(0)), []string{"lease is 0s, want more than 0"}},
		{"within without failures", breaker.On("model", 1, breaker.Within(0, 1)), []string{"Within: failures is 0, want 1 to 65536"}},
		{"within of too many", breaker.On("model", 1, breaker.Within(1<<16+1, 1)), []string{"Within: failures is 65537, want 1 to 65536"}},
		{"within no time", breaker.On("model", 1, breaker.Within(1, 0)), []string{"Within: duration is 0s, want more than 0"}},
		{"nil option", breaker.Consecutive("model", 1, 1, nil), []string{"nil option"}},
		{"all at once", breaker.Consecutive("", 0, -1, breaker.Probes(-1), nil, breaker.Lease(-1)), []string{
			"nil option", "name is empty", "failures is 0", "recovery is -1ns", "probes is -1", "lease is -1ns",
		}},
		{"the zero policy", breaker.Policy{}, []string{"the policy was not made by On or Consecutive"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.policy.Validate()
			require.ErrorIs(t, err, breaker.ErrPolicy)
			var refused *breaker.PolicyError
			require.ErrorAs(t, err, &refused)
			prefix := "breaker: invalid policy: "
			if refused.Name != "" {
				prefix += `"` + refused.Name + `": `
			}
			require.True(t, strings.HasPrefix(err.Error(), prefix), err)
			require.NotContains(t, err.Error(), `""`)
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
		breaker.On("model", 1, breaker.Within(1, 1)),
		breaker.On("model", 1, breaker.Within(1<<16, 1<<63-1)),
		breaker.Consecutive("model", 1<<24-1, 1<<63-1, breaker.Probes(math.MaxInt), breaker.Lease(1<<63-1)),
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

// The fault to avoid: two copies of a policy that append to the same array, so that the
// second takes the rule or the hook of the first.
func TestCopiesOfAPolicyAreApart(t *testing.T) {
	var seen []string
	hook := func(name string) breaker.Option {
		return breaker.OnChange(func(breaker.Change) { seen = append(seen, name) })
	}
	// Three appends leave room for a fourth.
	base := breaker.On("model", time.Second, breaker.InARow(9), breaker.InARow(8), breaker.InARow(7), hook("a"), hook("b"), hook("c"))
	one, two := base.With(breaker.InARow(1), hook("one")), base.With(breaker.InARow(2), hook("two"))
	b := breaker.Of(one)
	require.Equal(t, 1, b.Snapshot().Threshold)
	require.Equal(t, 2, breaker.Of(two).Snapshot().Threshold)
	require.Equal(t, 7, breaker.Of(base).Snapshot().Threshold)
	b.Trip()
	require.Equal(t, []string{"a", "b", "c", "one"}, seen)
}
