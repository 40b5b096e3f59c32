package dedup_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/dedup"
)

// watchers are the ways in which a function may learn that it is not needed any
// more. Each works for a second unless it does.
var watchers = map[string]func(context.Context) (int, error){
	"done": slow,
	"polling": func(ctx context.Context) (int, error) {
		for range 100 {
			if err := ctx.Err(); err != nil {
				return 0, err
			}
			time.Sleep(10 * time.Millisecond)
		}
		return 1, nil
	},
	"derived": func(ctx context.Context) (int, error) {
		ctx, cancel := context.WithTimeout(ctx, time.Hour)
		defer cancel()
		return slow(ctx)
	},
	"late": func(ctx context.Context) (int, error) {
		time.Sleep(300 * time.Millisecond)
		return slow(ctx)
	},
}

// Trap 15 and row 21 of the resilience list: the leader is cancelled with followers; the work goes on
// and healthy followers get its result.
func TestResilience21CancelledLeaderPoisonsNobody(t *testing.T) {
	for name, f := range watchers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := make1[string, int](t, dedup.Window(time.Minute))
				ctx, cancel := context.WithCancel(t.Context())
				leader := call(d, ctx, "k", f)
				follower := call(d, t.Context(), "k", never)
				time.Sleep(100 * time.Millisecond)
				cancel()
				a := <-follower
				require.NoError(t, a.err)
				require.Equal(t, 1, a.v)
				require.Equal(t, a, <-leader, "the leader works on, and returns what it got")
				require.True(t, d.Contains("k"))
			})
		})
	}
}

// Row 22 of the resilience list: all callers are cancelled: the run's context ends and the key is
// free; a newcomer starts a run of its own, which the old one cannot touch.
func TestResilience22AbandonedRun(t *testing.T) {
	for name, f := range watchers {
		for _, last := range []string{"leader", "follower"} {
			t.Run(name+"/last="+last, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					d := make1[string, int](t, dedup.Window(time.Minute))
					lctx, lcancel := context.WithCancel(t.Context())
					fctx, fcancel := context.WithCancel(t.Context())
					if last == "leader" {
						lcancel, fcancel = fcancel, lcancel
					}
					leader := call(d, lctx, "k", func(ctx context.Context) (int, error) {
						_, err := f(ctx)
						time.Sleep(2 * time.Second) // slow to notice
						if err == nil {
							err = errors.New("not cancelled")
						}
						return -1, err
					})
					follower := call(d, fctx, "k", never)
					time.Sleep(100 * time.Millisecond)
					lcancel()
					time.Sleep(100 * time.Millisecond)
					fcancel()
					require.ErrorIs(t, (<-follower).err, context.Canceled)
					time.Sleep(200 * time.Millisecond) // until all have noticed
					newcomer := call(d, t.Context(), "k", slow)
					require.Equal(t, answer{1, nil, time.Second}, <-newcomer)
					a := <-leader
					require.ErrorIs(t, a.err, context.Canceled)
					require.Less(t, a.at, 3*time.Second)
					v, ok := d.Get("k")
					require.True(t, ok)
					require.Equal(t, 1, v, "the old run does not overwrite the newer")
					s := d.Snapshot()
					require.Zero(t, s.InFlight)
					require.Equal(t, s.Misses, s.Completed+s.Failed)
				})
			})
		}
	}
}

// An item of a stream that has joined waits as a caller does.
func TestJoinedFollowerKeepsTheRunAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(0))
		ctx, cancel := context.WithCancel(t.Context())
		leader := call(d, ctx, "k", slow)
		var r recorder
		require.Equal(t, dedup.InProgress, d.Join("k", &r).State)
		cancel()
		require.NoError(t, (<-leader).err)
		require.Equal(t, []int{1}, r.values)
	})
}

func TestDeadlineOfALeaderAlone(t *testing.T) {
	for name, f := range watchers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := make1[string, int](t, dedup.Window(0))
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				_, err := d.Do(ctx, "k", f)
				require.ErrorIs(t, err, context.DeadlineExceeded, "it is the caller's own deadline")
			})
		})
	}
}

type valueKey struct{}

func TestRunContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(0))
		base, cancel := context.WithTimeout(context.WithValue(t.Context(), valueKey{}, "v"), time.Hour)
		defer cancel()
		var asked, silent context.Context
		_, err := d.Do(base, "k", func(ctx context.Context) (int, error) {
			asked = ctx
			require.Equal(t, "v", ctx.Value(valueKey{}))
			require.NoError(t, ctx.Err())
			require.NoError(t, context.Cause(ctx))
			by, ok := ctx.Deadline()
			want, _ := base.Deadline()
			require.True(t, ok)
			require.Equal(t, want, by, "the leader's, while no other caller waits")
			select {
			case <-ctx.Done():
				require.Fail(t, "ended early")
			default:
			}
			require.Equal(t, "v", ctx.Value(valueKey{}), "also when Done has been asked for")
			return 1, ctx.Err()
		})
		require.NoError(t, err)
		_, err = d.Do(base, "k", func(ctx context.Context) (int, error) {
			silent = ctx
			return 1, nil
		})
		require.NoError(t, err)
		for _, ctx := range []context.Context{asked, silent} {
			require.ErrorIs(t, ctx.Err(), context.Canceled, "ended with the run")
			<-ctx.Done()
			require.ErrorIs(t, context.Cause(ctx), context.Canceled)
			require.Equal(t, "v", ctx.Value(valueKey{}), "the values stay")
		}
	})
}

// The cause of the leader's end is the cause of the run's.
func TestCauseOfTheLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(0))
		why := errors.New("client went away")
		ctx, cancel := context.WithCancelCause(t.Context())
		leader := call(d, ctx, "k", func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, context.Cause(ctx)
		})
		cancel(why)
		require.ErrorIs(t, (<-leader).err, why)
	})
}

// Contexts derived from a run's hang on no goroutine of their own.
func TestDerivedContextsEndWithTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(0))
		var derived context.Context
		var cancel context.CancelFunc
		_, err := d.Do(context.Background(), "k", func(ctx context.Context) (int, error) {
			derived, cancel = context.WithCancel(ctx)
			return 1, nil
		})
		defer cancel() // later than it ought to be
		require.NoError(t, err)
		require.ErrorIs(t, derived.Err(), context.Canceled)
	})
}
