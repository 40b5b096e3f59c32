package dedup_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/primitives/dedup"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func make1[K comparable, V any](t testing.TB, p dedup.Policy) *dedup.Dedup[K, V] {
	t.Helper()
	d, err := dedup.New[K, V](p)
	require.NoError(t, err)
	return d
}

// answer is what a Do returned, and when.
type answer struct {
	v   int
	err error
	at  time.Duration
}

// call starts a Do; its answer arrives in the channel.
func call(d *dedup.Dedup[string, int], ctx context.Context, key string, f func(context.Context) (int, error)) chan answer {
	out, start := make(chan answer, 1), time.Now()
	go func() {
		v, err := d.Do(ctx, key, f)
		out <- answer{v, err, time.Since(start)}
	}()
	synctest.Wait()
	return out
}

// never is the function of a caller that must not become the leader.
func never(context.Context) (int, error) { panic("a second run") }

// slow works for a second, unless its context ends.
func slow(ctx context.Context) (int, error) {
	select {
	case <-time.After(time.Second):
		return 1, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// Checklist row 11: 100 concurrent Do calls on one key run the function once and all
// get its value.
func TestChecklist11OneRunForAHundredCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(time.Minute))
		var mu sync.Mutex
		runs, sum := 0, 0
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				v, err := d.Do(t.Context(), "k", func(context.Context) (int, error) {
					time.Sleep(time.Second)
					mu.Lock()
					defer mu.Unlock()
					runs++
					return 7, nil
				})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					sum += v
				}
			})
		}
		wg.Wait()
		require.Equal(t, 1, runs)
		require.Equal(t, 700, sum)
		s := d.Snapshot()
		require.Equal(t, uint64(99), s.Shared)
		require.Equal(t, uint64(1), s.Misses)
	})
}

// Checklist row 12: followers of a failed leader receive its error, and the next call
// runs again.
func TestChecklist12FollowersGetTheErrorAndItIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(time.Minute))
		boom := context.DeadlineExceeded // any error; this one looks like a cancellation
		leader := call(d, t.Context(), "k", func(context.Context) (int, error) {
			time.Sleep(time.Second)
			return 5, boom
		})
		follower := call(d, t.Context(), "k", never)
		require.ErrorIs(t, (<-leader).err, boom)
		a := <-follower
		require.ErrorIs(t, a.err, boom)
		require.Equal(t, 5, a.v, "the follower gets all that the leader gets")
		v, err := d.Do(t.Context(), "k", one)
		require.NoError(t, err)
		require.Equal(t, 1, v)
	})
}

// Checklist row 13: a follower whose ctx ends returns at once while leader and other
// followers go on.
func TestChecklist13FollowerGivesUpAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(0))
		leader := call(d, t.Context(), "k", slow)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		hasty := call(d, ctx, "k", never)
		patient := call(d, t.Context(), "k", never)
		a := <-hasty
		require.ErrorIs(t, a.err, context.DeadlineExceeded)
		require.Equal(t, 20*time.Millisecond, a.at)
		require.Equal(t, answer{1, nil, time.Second}, <-patient)
		require.Equal(t, answer{1, nil, time.Second}, <-leader)
	})
}

// A result that is there when the ctx ends is preferred: every time, although a
// select with both ready chooses at random.
func TestFollowerCancelledWhileToldGetsTheResult(t *testing.T) {
	for range 50 {
		d := make1[string, int](t, dedup.Window(0))
		owner := d.Check("k")
		ctx, cancel := context.WithCancel(t.Context())
		// A follower asks its context for a value once it has joined.
		v, err := d.Do(asked{ctx, func() { d.Complete(owner.Token, 1); cancel() }}, "k", never)
		require.NoError(t, err)
		require.Equal(t, 1, v)
	}
}

// asked is a context that does something when it is asked for a value.
type asked struct {
	context.Context
	do func()
}

func (a asked) Value(key any) any {
	a.do()
	return a.Context.Value(key)
}

func TestDeadContextRunsNothing(t *testing.T) {
	d := make1[string, int](t, dedup.Window(time.Minute))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := d.Do(ctx, "k", never)
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, d.Snapshot().InFlight)
}

// Checklist row 16: a leader slower than the TTL keeps leadership.
func TestChecklist16SlowLeaderKeepsTheKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(time.Millisecond))
		leader := call(d, t.Context(), "k", slow)
		time.Sleep(500 * time.Millisecond)
		require.Zero(t, d.Purge())
		require.Equal(t, dedup.InProgress, d.Check("k").State)
		follower := call(d, t.Context(), "k", never)
		require.Equal(t, 1, (<-leader).v)
		require.Equal(t, answer{1, nil, 500 * time.Millisecond}, <-follower)
	})
}

// A Do may follow the owner of a token, as it may another Do.
func TestDoFollowsATokenOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(0))
		owner := d.Check("k")
		follower := call(d, t.Context(), "k", never)
		ctx, cancel := context.WithCancel(t.Context())
		leaver := call(d, ctx, "k", never)
		cancel()
		require.ErrorIs(t, (<-leaver).err, context.Canceled)
		require.Equal(t, dedup.InProgress, d.Check("k").State, "the owner has not ended it")
		require.True(t, d.Complete(owner.Token, 3))
		require.Equal(t, 3, (<-follower).v)
	})
}

func TestTTLOfOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(time.Second))
		for key, ttl := range map[string]time.Duration{"long": time.Hour, "short": time.Millisecond, "none": 0, "negative": -1} {
			_, err := d.Do(t.Context(), key, one, dedup.TTL(ttl))
			require.NoError(t, err)
		}
		_, err := d.Do(t.Context(), "plain", one)
		require.NoError(t, err)
		require.False(t, d.Contains("none"))
		require.False(t, d.Contains("negative"))
		time.Sleep(time.Millisecond)
		require.False(t, d.Contains("short"))
		require.True(t, d.Contains("plain"))
		time.Sleep(time.Second)
		require.False(t, d.Contains("plain"))
		require.True(t, d.Contains("long"))
		require.Equal(t, 1, d.Snapshot().Cached)
	})
}

// A ttl so long that the clock cannot count it means for ever, not for never.
func TestLongestTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(1<<63-1))
		time.Sleep(time.Hour)
		_, _ = d.Do(t.Context(), "k", one)
		time.Sleep(time.Hour)
		require.True(t, d.Contains("k"))
	})
}
