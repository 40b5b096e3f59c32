package guard_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/outcome"
)

func newRegistry[K comparable](tb testing.TB, capacity, limit int, opts ...guard.Option) *guard.Registry[K] {
	tb.Helper()
	r, err := guard.NewRegistry[K](guard.Limit(capacity, append(opts, guard.Name("hosts"))...), limit, time.Hour)
	require.NoError(tb, err)
	return r
}

// use has a call for key, and reports whether it was let through.
func use[K comparable](tb testing.TB, r *guard.Registry[K], key K) bool {
	tb.Helper()
	p := r.Pin(key)
	defer p.Release()
	permit, err := p.Guard.TryAcquire()
	if err != nil {
		require.ErrorIs(tb, err, guard.ErrShed)
		return false
	}
	return permit.Release()
}

// hold takes a permit of the guard of key, and keeps it when the pin is released.
func hold[K comparable](tb testing.TB, r *guard.Registry[K], key K) guard.Permit {
	tb.Helper()
	p := r.Pin(key)
	defer p.Release()
	return take(tb, p.Guard)
}

func keeps[K comparable](r *guard.Registry[K], key K) bool {
	for k := range r.All() {
		if k == key {
			return true
		}
	}
	return false
}

func TestEachKeyHasItsGuard(t *testing.T) {
	r := newRegistry[string](t, 1, 10)
	a := hold(t, r, "a")
	require.False(t, use(t, r, "a"))
	require.True(t, use(t, r, "b"))
	_, err := r.Do(t.Context(), "a", func(context.Context) (int, error) { return 0, nil }, guard.Weight(2))
	require.EqualError(t, err, `guard "hosts/a": weight 2 is above the capacity 1`)
	require.True(t, a.Release())
	v, err := r.Do(t.Context(), "a", func(context.Context) (int, error) { return 7, nil })
	require.NoError(t, err)
	require.Equal(t, 7, v)
}

func TestKeysOfAnUnnamedPolicy(t *testing.T) {
	r := guard.RegistryOf[int](guard.Limit(1), 1, time.Hour)
	p := r.Pin(42)
	require.Equal(t, "42", p.Guard.Snapshot().Name)
	q := r.Pin(43)
	require.Equal(t, "*", q.Guard.Snapshot().Name)
}

// What is in use, or decided by the user, is kept under a flood of other keys, and with
// time. All else is forgotten.
func TestWhatKeepsAGuard(t *testing.T) {
	for name, tt := range map[string]struct {
		do   func(*testing.T, *guard.Registry[int]) (end func())
		opts []guard.Option
		ever bool // it is kept when that has ended, too
	}{
		"a pin": {do: func(t *testing.T, r *guard.Registry[int]) func() {
			p := r.Pin(-1)
			return p.Release
		}},
		"a permit": {do: func(t *testing.T, r *guard.Registry[int]) func() {
			p := hold(t, r, -1)
			return func() { p.Release() }
		}},
		"a permit behind the lock": {opts: []guard.Option{guard.Deadlines()}, do: func(t *testing.T, r *guard.Registry[int]) func() {
			p := hold(t, r, -1)
			return func() { p.Release() }
		}},
		"a place": {do: func(t *testing.T, r *guard.Registry[int]) func() {
			p, pin := hold(t, r, -1), r.Pin(-1)
			hold(t, r, -1)
			_, _, err := pin.Guard.Enlist(t.Context(), func(p guard.Permit, err error) { p.Release() }, guard.Weight(2))
			require.NoError(t, err)
			pin.Release()
			return func() { p.Release() }
		}, ever: true}, // the second permit
		"a resize": {do: func(t *testing.T, r *guard.Registry[int]) func() {
			p := r.Pin(-1)
			defer p.Release()
			require.NoError(t, p.Guard.Resize(1))
			return func() {}
		}, ever: true},
		"not what an adaptive guard was set to": {opts: []guard.Option{guard.Adaptive(guard.Vegas(), 1, 9)}, do: func(t *testing.T, r *guard.Registry[int]) func() {
			p := r.Pin(-1)
			require.NoError(t, p.Guard.Resize(7))
			return p.Release
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRegistry[int](t, 2, 4, tt.opts...)
				end := tt.do(t, r)
				flood := func() bool {
					for key := range 30 {
						require.True(t, use(t, r, key))
					}
					return keeps(r, -1)
				}
				require.True(t, flood())
				time.Sleep(time.Hour)
				require.True(t, flood())
				require.Zero(t, r.Snapshot().Unkept, "there was always one to forget")
				end()
				require.Equal(t, tt.ever, flood())
			})
		})
	}
}

func TestIdleKeysAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegistry[int](t, 1, 1000)
		for key := range 500 {
			use(t, r, key)
		}
		p := hold(t, r, -1)
		time.Sleep(time.Hour - 1)
		use(t, r, 0)
		require.Equal(t, 501, r.Snapshot().Kept, "not before the time is over")
		time.Sleep(time.Nanosecond)
		for range 1000 {
			use(t, r, 0)
		}
		require.Equal(t, 2, r.Snapshot().Kept, "0 and the one in use")
		require.True(t, p.Release())
		time.Sleep(time.Hour)
		for range 3 {
			use(t, r, 0)
		}
		require.Equal(t, 1, r.Snapshot().Kept)
	})
}

// Keys without room share one capacity: a flood of keys that stay in use is bounded.
func TestKeysWithoutRoomShareAGuard(t *testing.T) {
	r := newRegistry[int](t, 2, 3)
	for key := range 3 {
		hold(t, r, key)
	}
	first, second := hold(t, r, 10), hold(t, r, 11)
	require.False(t, use(t, r, 12))
	_, err := r.Do(t.Context(), 13, func(context.Context) (int, error) { return 0, nil }, guard.Weight(3))
	require.ErrorContains(t, err, `guard "hosts/*": `)
	require.True(t, use(t, r, 0), "keys with room have their own guard")
	require.True(t, first.Release())
	require.True(t, use(t, r, 12))
	require.True(t, second.Release())
	s := r.Snapshot()
	require.EqualValues(t, 5, s.Unkept)
	require.Equal(t, 3, s.Kept)
	require.EqualValues(t, 7, s.Admitted)
	require.EqualValues(t, 1, s.Shed)
}

func TestPin(t *testing.T) {
	r := newRegistry[string](t, 1, 2)
	p, q := r.Pin("a"), r.Pin("a")
	require.Same(t, p.Guard, q.Guard)
	require.Equal(t, 1, r.Snapshot().Pinned)
	p.Release()
	p.Release() // to no effect
	require.Equal(t, 1, r.Snapshot().Pinned)
	q.Release()
	require.Zero(t, r.Snapshot().Pinned)
	for _, end := range ends {
		survive(func() {
			_, _ = r.Do(t.Context(), "a", func(context.Context) (int, error) { end(); return 0, nil })
		})
		require.Zero(t, r.Snapshot().Pinned, "however the call ends")
		require.True(t, use(t, r, "a"))
	}
}

// loud is a key whose text asks the registry.
type loud struct{ r *guard.Registry[loud] }

func (l loud) String() string { return fmt.Sprint(l.r.Snapshot().Kept, " kept") }

// Fault: a key that cannot be found again crashes the map, or leaves an entry at each use.
func TestOddKeys(t *testing.T) {
	anything := newRegistry[any](t, 1, 10)
	f := func(context.Context) (int, error) { t.Error("called"); return 0, nil }
	for want, key := range map[string]any{
		`guard "hosts": invalid key: a value of type []int cannot be hashed`:         []int{1},
		`guard "hosts": invalid key: a value of type float64 is not equal to itself`: math.NaN(),
	} {
		for range 3 {
			_, err := anything.Do(t.Context(), key, f)
			require.EqualError(t, err, want)
			require.ErrorIs(t, err, guard.ErrKey)
			require.Equal(t, outcome.Ignored, outcome.Classify(t.Context(), err).Kind)
			p := anything.Pin(key)
			require.EqualError(t, p.Guard.Err(), want)
			p.Release()
		}
	}
	require.True(t, use(t, anything, any("a")), "the others have their guards")
	s := anything.Snapshot()
	require.Equal(t, guard.RegistrySnapshot{Name: "hosts", Limit: 10, Kept: 1, Made: 1, Admitted: 1}, s)

	asking := newRegistry[loud](t, 1, 10)
	p := asking.Pin(loud{asking})
	require.Equal(t, "hosts/0 kept", p.Guard.Snapshot().Name, "no lock is held while the key makes its text")
	p.Release()
}

func TestRollUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegistry[int](t, 2, 2)
		for key := range 10 {
			p := r.Pin(key)
			a, b := take(t, p.Guard), take(t, p.Guard)
			_, err := p.Guard.TryAcquire()
			require.ErrorIs(t, err, guard.ErrShed)
			_, place, err := p.Guard.Enlist(t.Context(), never(t))
			require.NoError(t, err)
			require.Equal(t, 1, r.Snapshot().Waiting)
			require.True(t, place.Leave())
			a.Release()
			b.Release()
			p.Release()
		}
		want := guard.RegistrySnapshot{Name: "hosts", Limit: 2, Kept: 2, Made: 10, Forgotten: 8, Admitted: 20, Shed: 10, Cancelled: 10}
		require.Equal(t, want, r.Snapshot(), "what forgotten guards have counted is not lost")
	})
}

func TestAllMayStopAndUseTheRegistry(t *testing.T) {
	r := newRegistry[int](t, 1, 5)
	for key := range 5 {
		use(t, r, key)
	}
	n := 0
	for key, s := range r.All() {
		require.Equal(t, fmt.Sprintf("hosts/%d", key), s.Name)
		use(t, r, key)
		if n++; n == 3 {
			break
		}
	}
	require.Equal(t, 3, n)
}

func TestRegistryIsRefused(t *testing.T) {
	for want, tt := range map[string]struct {
		policy guard.Policy
		limit  int
		idle   time.Duration
	}{
		`guard "hosts": invalid policy: limit of the registry 0 is below 1`:                                                                {guard.Limit(1, guard.Name("hosts")), 0, 1},
		`guard "hosts": invalid policy: idle time of the registry 0s is not above 0`:                                                       {guard.Limit(1, guard.Name("hosts")), 1, 0},
		`guard "hosts": invalid policy: capacity 0 is below 1`:                                                                             {guard.Limit(0, guard.Name("hosts")), 1, 1},
		`guard: invalid policy: capacity 0 is below 1; limit of the registry -1 is below 1; idle time of the registry -1ns is not above 0`: {guard.Policy{}, -1, -1},
	} {
		t.Run(want, func(t *testing.T) {
			none, err := guard.NewRegistry[int](tt.policy, tt.limit, tt.idle)
			require.Nil(t, none)
			require.EqualError(t, err, want)
			require.ErrorIs(t, err, guard.ErrPolicy)
			refuses(t, guard.RegistryOf[int](tt.policy, tt.limit, tt.idle), want)
		})
	}
	refuses(t, &guard.Registry[int]{}, "guard: invalid policy: the registry was not made by NewRegistry or RegistryOf")
}

// refuses requires that every call of r fails.
func refuses(t *testing.T, r *guard.Registry[int], want string) {
	t.Helper()
	require.EqualError(t, r.Err(), want)
	_, err := r.Do(t.Context(), 1, func(context.Context) (int, error) { t.Error("called"); return 0, nil })
	require.EqualError(t, err, want)
	require.EqualError(t, r.Run(t.Context(), 1, func(context.Context) error { t.Error("called"); return nil }), want)
	p := r.Pin(1)
	require.EqualError(t, p.Guard.Err(), want)
	p.Release()
	for range r.All() {
		t.Error("it keeps a guard")
	}
	s := r.Snapshot()
	require.Equal(t, guard.RegistrySnapshot{Name: s.Name, Limit: s.Limit}, s)
}

// Many goroutines, few places: no key has more in flight than the capacity. No bubble:
// real parallelism is the point.
func TestRegistryUnderConcurrency(t *testing.T) {
	const keys, capacity = 6, 2
	r := newRegistry[int](t, capacity, keys)
	var inFlight [keys]atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 2000 {
				key := (i + n) % keys
				err := r.Run(t.Context(), key, func(context.Context) error {
					assert.LessOrEqual(t, inFlight[key].Add(1), int64(capacity))
					runtime.Gosched()
					inFlight[key].Add(-1)
					return nil
				})
				assert.NoError(t, err)
				if n%100 == 0 {
					_ = r.Snapshot()
				}
			}
		})
	}
	wg.Wait()
	s := r.Snapshot()
	require.Equal(t, keys, s.Kept)
	require.Zero(t, s.Pinned+s.Waiting)
	require.EqualValues(t, 16_000, s.Admitted)
}

func TestRunReturnsTheError(t *testing.T) {
	boom := errors.New("boom")
	g := newGuard(t, guard.Limit(1))
	r := newRegistry[string](t, 1, 1)
	for name, run := range map[string]func(func(context.Context) error, ...guard.CallOption) error{
		"guard": func(f func(context.Context) error, o ...guard.CallOption) error { return g.Run(t.Context(), f, o...) },
		"registry": func(f func(context.Context) error, o ...guard.CallOption) error {
			return r.Run(t.Context(), "a", f, o...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, run(func(ctx context.Context) error { require.Equal(t, t.Context().Err(), ctx.Err()); return nil }))
			require.Same(t, boom, run(func(context.Context) error { return boom }))
			require.ErrorIs(t, run(func(context.Context) error { t.Error("called"); return nil }, guard.Weight(2)), guard.ErrCall)
		})
	}
}

func TestRunAllocatesNothing(t *testing.T) {
	g := newGuard(t, guard.Limit(1))
	r := newRegistry[string](t, 1, 1)
	ctx, f := t.Context(), func(context.Context) error { return nil }
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = g.Run(ctx, f) }))
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = r.Run(ctx, "a", f) }))
}
