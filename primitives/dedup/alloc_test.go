package dedup_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/dedup"
)

type traceKey struct{}

// TestAllocations pins the hot paths. A Do that runs its function allocates nothing if
// its ctx calls repeatedly, and otherwise the context that the function runs with.
func TestAllocations(t *testing.T) {
	type pair struct {
		s string
		n int
	}
	d := make1[pair, int](t, dedup.Window(time.Minute, dedup.MaxEntries(100)))
	single, alone := make1[pair, int](t, dedup.Window(0)), make1[pair, int](t, dedup.Window(0))
	cancellable, cancel := context.WithCancel(context.Background())
	defer cancel()
	ctx, n := context.Background(), 0
	f := func(context.Context) (int, error) { return 1, nil }
	next := func() pair { n++; return pair{"prompt", n} }
	for range 10_000 { // grown to the size at which it stays
		_, _ = d.Do(ctx, next(), f)
		_, _ = single.Do(ctx, next(), f)
		_, _ = alone.Do(cancellable, next(), f)
	}
	last, now := pair{"prompt", n - 1}, time.Now()
	stale := make1[pair, int](t, dedup.Window(1, dedup.ServeStale(time.Hour)))
	stale.Complete(stale.Check(pair{}).Token, 1)
	early := make1[pair, int](t, dedup.Window(time.Hour, dedup.Early(1)))
	early.Complete(early.Check(pair{}).Token, 1)
	set := newSet[pair](t, dedup.Window(time.Minute, dedup.MaxEntries(100)))
	failing := make1[pair, int](t, dedup.Window(0, dedup.ErrorTTL(time.Minute), dedup.MaxEntries(100)))
	heavy, err := dedup.New[pair](dedup.Window(time.Minute, dedup.MaxWeight(100)), dedup.Hooks[int]{Weigh: func(v int) int64 { return int64(v) }})
	require.NoError(t, err)
	for range 1000 {
		k := next()
		_, _ = set.Seen(k)
		failing.Fail(failing.Check(k).Token, errDown)
		heavy.Complete(heavy.Check(k).Token, 1)
	}
	failing.Fail(failing.Check(pair{}).Token, errDown)
	require.Error(t, failing.Check(pair{}).Err)
	var fol dedup.Follower[int] = new(silent)
	tests := []struct {
		name string
		want float64
		call func()
	}{
		{"hit", 0, func() { _, _ = d.Do(ctx, last, f, dedup.TTL(time.Second)) }},
		{"get", 0, func() { d.Get(last) }},
		{"check hit", 0, func() { d.Check(last) }},
		{"hit, the time given", 0, func() { d.Check(last, dedup.At(now)) }},
		{"stale hit", 0, func() { stale.Check(pair{}) }},
		{"kept error", 0, func() { failing.Check(pair{}) }},
		{"early", 0, func() { early.Check(pair{}) }},
		{"seen", 0, func() { _, _ = set.Seen(last) }},
		{"not seen", 0, func() { _, _ = set.Seen(next()) }},
		{"check and fail, kept", 0, func() { k := next(); failing.Fail(failing.Check(k).Token, errDown) }},
		{"check and complete, weighed", 0, func() { k := next(); heavy.Complete(heavy.Check(k).Token, 1) }},
		{"check and complete", 0, func() { k := next(); d.Complete(d.Check(k).Token, 1) }},
		{"check and fail", 0, func() { k := next(); d.Fail(d.Check(k).Token, context.Canceled) }},
		{"join", 0, func() {
			k := next()
			c := single.Check(k)
			single.Join(k, fol)
			single.Join(k, fol)
			single.Complete(c.Token, 1)
		}},
		{"unshared run, in flight only", 0, func() { _, _ = single.Do(ctx, next(), f) }},
		{"unshared run, kept", 0, func() { _, _ = d.Do(ctx, next(), f) }},
		{"unshared run that can be cancelled", 0, func() { _, _ = alone.Do(cancellable, next(), f) }},
		{"unshared run of a new ctx", 2, func() { _, _ = alone.Do(context.WithValue(ctx, traceKey{}, 1), next(), f) }},
	}
	for _, tt := range tests {
		if tt.name == "check and complete" {
			require.True(t, d.Contains(last), "or else the hits were none")
		}
		require.Equal(t, tt.want, testing.AllocsPerRun(1000, tt.call), tt.name)
	}
}

type silent struct{}

func (*silent) Done(int, error) {}
