package dedup_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/outcome"
)

// Checklist row 18 (its first half): max entries <= 0 is refused. All faults are
// reported together, under the policy's name.
func TestChecklist18PolicyFaults(t *testing.T) {
	tests := []struct {
		name   string
		policy dedup.Policy
		faults []string // none: valid
	}{
		{"ttl 0 shares in flight only", dedup.Window(0), nil},
		{"unbounded", dedup.Window(time.Hour, dedup.Unbounded()), nil},
		{"one entry", dedup.Window(time.Hour, dedup.MaxEntries(1)), nil},
		{"the later option wins", dedup.Window(0, dedup.MaxEntries(0), dedup.Unbounded()), nil},
		{"the later option wins, again", dedup.Window(0, dedup.Unbounded(), dedup.MaxEntries(0)), []string{"max entries 0"}},
		{"the zero policy", dedup.Policy{}, []string{"zero policy"}},
		{"nil option", dedup.Window(0, nil), []string{"option is nil"}},
		{"all at once", dedup.Window(-time.Second, dedup.Name("p"), dedup.MaxEntries(-3), nil, dedup.ErrorTTL(0),
			dedup.ServeStale(-1), dedup.Jitter(1.1), dedup.Early(0), dedup.MaxWeight(0), dedup.Classify(nil), dedup.Shards(0)),
			[]string{`dedup "p"`, "ttl -1s is negative", "max entries -3 is below 1", "option is nil",
				"error ttl 0s", "serve stale for -1ns", "jitter 1.1", "early 0", "max weight 0", "classifier is nil", "shards 0 is below 1"}},
		{"no numbers", dedup.Window(0, dedup.Jitter(math.NaN()), dedup.Early(math.NaN())), []string{"jitter NaN", "early NaN"}},
		{"all options", dedup.Window(time.Hour, dedup.ErrorTTL(1), dedup.ServeStale(1), dedup.Jitter(1), dedup.Early(1),
			dedup.Classify(outcome.Classify)), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.policy.Validate()
			d, newErr := dedup.New[string, int](tt.policy)
			require.Equal(t, err, newErr)
			if tt.faults == nil {
				require.NoError(t, err)
				require.NotNil(t, d)
				return
			}
			require.Nil(t, d)
			require.ErrorIs(t, err, dedup.ErrPolicy)
			var pe *dedup.PolicyError
			require.ErrorAs(t, err, &pe)
			require.NotContains(t, err.Error(), "\n")
			for _, f := range tt.faults {
				require.ErrorContains(t, err, f)
			}
		})
	}
}

func TestSources(t *testing.T) {
	p := dedup.Window(time.Minute, dedup.Name("p"))
	d := make1[int, int](t, p)
	for _, s := range []dedup.Source{p, d} {
		require.Equal(t, "p", s.Policy().Name())
		require.Equal(t, time.Minute, s.Policy().TTL())
		require.Equal(t, dedup.DefaultMaxEntries, s.Policy().MaxEntries())
	}
}

func TestErrorsSayWhatTheyMean(t *testing.T) {
	boom := errors.New("boom")
	tests := []struct {
		err  error
		is   error
		kind outcome.Kind
		text string
	}{
		{&dedup.Error{Err: dedup.ErrKey}, dedup.ErrKey, outcome.Permanent, "dedup: the key is not comparable"},
		{&dedup.Error{Name: "n", Err: dedup.ErrReentrant}, dedup.ErrReentrant, outcome.Ignored, `dedup "n": re-entrant call`},
		{&dedup.Error{Err: dedup.ErrGoexit}, dedup.ErrGoexit, outcome.Failure, "Goexit"},
		{&dedup.Error{Err: dedup.ErrFailed}, dedup.ErrFailed, outcome.Failure, "without saying why"},
		{&dedup.PanicError{Value: 3}, dedup.ErrPanic, outcome.Failure, "dedup: the shared run panicked: 3"},
		{&dedup.PanicError{Value: boom}, boom, outcome.Failure, "boom"},
	}
	for _, tt := range tests {
		require.ErrorIs(t, tt.err, tt.is)
		require.ErrorContains(t, tt.err, tt.text)
		require.Equal(t, tt.kind, outcome.Classify(t.Context(), tt.err).Kind)
	}
}

// A weight needs a weigher, which only New knows of, and there is one set of hooks.
func TestHooksFaults(t *testing.T) {
	heavy := dedup.Window(time.Minute, dedup.MaxWeight(1), dedup.Name("p"))
	require.NoError(t, heavy.Validate())
	weigh := dedup.Hooks[int]{Weigh: func(int) int64 { return 1 }}
	_, err := dedup.New[string, int](heavy)
	require.ErrorIs(t, err, dedup.ErrPolicy)
	require.EqualError(t, err, `dedup "p": invalid policy: max weight without Hooks.Weigh`)
	_, err = dedup.New[string](heavy, weigh, weigh)
	require.ErrorContains(t, err, "2 hooks are given, at most 1 is taken")
	_, err = dedup.New[string](dedup.Window(time.Minute), weigh)
	require.NoError(t, err, "a weigher without a limit is not asked")
}
