package dedup_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/dedup"
)

func cloning(t testing.TB, p dedup.Policy) *dedup.Dedup[string, []int] {
	t.Helper()
	d, err := dedup.New[string](p, dedup.Hooks[[]int]{Clone: slices.Clone[[]int]})
	require.NoError(t, err)
	return d
}

// spoil changes what a caller got, as a caller may that was given a clone.
func spoil(v []int) []int {
	was := slices.Clone(v)
	for i := range v {
		v[i] = -1
	}
	return was
}

// With Clone no caller sees what another does to its value: neither the leader, nor a
// follower, nor a hit.
func TestCloneKeepsValuesApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := cloning(t, dedup.Window(time.Minute, dedup.ServeStale(time.Hour)))
		want := []int{1, 2}
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				v, err := d.Do(t.Context(), "k", func(context.Context) ([]int, error) {
					time.Sleep(time.Second)
					return []int{1, 2}, nil
				})
				assert.NoError(t, err)
				assert.Equal(t, want, spoil(v))
			})
		}
		wg.Wait()
		v, _ := d.Get("k")
		require.Equal(t, want, spoil(v))
		require.Equal(t, want, spoil(d.Check("k").Value))
		v, err := d.Do(t.Context(), "k", nil)
		require.NoError(t, err)
		require.Equal(t, want, spoil(v))

		time.Sleep(time.Minute)
		stale := d.Check("k")
		require.Equal(t, want, spoil(stale.Value))
		d.Fail(stale.Token, errDown)
		v, err = d.Do(t.Context(), "k", func(context.Context) ([]int, error) { return nil, errDown })
		require.NoError(t, err)
		require.Equal(t, want, spoil(v))
		v, _ = d.Get("k")
		require.Equal(t, want, v)

		owner := d.Check("l")
		var got [][]int
		d.Join("l", toldOf(func(v []int) { got = append(got, spoil(v)) }))
		d.Join("l", toldOf(func(v []int) { got = append(got, spoil(v)) }))
		mine := []int{1, 2}
		d.Complete(owner.Token, mine)
		spoil(mine)
		require.Equal(t, [][]int{want, want}, got)
		v, _ = d.Get("l")
		require.Equal(t, want, v)
	})
}

type toldOf func([]int)

func (f toldOf) Done(v []int, _ error) { f(v) }

// A panic of Clone is as one of the function; to a caller that only hits it is his own.
func TestClonePanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := true
		d, err := dedup.New[string](dedup.Window(time.Minute), dedup.Hooks[int]{Clone: func(v int) int {
			if bad {
				panic("clone")
			}
			return v
		}})
		require.NoError(t, err)
		follower := make(chan error, 1)
		go func() {
			time.Sleep(time.Millisecond)
			_, err := d.Do(t.Context(), "k", never)
			follower <- err
		}()
		require.PanicsWithValue(t, "clone", func() { _, _ = d.Do(t.Context(), "k", slow) })
		require.ErrorIs(t, <-follower, dedup.ErrPanic)

		token := d.Check("k").Token
		require.Panics(t, func() { d.Complete(token, 1) })
		require.True(t, d.Fail(token, errDown), "the flight can be ended still")
		bad = false
		keep(t, d, "k", 1)
		bad = true
		require.Panics(t, func() { _, _ = d.Do(t.Context(), "k", never) })
		bad = false
		v, err := d.Do(t.Context(), "k", never)
		require.NoError(t, err)
		require.Equal(t, 1, v)
		require.Zero(t, d.Snapshot().InFlight)
	})
}

// Hooks may use the deduplicator: no lock is held.
func TestHooksUseTheDeduplicator(t *testing.T) {
	var d *dedup.Dedup[string, int]
	uses := func() {
		d.Contains("other")
		d.Forget("other")
		d.Purge()
		d.Snapshot()
	}
	d, err := dedup.New[string](dedup.Window(time.Minute, dedup.MaxWeight(10)), dedup.Hooks[int]{
		Clone: func(v int) int { uses(); return v },
		Weigh: func(int) int64 { uses(); return 1 },
	})
	require.NoError(t, err)
	for range 2 {
		v, err := d.Do(t.Context(), "k", one)
		require.NoError(t, err)
		require.Equal(t, 1, v)
	}
}

// A run that fails has nothing to copy.
func TestErrorsAreNotCloned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, err := dedup.New[string](dedup.Window(time.Minute, dedup.ErrorTTL(time.Minute)), dedup.Hooks[int]{Clone: func(int) int { panic("clone") }})
		require.NoError(t, err)
		leader := failing(d, t, func(context.Context) (int, error) { time.Sleep(time.Second); return 0, errDown })
		follower := failing(d, t, func(context.Context) (int, error) { panic("a second run") })
		var told recorder
		d.Join("k", &told)
		require.Equal(t, errDown, <-leader)
		require.Equal(t, errDown, <-follower)
		require.Equal(t, []error{errDown}, told.errs)
		require.ErrorIs(t, d.Check("k").Err, errDown)
	})
}

func failing(d *dedup.Dedup[string, int], t *testing.T, f func(context.Context) (int, error)) chan error {
	out := make(chan error, 1)
	go func() {
		_, err := d.Do(t.Context(), "k", f)
		out <- err
	}()
	synctest.Wait()
	return out
}

// A follower that panics was told, and is not told again.
func TestAFollowerOfACopyIsToldOnce(t *testing.T) {
	d, err := dedup.New[string](dedup.Window(0), dedup.Hooks[int]{Clone: func(v int) int { return v }})
	require.NoError(t, err)
	token := d.Check("k").Token
	calls := 0
	var last recorder
	d.Join("k", told(func(int, error) { calls++; panic("follower") }))
	d.Join("k", &last)
	require.PanicsWithValue(t, "follower", func() { d.Complete(token, 1) })
	require.Equal(t, 1, calls)
	require.Equal(t, []int{1}, last.values)
}
