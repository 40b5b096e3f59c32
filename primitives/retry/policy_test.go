package retry_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/retry"
)

func TestPolicyIsRefused(t *testing.T) {
	tests := []struct {
		name   string
		policy retry.Policy
		faults []string
	}{
		{"exponential without attempts", retry.Exponential(0, time.Second), []string{"attempts is 0, want at least 1"}},
		{"constant without attempts", retry.Constant(0, time.Second), []string{"attempts is 0, want at least 1"}},
		{"negative attempts", retry.Exponential(math.MinInt, time.Second), []string{"want at least 1"}},
		{"exponential without delay", retry.Exponential(3, 0), []string{"delay is 0s, want more than 0"}},
		{"constant without delay", retry.Constant(3, 0), []string{"delay is 0s, want more than 0"}},
		{"one attempt without delay", retry.Constant(1, 0), []string{"delay is 0s, want more than 0"}},
		{"negative delay", retry.Constant(3, -time.Second), []string{"delay is -1s, want more than 0"}},
		{"no cap", retry.Exponential(3, time.Second, retry.Cap(0)), []string{"cap is 0s, want more than 0"}},
		{"negative cap", retry.Constant(3, time.Second, retry.Cap(-1)), []string{"cap is -1ns, want more than 0"}},
		{"delay above the default cap", retry.Constant(3, 2*time.Minute), []string{"delay 2m0s is above the cap 1m0s"}},
		{"delay above the cap", retry.Exponential(3, 2, retry.Cap(1)), []string{"delay 2ns is above the cap 1ns"}},
		{"unknown jitter", retry.Exponential(3, 1, retry.Jitter(77)), []string{"jitter 77 is unknown"}},
		{"nil option", retry.Constant(3, 1, nil), []string{"nil option"}},
		{"custom without a function", retry.Custom(3, nil), []string{"delay function is nil"}},
		{"decorrelated constant", retry.Constant(3, 1, retry.Jitter(retry.Decorrelated)), []string{"decorrelated jitter is for exponential delays"}},
		{"constant by a factor", retry.Constant(3, 1, retry.Factor(1.5)), []string{"a factor is for exponential delays"}},
		{"decorrelated by a factor", retry.Exponential(3, 1, retry.Factor(1.5), retry.Jitter(retry.Decorrelated)),
			[]string{"decorrelated jitter has no factor"}},
		{"factor too small", retry.Exponential(3, 1, retry.Factor(1)), []string{"factor is 1, want 1.01 to 1e+09"}},
		{"factor too large", retry.Exponential(3, 1, retry.Factor(1e10)), []string{"factor is 1e+10"}},
		{"factor is no number", retry.Exponential(3, 1, retry.Factor(math.NaN())), []string{"factor is NaN"}},
		{"no time", retry.Constant(3, 1, retry.MaxElapsed(0)), []string{"max elapsed is 0s, want more than 0"}},
		{"negative time", retry.Constant(3, 1, retry.MaxElapsed(-1)), []string{"max elapsed is -1ns"}},
		{"limit without a match", retry.Constant(3, 1, retry.Limit(nil, 1)), []string{"match function of a limit is nil"}},
		{"limit without attempts", retry.Constant(3, 1, retry.Limit(isDown, 0)), []string{"limit is 0 attempts"}},
		{"all at once", retry.Exponential(0, -1, retry.Name("model"), nil, retry.Cap(-1), retry.Jitter(9)), []string{
			"nil option", "attempts is 0", "delay is -1ns", "cap is -1ns", "jitter 9",
		}},
		{"the zero policy", retry.Policy{}, []string{"the policy was not made by Exponential, Constant, Custom or None"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.policy.Validate()
			require.ErrorIs(t, err, retry.ErrPolicy)
			var refused *retry.PolicyError
			require.ErrorAs(t, err, &refused)
			prefix := "retry: invalid policy: "
			if refused.Name != "" {
				prefix += `"` + refused.Name + `": `
			}
			require.True(t, strings.HasPrefix(err.Error(), prefix), err)
			require.NotContains(t, err.Error(), `""`)
			require.NotContains(t, err.Error(), "\n")
			for _, fault := range tt.faults {
				require.ErrorContains(t, err, fault)
			}
			for _, build := range []func() (*retry.Retrier, error){
				tt.policy.Retrier,
				func() (*retry.Retrier, error) { return retry.New(tt.policy) },
			} {
				r, same := build()
				require.Nil(t, r)
				require.Equal(t, err, same)
			}
		})
	}
}

// A policy that is refused can still be asked; it must not loop, overflow or
// promise a negative wait.
func TestRefusedPoliciesAnswerAllTheSame(t *testing.T) {
	for _, p := range []retry.Policy{
		{}, retry.Exponential(math.MinInt, math.MinInt64), retry.Constant(-1, -1, retry.Cap(-1)),
		retry.Exponential(5, 1, retry.Cap(math.MinInt64)), retry.Custom(5, nil),
		retry.Exponential(5, -1, retry.Cap(-1), retry.Jitter(retry.Decorrelated)),
	} {
		require.Error(t, p.Validate())
		for _, attempt := range []int{math.MinInt, 0, 1, 2, 64, math.MaxInt} {
			require.GreaterOrEqual(t, p.Delay(attempt), time.Duration(0))
		}
		require.GreaterOrEqual(t, p.MaxTotalDelay(), time.Duration(0))
	}
}

func TestNoneMakesOneAttempt(t *testing.T) {
	p := retry.None()
	require.NoError(t, p.Validate())
	require.Equal(t, 1, p.Attempts())
	require.Zero(t, p.Delay(1))
	require.Zero(t, p.MaxTotalDelay())
	s := fails(5)
	_, err := newRetrier(t, p).Do(t.Context(), s.call)
	require.ErrorIs(t, err, errDown)
	require.Len(t, s.begun, 1)
}

func TestSources(t *testing.T) {
	policy := retry.Constant(3, time.Second)
	var source retry.Source = policy
	one, err := source.Retrier()
	require.NoError(t, err)
	two, err := source.Retrier()
	require.NoError(t, err)
	require.NotSame(t, one, two, "a policy makes retriers")

	source = one
	shared, err := source.Retrier()
	require.NoError(t, err)
	require.Same(t, one, shared, "a retrier is shared")

	source = (*retry.Retrier)(nil)
	_, err = source.Retrier()
	require.EqualError(t, err, "retry: nil *Retrier")
}
