package dedup_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/outcome"
)

func TestOfAValidPolicy(t *testing.T) {
	d := dedup.Of[string, int](dedup.Window(time.Minute))
	require.NoError(t, d.Err())
	v, err := d.Do(t.Context(), "k", one)
	require.NoError(t, err)
	require.Equal(t, 1, v)
	s := dedup.SetOf[string](dedup.Window(time.Minute))
	require.NoError(t, s.Err())
	require.False(t, seen(t, s, "k"))
	require.True(t, seen(t, s, "k"))
	heavy := dedup.Of[string](dedup.Window(time.Minute, dedup.MaxWeight(1)), dedup.Hooks[int]{Weigh: func(int) int64 { return 1 }})
	require.NoError(t, heavy.Err())
}

// A deduplicator that cannot be used says so at every call, and does nothing else.
func TestADeduplicatorThatCannotBeUsed(t *testing.T) {
	bad := dedup.Window(-1, dedup.Name("p"))
	for _, tt := range []struct {
		name string
		d    *dedup.Dedup[float64, int]
		text string
	}{
		{"of an invalid policy", dedup.Of[float64, int](bad), `dedup "p": invalid policy: ttl -1ns is negative`},
		{"zero", new(dedup.Dedup[float64, int]), "dedup: invalid policy: the deduplicator was not made by New or Of"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := tt.d
			refused := func(err error) {
				t.Helper()
				require.EqualError(t, err, tt.text)
				require.ErrorIs(t, err, dedup.ErrPolicy)
				require.Equal(t, outcome.Permanent, outcome.Classify(t.Context(), err).Kind)
			}
			refused(d.Err())
			for _, key := range []float64{1, math.NaN()} {
				_, err := d.Do(t.Context(), key, never)
				refused(err)
				refused(d.Run(t.Context(), key, func(context.Context) error { panic("must not run") }))
				checks := make([]dedup.Check[int], 2)
				d.JoinAll(checks, []float64{key, key}, []dedup.Follower[int]{panicky{}, panicky{}})
				for _, c := range append(checks, d.Check(key), d.Join(key, panicky{}), d.CheckAll([]float64{key})[0]) {
					require.Equal(t, dedup.Invalid, c.State)
					refused(c.Err)
				}
				_, ok := d.Get(key)
				require.False(t, ok || d.Contains(key) || d.Forget(key))
			}
			require.False(t, d.Complete(dedup.Token{}, 1))
			require.False(t, d.Fail(dedup.Token{}, errDown))
			require.Zero(t, d.CompleteAll(make([]dedup.Token, 2), make([]int, 2)))
			require.Zero(t, d.Purge())
			require.False(t, d.EvictOldest())
			d.Clear()
			require.Equal(t, dedup.Snapshot{Name: d.Policy().Name()}, d.Snapshot())
		})
	}
	for _, s := range []*dedup.Set[int]{dedup.SetOf[int](bad), {}} {
		require.ErrorIs(t, s.Err(), dedup.ErrPolicy)
		was, err := s.Seen(1)
		require.False(t, was)
		require.Equal(t, s.Err(), err)
		require.False(t, s.Forget(1))
		s.Clear()
		require.Zero(t, s.Snapshot().Misses)
	}
	require.ErrorContains(t, dedup.SetOf[int](dedup.Window(0)).Err(), "ttl of 0")
	var none *dedup.Dedup[int, int]
	require.Error(t, none.Err())
}

func TestRunSharesAnError(t *testing.T) {
	d := make1[string, struct{}](t, dedup.Window(time.Minute))
	runs := 0
	fails := func(context.Context) error { runs++; return errDown }
	require.Equal(t, errDown, d.Run(t.Context(), "k", fails))
	require.Equal(t, errDown, d.Run(t.Context(), "k", fails, dedup.TTL(time.Hour)))
	works := func(context.Context) error { runs++; return nil }
	for range 3 {
		require.NoError(t, d.Run(t.Context(), "k", works))
	}
	require.Equal(t, 3, runs, "errors are not kept, successes are")
	require.NoError(t, d.Run(t.Context(), "short", works, dedup.TTL(0)))
	require.False(t, d.Contains("short"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.True(t, errors.Is(d.Run(ctx, "k", works), context.Canceled))
}
