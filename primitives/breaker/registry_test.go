package breaker_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/outcome"
)

func newRegistry[K comparable](tb testing.TB, limit int, opts ...breaker.Option) *breaker.Registry[K] {
	tb.Helper()
	r, err := breaker.NewRegistry[K](breaker.Consecutive("hosts", 3, window, opts...), limit, time.Hour)
	require.NoError(tb, err)
	return r
}

// try calls with key, and returns whether it was let through.
func try[K comparable](tb testing.TB, r *breaker.Registry[K], key K, f func(context.Context) (int, error)) bool {
	tb.Helper()
	called := false
	_, err := r.Do(tb.Context(), key, func(ctx context.Context) (int, error) { called = true; return f(ctx) })
	if !called {
		require.ErrorIs(tb, err, breaker.ErrOpen)
	}
	return called
}

// state looks at the breaker of key without leaving a trace.
func state[K comparable](tb testing.TB, r *breaker.Registry[K], key K) breaker.State {
	tb.Helper()
	for k, s := range r.All() {
		if k == key {
			return s.State
		}
	}
	tb.Fatalf("no breaker is kept for %v", key)
	return 0
}

func TestEachKeyHasItsBreaker(t *testing.T) {
	r := newRegistry[string](t, 10)
	for range 3 {
		require.True(t, try(t, r, "a", failing))
	}
	require.False(t, try(t, r, "a", succeed))
	require.True(t, try(t, r, "b", succeed))
	require.Equal(t, breaker.Open, state(t, r, "a"))
	require.Equal(t, breaker.Closed, state(t, r, "b"))

	_, err := r.Do(t.Context(), "a", succeed)
	require.ErrorContains(t, err, `breaker: open: "hosts/a", next probe in`)
}

// The fault: a registry that makes room by age alone lets a flood of other keys reset the
// history of a key that fails.
func TestFloodDoesNotResetAFailingKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegistry[int](t, 100)
		const open, failed = -1, -2
		for range 3 {
			try(t, r, open, failing)
		}
		try(t, r, failed, failing)
		try(t, r, failed, failing)
		for key := range flood {
			try(t, r, key, succeed)
			if key%10_000 == 0 {
				require.LessOrEqual(t, r.Snapshot().Kept, 100)
			}
		}
		require.False(t, try(t, r, open, succeed))
		try(t, r, failed, failing)
		require.False(t, try(t, r, failed, succeed), "the third failure in a row")
		s := r.Snapshot()
		require.Equal(t, 100, s.Kept)
		require.Zero(t, s.Unkept, "there was always one to forget")
		require.EqualValues(t, flood+2, s.Made)
		require.EqualValues(t, flood+2-100, s.Forgotten)
	})
}

// The flood comes while the call is under way that will fail.
func TestFloodDoesNotForgetACallUnderWay(t *testing.T) {
	r := newRegistry[int](t, 4)
	for range 3 {
		require.True(t, try(t, r, -1, func(ctx context.Context) (int, error) {
			for key := range 100 {
				try(t, r, key, succeed)
			}
			return failing(ctx)
		}))
	}
	require.False(t, try(t, r, -1, succeed))
}

// Each rule keeps the key that it holds something against.
func TestWhatIsHeldAgainstAKeyKeepsIt(t *testing.T) {
	slowly := func(context.Context) (int, error) { time.Sleep(time.Second); return 0, nil }
	for name, tt := range map[string]struct {
		opts  []breaker.Option
		do    func(t *testing.T, r *breaker.Registry[int])
		clean time.Duration // when it may go; 0: not with time
	}{
		"a failure in a row":        {nil, func(t *testing.T, r *breaker.Registry[int]) { try(t, r, -1, failing) }, 0},
		"a failure of the last ten": {[]breaker.Option{breaker.OutOf(5, 10)}, func(t *testing.T, r *breaker.Registry[int]) { try(t, r, -1, failing); try(t, r, -1, succeed) }, 0},
		"a failure in the window": {[]breaker.Option{breaker.Rate(0.9, 16*time.Second, 5)}, func(t *testing.T, r *breaker.Registry[int]) {
			try(t, r, -1, failing)
			try(t, r, -1, succeed)
		}, 16 * time.Second},
		"a slow call in the window": {[]breaker.Option{breaker.Slow(time.Second, 0.9, 16*time.Second, 5)}, func(t *testing.T, r *breaker.Registry[int]) { try(t, r, -1, slowly) }, 16 * time.Second},
		"a call that was never recorded": {[]breaker.Option{breaker.Hung(time.Minute, 2)}, func(t *testing.T, r *breaker.Registry[int]) {
			p := r.Pin(-1)
			defer p.Release()
			allow(t, p.Breaker)
		}, 0},
		"a healthy period": {[]breaker.Option{breaker.Escalate(time.Hour, 30*time.Second)}, func(t *testing.T, r *breaker.Registry[int]) {
			for range 3 {
				try(t, r, -1, failing)
			}
			time.Sleep(window)
			try(t, r, -1, succeed)
		}, 30 * time.Second},
		"a ramp": {[]breaker.Option{breaker.Ramp(30 * time.Second)}, func(t *testing.T, r *breaker.Registry[int]) {
			p := r.Pin(-1)
			p.Breaker.OpenFor(0)
			p.Release()
			try(t, r, -1, succeed)
		}, 30 * time.Second},
		"a failure not long ago": {[]breaker.Option{breaker.Within(5, 16*time.Second)}, func(t *testing.T, r *breaker.Registry[int]) {
			try(t, r, -1, failing)
			try(t, r, -1, succeed)
		}, 16*time.Second + 1},
		"a pause that the service asked for": {nil, func(t *testing.T, r *breaker.Registry[int]) {
			_, _ = r.Do(t.Context(), -1, func(context.Context) (int, error) { return 0, outcome.AsThrottled(errDown, 30*time.Second) })
			try(t, r, -1, succeed)
		}, 30 * time.Second},
		"a mode": {nil, func(_ *testing.T, r *breaker.Registry[int]) {
			p := r.Pin(-1)
			p.Breaker.SetMode(breaker.Disabled)
			p.Release()
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRegistry[int](t, 2, tt.opts...)
				tt.do(t, r)
				survives := func() bool {
					for key := range 20 {
						try(t, r, key, succeed)
					}
					for key := range r.All() {
						if key == -1 {
							return true
						}
					}
					return false
				}
				require.True(t, survives())
				if tt.clean > 0 {
					time.Sleep(tt.clean - time.Second - 1)
					require.True(t, survives())
					time.Sleep(time.Second + 1)
					require.False(t, survives(), "nothing is held against it any more")
				}
			})
		})
	}
}

// Without room no key is forgotten. The call is guarded by a breaker that ends with it.
func TestNoRoom(t *testing.T) {
	r := newRegistry[int](t, 2)
	for key := range 2 {
		try(t, r, key, failing)
	}
	for range 10 {
		require.True(t, try(t, r, 7, failing))
	}
	p, q := r.Pin(7), r.Pin(7)
	require.NotSame(t, p.Breaker, q.Breaker)
	p.Breaker.Trip()
	p.Release()
	require.Equal(t, breaker.Closed, q.Breaker.State())
	q.Release()
	s := r.Snapshot()
	require.EqualValues(t, 12, s.Unkept)
	require.Equal(t, 2, s.Kept)

	try(t, r, 0, succeed) // a failing key that has recovered makes room
	require.True(t, try(t, r, 7, failing))
	require.EqualValues(t, 12, r.Snapshot().Unkept)
}

func TestIdleKeysAreRetired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegistry[int](t, 1000, breaker.Escalate(3*time.Hour, 0))
		for key := range 500 {
			try(t, r, key, succeed)
		}
		try(t, r, -1, failing)
		p := r.Pin(-2)
		q := r.Pin(-3)
		q.Breaker.OpenFor(2 * time.Hour)
		q.Release()
		s := r.Pin(-4)
		s.Breaker.SetMode(breaker.ForcedOpen)
		s.Release()

		time.Sleep(time.Hour - 1)
		try(t, r, 0, succeed)
		require.Equal(t, 504, r.Snapshot().Kept, "not before the time is over")
		time.Sleep(time.Nanosecond)
		for range 1000 {
			try(t, r, 0, succeed)
		}
		require.Equal(t, 4, r.Snapshot().Kept, "0 is in use, -2 pinned, -3 open, -4 forced open")
		require.Equal(t, breaker.Open, state(t, r, -3))

		p.Release()
		time.Sleep(time.Hour)
		for range 10 {
			try(t, r, 0, succeed)
		}
		require.Equal(t, 2, r.Snapshot().Kept, "0, and the one that was forced open")
		require.Equal(t, breaker.Open, state(t, r, -4))
	})
}

// A key that has to stay does not keep later keys from going.
func TestIdleKeysAreRetiredBehindOneThatStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegistry[int](t, 1000)
		p := r.Pin(-1)
		defer p.Release()
		for key := range 100 {
			try(t, r, key, succeed)
		}
		time.Sleep(time.Hour)
		for range 200 {
			try(t, r, -2, succeed)
		}
		require.Equal(t, 2, r.Snapshot().Kept)
	})
}

// Breakers that start in another mode are as new while they are in it.
func TestKeysThatStartDisabledMakeRoom(t *testing.T) {
	for _, mode := range []breaker.Mode{breaker.Disabled, breaker.ForcedOpen} {
		synctest.Test(t, func(t *testing.T) {
			r := newRegistry[int](t, 3, breaker.Start(mode))
			for key := range 100 {
				try(t, r, key, failing)
			}
			require.Zero(t, r.Snapshot().Unkept)
			time.Sleep(time.Hour)
			for range 10 {
				try(t, r, 1, succeed)
			}
			require.Equal(t, 1, r.Snapshot().Kept)
		})
	}
}

func TestPin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegistry[string](t, 2)
		p, q := r.Pin("a"), r.Pin("a")
		require.Same(t, p.Breaker, q.Breaker)
		require.Equal(t, 1, r.Snapshot().Pinned)
		p.Release()
		p.Release() // to no effect
		require.Equal(t, 1, r.Snapshot().Pinned)
		q.Release()
		require.Zero(t, r.Snapshot().Pinned)

		require.Panics(t, func() {
			_, _ = r.Do(t.Context(), "a", func(context.Context) (int, error) { panic("boom") })
		})
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = r.Do(context.Background(), "a", func(context.Context) (int, error) { runtime.Goexit(); return 0, nil })
		}()
		<-done
		require.Zero(t, r.Snapshot().Pinned, "however the call ends")
		p = r.Pin("a")
		require.Equal(t, 2, p.Breaker.Snapshot().Failures)
		p.Release()
	})
}

// loud is a key whose text asks the registry.
type loud struct{ r *breaker.Registry[loud] }

func (l loud) String() string { return fmt.Sprint(l.r.Snapshot().Kept, " kept") }

func TestOddKeys(t *testing.T) {
	anything := newRegistry[any](t, 10)
	for range 3 {
		_, err := anything.Do(t.Context(), any([]int{1}), succeed)
		require.ErrorIs(t, err, breaker.ErrKey)
		require.True(t, try(t, anything, any("a"), failing))
	}
	require.False(t, try(t, anything, any("a"), failing), "the others have their breakers")
	require.Equal(t, 1, anything.Snapshot().Kept)
	require.Zero(t, anything.Snapshot().Unkept)

	asking := newRegistry[loud](t, 10)
	p := asking.Pin(loud{asking})
	require.Equal(t, "hosts/0 kept", p.Breaker.Snapshot().Name, "no lock is held while the key makes its text")
	p.Release()
}

func TestRollUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegistry[string](t, 5, breaker.OnChange(func(breaker.Change) { panic("hook") }))
		for _, key := range []string{"open", "half"} {
			for range 3 {
				try(t, r, key, failing)
			}
			if key == "open" {
				continue
			}
		}
		p := r.Pin("half")
		p.Breaker.OpenFor(0)
		p.Release()
		for range 4 {
			try(t, r, "open", succeed)
		}
		try(t, r, "closed", succeed)
		want := breaker.RegistrySnapshot{
			Name: "hosts", Limit: 5, Kept: 3, Closed: 1, Open: 1, HalfOpen: 1, Made: 3, Rejected: 4, HookPanics: 2,
		}
		require.Equal(t, want, r.Snapshot())

		time.Sleep(time.Hour) // all are idle, and one after the other goes
		for range 5 {
			try(t, r, "new", succeed)
		}
		want.Kept, want.Open, want.HalfOpen, want.Made, want.Forgotten = 1, 0, 0, 4, 3
		require.Equal(t, want, r.Snapshot(), "what those did that are gone is not forgotten")
	})
}

func TestAllMayStopAndUseTheRegistry(t *testing.T) {
	r := newRegistry[int](t, 5)
	for key := range 5 {
		try(t, r, key, succeed)
	}
	n := 0
	for key, s := range r.All() {
		require.Equal(t, fmt.Sprintf("hosts/%d", key), s.Name)
		try(t, r, key, failing)
		if n++; n == 3 {
			break
		}
	}
	require.Equal(t, 3, n)
}

func TestRegistryIsRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		policy breaker.Policy
		limit  int
		idle   time.Duration
		fault  string
	}{
		"limit":  {breaker.Consecutive("hosts", 1, 0), 0, 1, `breaker: invalid policy: "hosts": limit of the registry is 0, want at least 1`},
		"idle":   {breaker.Consecutive("hosts", 1, 0), 1, 0, `breaker: invalid policy: "hosts": idle time of the registry is 0s, want more than 0`},
		"policy": {breaker.Consecutive("hosts", 0, 0), 1, 1, `breaker: invalid policy: "hosts": failures is 0, want at least 1`},
		"all": {breaker.Consecutive("", 1, 0), -1, -1,
			`breaker: invalid policy: name is empty; limit of the registry is -1, want at least 1; idle time of the registry is -1ns, want more than 0`},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := breaker.NewRegistry[int](tt.policy, tt.limit, tt.idle)
			require.Nil(t, r)
			require.ErrorIs(t, err, breaker.ErrPolicy)
			require.EqualError(t, err, tt.fault)
		})
	}
}

// Many goroutines, few places: a key that fails opens once and stays. No
// bubble: real parallelism is the point.
func TestRegistryUnderConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // a busy machine may take longer than the breaker stays open
		var opened atomic.Int32
		r := newRegistry[int](t, 16, breaker.OnChange(func(breaker.Change) { opened.Add(1) }))
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for n := range 2000 {
					f := succeed
					key := i*2000 + n
					if n%4 == 0 {
						key, f = -1, failing
					}
					_, _ = r.Do(context.Background(), key, f)
					if n%500 == 0 {
						_ = r.Snapshot()
					}
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 1, opened.Load())
		require.Equal(t, breaker.Open, state(t, r, -1))
		s := r.Snapshot()
		require.LessOrEqual(t, s.Kept, 16)
		require.Zero(t, s.Pinned)
		require.EqualValues(t, s.Made-s.Forgotten, s.Kept)
	})
}
