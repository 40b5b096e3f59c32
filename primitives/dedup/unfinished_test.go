package dedup_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/dedup"
)

// Checklist row 14 and row 23 of the resilience list: a panicking or cancelled leader releases its followers.
func TestChecklist14PanicReachesTheFollowersAsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(time.Minute, dedup.Name("prompts")))
		boom := errors.New("boom")
		caught := make(chan any, 1)
		go func() {
			defer func() { caught <- recover() }()
			_, _ = d.Do(t.Context(), "k", func(context.Context) (int, error) {
				time.Sleep(time.Second)
				panic(boom)
			})
		}()
		synctest.Wait()
		follower := call(d, t.Context(), "k", never)
		err := (<-follower).err
		require.Same(t, boom, <-caught, "the panic goes on in the leader")
		require.ErrorIs(t, err, dedup.ErrPanic)
		require.ErrorIs(t, err, boom)
		var p *dedup.PanicError
		require.ErrorAs(t, err, &p)
		require.Equal(t, boom, p.Value)
		require.Contains(t, string(p.Stack), "unfinished_test.go", "the stack is the panic's")
		require.ErrorContains(t, err, `dedup "prompts"`)
		require.Equal(t, dedup.First, d.Check("k").State, "nothing is kept")
		require.Equal(t, uint64(1), d.Snapshot().Failed)
	})
}

func TestPanicWithNobodyWaiting(t *testing.T) {
	d := make1[string, int](t, dedup.Window(time.Minute))
	require.PanicsWithValue(t, "boom", func() {
		_, _ = d.Do(context.Background(), "k", func(context.Context) (int, error) { panic("boom") })
	})
	require.Zero(t, d.Snapshot().InFlight)
	require.Equal(t, dedup.First, d.Check("k").State)
}

// Trap 17 and row 23 of the resilience list: Goexit in a run is no result. It ends the leader's goroutine, as
// t.FailNow does, and its followers are told.
func TestTrap17Goexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(time.Minute))
		quit := func(ctx context.Context) (int, error) {
			time.Sleep(time.Second)
			runtime.Goexit()
			return 1, nil
		}
		leader := call(d, t.Context(), "k", quit)
		follower := call(d, t.Context(), "k", never)
		require.ErrorIs(t, (<-follower).err, dedup.ErrGoexit)
		synctest.Wait()
		require.Empty(t, leader, "the leader's Do does not return")
		require.Equal(t, dedup.First, d.Check("k").State)
	})
}

func TestGoexitWithNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(time.Minute))
		call(d, t.Context(), "k", func(context.Context) (int, error) {
			runtime.Goexit()
			return 1, nil
		})
		require.Zero(t, d.Snapshot().InFlight)
		require.False(t, d.Contains("k"))
	})
}

// A follower that panics when told keeps no other from being told.
func TestPanicInAFollower(t *testing.T) {
	d := make1[string, int](t, dedup.Window(time.Minute))
	owner := d.Check("k")
	var first, last recorder
	d.Join("k", &first)
	d.Join("k", panicky{})
	d.Join("k", panicky{})
	d.Join("k", &last)
	require.Panics(t, func() { d.Complete(owner.Token, 4) })
	require.Equal(t, []int{4}, first.values)
	require.Equal(t, []int{4}, last.values)
	require.Equal(t, dedup.Cached, d.Check("k").State)
}

type panicky struct{}

func (panicky) Done(int, error) { panic("follower") }

// recorder is a follower that remembers what it was told.
type recorder struct {
	values []int
	errs   []error
}

func (r *recorder) Done(v int, err error) {
	r.values = append(r.values, v)
	r.errs = append(r.errs, err)
}

// Row 28 of the resilience list: a re-entrant load of the same key is an error and no
// deadlock.
func TestResilience28ReentrantCallIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(time.Minute, dedup.Name("prompts")))
		other := make1[string, int](t, dedup.Window(time.Minute))
		var direct, derived, indirect error
		v, err := d.Do(t.Context(), "a", func(ctx context.Context) (int, error) {
			_, direct = d.Do(ctx, "a", never)
			ctx2, cancel := context.WithTimeout(ctx, time.Hour)
			defer cancel()
			_, derived = d.Do(ctx2, "a", never)
			_, err := d.Do(ctx, "b", func(ctx context.Context) (int, error) {
				_, indirect = d.Do(ctx, "a", never)
				return other.Do(ctx, "a", one) // another deduplicator is another matter
			})
			return 2, err
		})
		require.NoError(t, err)
		require.Equal(t, 2, v, "the run itself goes on")
		require.ErrorIs(t, direct, dedup.ErrReentrant)
		require.ErrorIs(t, derived, dedup.ErrReentrant)
		require.ErrorIs(t, indirect, dedup.ErrReentrant)
		require.ErrorContains(t, direct, `dedup "prompts"`)
	})
}

// A context that outlives its run marks no other run as its own.
func TestContextOfAnEarlierRunIsNotReentrant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(0))
		var old context.Context
		_, err := d.Do(t.Context(), "k", func(ctx context.Context) (int, error) {
			old = context.WithoutCancel(ctx)
			return 1, nil
		})
		require.NoError(t, err)
		leader := call(d, t.Context(), "k", slow)
		follower := call(d, old, "k", never)
		require.NoError(t, (<-leader).err)
		require.NoError(t, (<-follower).err)
	})
}
