package dedup_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/outcome"
)

// Trap 18 and row 27 of the resilience list: keys are compared, not printed.
func TestTrap18KeysAreNotMixedUp(t *testing.T) {
	type pair struct{ a, b string }
	d := make1[pair, int](t, dedup.Window(time.Minute))
	d.Complete(d.Check(pair{"a", "b c"}).Token, 1)
	require.Equal(t, dedup.First, d.Check(pair{"a b", "c"}).State)
	require.Equal(t, dedup.Cached, d.Check(pair{"a", "b c"}).State)
}

// refuses checks that every way to ask for a key fails, tells why, runs nothing and
// leaves nothing behind.
func refuses[K comparable](t *testing.T, key K, why string) {
	t.Helper()
	d := make1[K, int](t, dedup.Window(time.Minute, dedup.Unbounded(), dedup.Name("p")))
	refused := func(c dedup.Check[int]) {
		t.Helper()
		require.Equal(t, dedup.Invalid, c.State)
		require.Zero(t, c.Token)
		require.ErrorIs(t, c.Err, dedup.ErrKey)
		require.EqualError(t, c.Err, `dedup "p": the key is not comparable: `+why)
		require.Equal(t, outcome.Permanent, outcome.Classify(t.Context(), c.Err).Kind)
	}
	for range 100 {
		_, err := d.Do(t.Context(), key, never)
		refused(dedup.Check[int]{Err: err})
		refused(d.Check(key))
		refused(d.Join(key, panicky{}))
		refused(d.CheckAll([]K{key})[0])
		checks := make([]dedup.Check[int], 2)
		d.JoinAll(checks, []K{key, key}, []dedup.Follower[int]{panicky{}, panicky{}})
		refused(checks[0])
		refused(checks[1])
		require.False(t, d.Complete(checks[0].Token, 1))
		require.False(t, d.Fail(checks[0].Token, errDown))
		require.Zero(t, d.CompleteAll([]dedup.Token{checks[0].Token, checks[1].Token}, []int{1, 2}))
		_, ok := d.Get(key)
		require.False(t, ok || d.Contains(key) || d.Forget(key))
	}
	require.Equal(t, dedup.Snapshot{Name: "p", TTL: time.Minute}, d.Snapshot())

	s := newSet[K](t, dedup.Window(time.Minute, dedup.Name("p")))
	for range 2 {
		seen, err := s.Seen(key)
		require.False(t, seen)
		refused(dedup.Check[int]{Err: err})
		require.False(t, s.Forget(key))
	}
	require.Zero(t, s.Snapshot().Misses)
}

type wrapped struct {
	n  int
	in [1]any
}

// Row 27 of the resilience list: a key that cannot be hashed, or is not equal to
// itself, fails its own call. It panics nowhere, holds up no other key and stays
// nowhere.
func TestResilience27KeysThatAreNone(t *testing.T) {
	nan := math.NaN()
	const unequal = "it is not equal to itself"
	for name, refused := range map[string]func(*testing.T){
		"a slice":            func(t *testing.T) { refuses[any](t, []int{1}, "hash of unhashable type []int") },
		"a map":              func(t *testing.T) { refuses[any](t, map[int]int{}, "hash of unhashable type map[int]int") },
		"a function":         func(t *testing.T) { refuses[any](t, func() {}, "hash of unhashable type func()") },
		"a struct of one":    func(t *testing.T) { refuses[any](t, struct{ s []int }{}, "hash of unhashable type struct { s []int }") },
		"a slice inside":     func(t *testing.T) { refuses(t, wrapped{1, [1]any{[]int{1}}}, "hash of unhashable type []int") },
		"NaN":                func(t *testing.T) { refuses(t, nan, unequal) },
		"NaN of 32 bits":     func(t *testing.T) { refuses(t, float32(nan), unequal) },
		"complex NaN":        func(t *testing.T) { refuses(t, complex(0, nan), unequal) },
		"complex NaN, short": func(t *testing.T) { refuses(t, complex64(complex(nan, 0)), unequal) },
		"NaN in an array":    func(t *testing.T) { refuses(t, [2]float64{1, nan}, unequal) },
		"NaN in a struct":    func(t *testing.T) { refuses(t, struct{ a, b float64 }{1, nan}, unequal) },
		"NaN in an interface": func(t *testing.T) {
			refuses(t, wrapped{1, [1]any{nan}}, unequal)
		},
	} {
		t.Run(name, refused)
	}
}

// The keys beside them, in the same batch too, are as good as ever.
func TestKeysBesideThoseThatAreNone(t *testing.T) {
	for _, shards := range []int{1, 16} {
		d := make1[any, int](t, dedup.Window(time.Minute, dedup.Unbounded(), dedup.Shards(shards)))
		keys := []any{1, []int{1}, 1.5, math.NaN(), 1, "x"}
		checks := make([]dedup.Check[int], len(keys))
		var told recorder
		d.JoinAll(checks, keys, []dedup.Follower[int]{nil, nil, nil, nil, &told, nil})
		var states []dedup.State
		var tokens []dedup.Token
		for _, c := range checks {
			states, tokens = append(states, c.State), append(tokens, c.Token)
		}
		require.Equal(t, []dedup.State{dedup.First, dedup.Invalid, dedup.First, dedup.Invalid, dedup.InProgress, dedup.First}, states)
		require.Equal(t, 3, d.CompleteAll(tokens, []int{1, 2, 3, 4, 5, 6}))
		require.Equal(t, []int{1}, told.values)
		require.Equal(t, 3, d.Snapshot().Cached)
		require.Equal(t, dedup.Cached, d.Check(1).State)
	}
	d := make1[float64, int](t, dedup.Window(time.Minute))
	d.Complete(d.Check(0.0).Token, 1)
	require.Equal(t, dedup.Cached, d.Check(math.Copysign(0, -1)).State, "as == says")
	require.Equal(t, dedup.First, d.Check(math.Inf(1)).State)
	w := make1[wrapped, int](t, dedup.Window(time.Minute))
	for range 2 {
		v, err := w.Do(t.Context(), wrapped{1, [1]any{"x"}}, one)
		require.NoError(t, err)
		require.Equal(t, 1, v)
	}
	require.Equal(t, uint64(1), w.Snapshot().Hits)
}

func TestStateNames(t *testing.T) {
	for s, want := range map[dedup.State]string{
		dedup.First: "first", dedup.InProgress: "in progress", dedup.Cached: "cached", dedup.Stale: "stale", dedup.Invalid: "invalid", 99: "invalid",
	} {
		require.Equal(t, want, s.String())
	}
}
