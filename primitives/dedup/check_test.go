package dedup_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/dedup"
)

// keep makes v the result of key, which must be new.
func keep(t testing.TB, d *dedup.Dedup[string, int], key string, v int, opts ...dedup.CallOption) {
	t.Helper()
	c := d.Check(key)
	require.Equal(t, dedup.First, c.State)
	require.True(t, d.Complete(c.Token, v, opts...))
}

// Checklist row 10: first check is First (New), second InProgress, after Complete Cached
// with the value.
func TestChecklist10States(t *testing.T) {
	d := make1[string, int](t, dedup.Window(time.Minute))
	c := d.Check("k")
	require.Equal(t, dedup.First, c.State)
	require.Equal(t, dedup.InProgress, d.Check("k").State)
	require.True(t, d.Complete(c.Token, 42))
	c = d.Check("k")
	require.Equal(t, dedup.Check[int]{State: dedup.Cached, Value: 42}, c)
	require.Equal(t, dedup.First, d.Check("other").State)
}

// Checklist row 17: a stale token cannot touch the entry of a newer leader.
func TestChecklist17StaleTokens(t *testing.T) {
	d := make1[string, int](t, dedup.Window(time.Minute))
	old := d.Check("k").Token
	require.True(t, d.Fail(old, errors.New("boom")))
	current := d.Check("k").Token
	var r recorder
	d.Join("k", &r)
	stranger := make1[string, int](t, dedup.Window(time.Minute)).Check("k").Token
	for name, token := range map[string]dedup.Token{"used": old, "zero": {}, "another deduplicator's": stranger} {
		require.False(t, d.Complete(token, 1), name)
		require.False(t, d.Fail(token, nil), name)
		require.Equal(t, dedup.InProgress, d.Check("k").State, name)
	}
	require.Empty(t, r.values)
	require.True(t, d.Complete(current, 2))
	require.False(t, d.Complete(current, 3), "used")
	require.False(t, d.Fail(current, nil), "used")
	require.Equal(t, 2, d.Check("k").Value)
	require.Equal(t, []int{2}, r.values)
}

// Checklist row 21: batch check keeps order and reports a repeated key as
// First and then InProgress.
func TestChecklist21BatchCheck(t *testing.T) {
	d := make1[string, int](t, dedup.Window(time.Minute))
	keep(t, d, "kept", 9)
	checks := d.CheckAll([]string{"a", "kept", "b", "a"})
	var states []dedup.State
	for _, c := range checks {
		states = append(states, c.State)
	}
	require.Equal(t, []dedup.State{dedup.First, dedup.Cached, dedup.First, dedup.InProgress}, states)
	require.Equal(t, 9, checks[1].Value)
	require.True(t, d.Complete(checks[2].Token, 5))
	require.Equal(t, 5, d.Check("b").Value, "each token is its own key's")
	require.Empty(t, d.CheckAll(nil))
}

// Checklist row 22: a per-call TTL affects only its own key.
func TestChecklist22TTLOfOneKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(time.Minute))
		flying := d.Check("flying").Token
		keep(t, d, "plain", 1)
		for i := range 200 { // more than any sweep needs to come round
			keep(t, d, string(rune('A'+i)), i, dedup.TTL(time.Nanosecond))
			time.Sleep(time.Nanosecond)
		}
		require.True(t, d.Contains("plain"))
		require.Equal(t, 1, d.Snapshot().Cached)
		require.True(t, d.Complete(flying, 2))
	})
}

func TestFollowersAreToldOnceAndInOrder(t *testing.T) {
	d := make1[string, int](t, dedup.Window(time.Minute))
	var order []string
	fs := map[string]*named{}
	token := d.Check("k").Token
	for _, n := range []string{"a", "b", "c"} {
		fs[n] = &named{n, &order}
		require.Equal(t, dedup.InProgress, d.Join("k", fs[n]).State)
	}
	d.Complete(token, 1)
	d.Complete(token, 1)
	require.Equal(t, []string{"a", "b", "c"}, order)
	require.Equal(t, dedup.Cached, d.Join("k", fs["a"]).State)
	require.Len(t, order, 3, "not enlisted if there is a result")

	// The next flight reuses the room for followers, not the followers.
	token = d.Check("l").Token
	d.Join("l", fs["b"])
	d.Complete(token, 1)
	require.Equal(t, []string{"a", "b", "c", "b"}, order)
}

type named struct {
	name string
	out  *[]string
}

func (n *named) Done(int, error) { *n.out = append(*n.out, n.name) }

// A follower may use the deduplicator: no lock is held. At that time the
// flight is over and its result kept.
func TestFollowerUsesTheDeduplicator(t *testing.T) {
	d := make1[string, int](t, dedup.Window(time.Minute, dedup.MaxEntries(2)))
	token := d.Check("k").Token
	var got dedup.Check[int]
	d.Join("k", told(func(int, error) {
		got = d.Check("k")
		d.Clear()
		d.Purge()
		d.EvictOldest()
		d.Snapshot()
	}))
	d.Complete(token, 3)
	require.Equal(t, dedup.Check[int]{State: dedup.Cached, Value: 3}, got)
}

type told func(int, error)

func (f told) Done(v int, err error) { f(v, err) }

func TestFailTellsTheError(t *testing.T) {
	d := make1[string, int](t, dedup.Window(time.Minute))
	boom := errors.New("boom")
	for _, tt := range []struct{ err, want error }{{boom, boom}, {nil, dedup.ErrFailed}} {
		var r recorder
		token := d.Check("k").Token
		d.Join("k", &r)
		require.True(t, d.Fail(token, tt.err))
		require.Equal(t, []int{0}, r.values)
		require.Len(t, r.errs, 1)
		require.ErrorIs(t, r.errs[0], tt.want)
		require.False(t, d.Contains("k"))
	}
}

// Many flights at once, ended in another order than begun, across the growth
// and the shrinking of everything inside.
func TestManyFlights(t *testing.T) {
	d := make1[int, int](t, dedup.Window(time.Minute, dedup.Unbounded()))
	const n = 20_000
	tokens := make([]dedup.Token, n)
	for i := range tokens {
		tokens[i] = d.Check(i).Token
	}
	require.Equal(t, n, d.Snapshot().InFlight)
	for i := range n {
		k := (i*7919 + 1) % n
		if k%10 == 0 {
			require.True(t, d.Complete(tokens[k], -k))
		} else {
			require.True(t, d.Fail(tokens[k], nil))
		}
	}
	for k := range n {
		v, ok := d.Get(k)
		require.Equal(t, k%10 == 0, ok)
		if ok {
			require.Equal(t, -k, v)
		}
	}
	s := d.Snapshot()
	require.Equal(t, n/10, s.Cached)
	require.Zero(t, s.InFlight)
	require.Equal(t, s.Misses, s.Completed+s.Failed)
}
