package limiter_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/primitives/outcome"
)

// newRegistry makes limiters of a unit a second, three at once.
func newRegistry[K comparable](tb testing.TB, limit int, opts ...limiter.Option) *limiter.Registry[K] {
	tb.Helper()
	opts = append([]limiter.Option{limiter.Name("hosts"), limiter.Burst(3)}, opts...)
	r, err := limiter.NewRegistry[K](limiter.Every(time.Second, opts...), limit, time.Hour)
	require.NoError(tb, err)
	return r
}

// use tries to take units of key.
func use[K comparable](r *limiter.Registry[K], key K, cost int) error {
	p := r.Pin(key)
	defer p.Release()
	return p.Limiter.Try(cost)
}

func keeps[K comparable](r *limiter.Registry[K], key K) bool {
	for k := range r.All() {
		if k == key {
			return true
		}
	}
	return false
}

func TestEachKeyHasItsLimiter(t *testing.T) {
	bubble(t, func(t *testing.T, since func() time.Duration) {
		r := newRegistry[string](t, 10)
		require.NoError(t, use(r, "a", 3))
		require.EqualError(t, use(r, "a", 1), `limiter "hosts/a": too early, try again in 1s`)
		require.NoError(t, use(r, "b", 3))
		v, err := r.Do(t.Context(), "a", 2, func(context.Context) (int, error) { return 7, nil })
		require.NoError(t, err)
		require.Equal(t, 7, v)
		require.Equal(t, 2*time.Second, since())
		require.NoError(t, r.Run(t.Context(), "a", 0, func(context.Context) error { return nil }))
	})
}

func TestKeysOfAnUnnamedPolicy(t *testing.T) {
	r := limiter.RegistryOf[int](limiter.Every(time.Hour), 1, time.Hour)
	require.NoError(t, use(r, 42, 1))
	require.ErrorContains(t, use(r, 42, 1), `limiter "42": `)
	require.NoError(t, use(r, 43, 1))
	require.ErrorContains(t, use(r, 43, 1), `limiter "*": `)
}

// The fault: a registry that makes room by age alone lets a flood of other keys renew
// the burst of a key, or end its pause. What is held against a key keeps its limiter
// until it is paid back.
func TestWhatKeepsALimiter(t *testing.T) {
	for name, tt := range map[string]struct {
		do    func(*testing.T, *limiter.Registry[int]) (end func())
		opts  []limiter.Option
		clean time.Duration // when it may go; 0: not with time
	}{
		"units taken": {clean: 2 * time.Second, do: func(t *testing.T, r *limiter.Registry[int]) func() {
			require.NoError(t, use(r, -1, 2))
			return nil
		}},
		"a pause": {clean: time.Minute + 2*time.Second, do: func(t *testing.T, r *limiter.Registry[int]) func() {
			_ = r.Run(t.Context(), -1, 0, func(context.Context) error { return outcome.AsThrottled(errors.New("429"), time.Minute) })
			return nil
		}},
		"a pause of a burst of one": {opts: []limiter.Option{limiter.Burst(1)}, clean: time.Minute, do: func(t *testing.T, r *limiter.Registry[int]) func() {
			_ = r.Run(t.Context(), -1, 0, func(context.Context) error { return outcome.AsThrottled(errors.New("429"), time.Minute) })
			return nil
		}},
		"a lower rate": {opts: []limiter.Option{limiter.Burst(1), limiter.Adaptive(0.5, time.Minute)}, clean: 5 * time.Minute, do: func(t *testing.T, r *limiter.Registry[int]) func() {
			p := r.Pin(-1)
			defer p.Release()
			p.Limiter.Penalize(0)
			return nil
		}},
		"a place": {do: func(t *testing.T, r *limiter.Registry[int]) func() {
			p := r.Pin(-1)
			defer p.Release()
			p.Limiter.Penalize(5 * time.Minute)
			require.NoError(t, p.Limiter.Set(limiter.Every(time.Second, limiter.Burst(3))))
			_, err := p.Limiter.Enlist(t.Context(), 1, func(error) {})
			require.NoError(t, err)
			return nil
		}},
		"a new policy": {do: func(t *testing.T, r *limiter.Registry[int]) func() {
			p := r.Pin(-1)
			defer p.Release()
			require.NoError(t, p.Limiter.Set(limiter.Every(time.Second, limiter.Burst(3))))
			return nil
		}},
		"a pin": {clean: time.Second, do: func(t *testing.T, r *limiter.Registry[int]) func() {
			p := r.Pin(-1)
			return p.Release
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRegistry[int](t, 4, tt.opts...)
				end := tt.do(t, r)
				flood := func() bool {
					for key := range 30 {
						require.NoError(t, use(r, key, 0))
					}
					return keeps(r, -1)
				}
				require.True(t, flood())
				if tt.clean == 0 {
					time.Sleep(3 * time.Hour)
					require.True(t, flood())
					return
				}
				time.Sleep(tt.clean - 1)
				require.True(t, flood())
				require.Zero(t, r.Snapshot().Unkept, "there was always one to forget")
				if end != nil {
					end()
				}
				time.Sleep(1 * time.Nanosecond)
				require.False(t, flood(), "nothing is held against it any more")
			})
		})
	}
}

func TestIdleKeysAreForgotten(t *testing.T) {
	bubble(t, func(t *testing.T, _ func() time.Duration) {
		r := newRegistry[int](t, 1000)
		for key := range 500 {
			require.NoError(t, use(r, key, 1))
		}
		p := r.Pin(-1)
		time.Sleep(time.Hour - 1)
		require.NoError(t, use(r, 0, 1))
		require.Equal(t, 501, r.Snapshot().Kept, "not before the time is over")
		time.Sleep(time.Nanosecond)
		for range 1000 {
			_ = use(r, 0, 1)
		}
		require.Equal(t, 2, r.Snapshot().Kept, "0 and the one that is pinned")
		p.Release()
		time.Sleep(time.Hour)
		for range 3 {
			_ = use(r, 0, 1)
		}
		require.Equal(t, 1, r.Snapshot().Kept)
	})
}

// Keys without room share one rate: a flood of keys is bounded.
func TestKeysWithoutRoomShareALimiter(t *testing.T) {
	bubble(t, func(t *testing.T, _ func() time.Duration) {
		r := newRegistry[int](t, 3)
		for key := range 3 {
			require.NoError(t, use(r, key, 3))
		}
		admitted := 0
		for key := range 1000 {
			if err := use(r, 10+key, 1); err == nil {
				admitted++
			} else {
				require.EqualError(t, err, `limiter "hosts/*": too early, try again in 1s`)
			}
		}
		require.Equal(t, 3, admitted)
		require.Error(t, use(r, 0, 1), "keys with room have their own limiter")
		s := r.Snapshot()
		require.EqualValues(t, 1000, s.Unkept)
		require.Equal(t, 3, s.Kept)
		require.EqualValues(t, 12, s.Units)
		time.Sleep(3 * time.Second)
		require.NoError(t, use(r, 10, 3), "there is room now")
		require.EqualValues(t, 1000, r.Snapshot().Unkept)
	})
}

func TestPin(t *testing.T) {
	r := newRegistry[string](t, 2)
	p, q := r.Pin("a"), r.Pin("a")
	require.Same(t, p.Limiter, q.Limiter)
	require.Equal(t, 1, r.Snapshot().Pinned)
	p.Release()
	p.Release() // to no effect
	require.Equal(t, 1, r.Snapshot().Pinned)
	q.Release()
	require.Zero(t, r.Snapshot().Pinned)
	for _, end := range []func(){func() { panic("boom") }, runtime.Goexit} {
		var wg sync.WaitGroup
		wg.Go(func() {
			defer func() { _ = recover() }()
			_, _ = r.Do(t.Context(), "a", 0, func(context.Context) (int, error) { end(); return 0, nil })
		})
		wg.Wait()
		require.Zero(t, r.Snapshot().Pinned, "however the call ends")
	}
}

// loud is a key whose text asks the registry.
type loud struct{ r *limiter.Registry[loud] }

func (l loud) String() string { return fmt.Sprint(l.r.Snapshot().Kept, " kept") }

// Fault: a key that cannot be found again crashes the map, or leaves an entry at each use.
func TestOddKeys(t *testing.T) {
	anything := newRegistry[any](t, 10)
	f := func(context.Context) (int, error) { t.Error("called"); return 0, nil }
	for want, key := range map[string]any{
		`limiter "hosts": invalid key: a value of type []int cannot be hashed`:         []int{1},
		`limiter "hosts": invalid key: a value of type float64 is not equal to itself`: math.NaN(),
	} {
		for range 3 {
			_, err := anything.Do(t.Context(), key, 1, f)
			require.EqualError(t, err, want)
			require.ErrorIs(t, err, limiter.ErrKey)
			require.Equal(t, outcome.Ignored, outcome.Classify(t.Context(), err).Kind)
			p := anything.Pin(key)
			require.EqualError(t, p.Limiter.Err(), want)
			p.Release()
		}
	}
	require.NoError(t, use(anything, any("a"), 1), "the others have their limiters")
	s := anything.Snapshot()
	require.Equal(t, limiter.RegistrySnapshot{Name: "hosts", Limit: 10, Kept: 1, Made: 1, Admitted: 1, Units: 1}, s)

	asking := newRegistry[loud](t, 10)
	p := asking.Pin(loud{asking})
	require.Equal(t, "hosts/0 kept", p.Limiter.Snapshot().Name, "no lock is held while the key makes its text")
	p.Release()
}

func TestRollUp(t *testing.T) {
	bubble(t, func(t *testing.T, _ func() time.Duration) {
		r := newRegistry[int](t, 2)
		for key := range 10 {
			require.NoError(t, use(r, key, 2))
			require.Error(t, use(r, key, 3))
			p := r.Pin(key)
			p.Limiter.Penalize(0)
			place, err := p.Limiter.Enlist(t.Context(), 3, never(t))
			require.NoError(t, err)
			require.Equal(t, 1, r.Snapshot().Waiting)
			require.True(t, place.Leave())
			p.Release()
			time.Sleep(time.Minute)
		}
		want := limiter.RegistrySnapshot{
			Name: "hosts", Limit: 2, Kept: 2, Made: 10, Forgotten: 8,
			Admitted: 10, Refused: 10, Cancelled: 10, Units: 20, Penalties: 10,
		}
		require.Equal(t, want, r.Snapshot(), "what forgotten limiters have counted is not lost")
	})
}

func TestAllMayStopAndUseTheRegistry(t *testing.T) {
	r := newRegistry[int](t, 5)
	for key := range 5 {
		require.NoError(t, use(r, key, 1))
	}
	n := 0
	for key, s := range r.All() {
		require.Equal(t, fmt.Sprintf("hosts/%d", key), s.Name)
		require.NoError(t, use(r, key, 1))
		if n++; n == 3 {
			break
		}
	}
	require.Equal(t, 3, n)
}

func TestRegistryIsRefused(t *testing.T) {
	for want, tt := range map[string]struct {
		policy limiter.Policy
		limit  int
		idle   time.Duration
	}{
		`limiter "hosts": invalid policy: limit of the registry 0 is below 1`:                                                         {limiter.Every(1, limiter.Name("hosts")), 0, 1},
		`limiter "hosts": invalid policy: idle time of the registry 0s is not above 0`:                                                {limiter.Every(1, limiter.Name("hosts")), 1, 0},
		`limiter: invalid policy: it has no rate; limit of the registry -1 is below 1; idle time of the registry -1ns is not above 0`: {limiter.Policy{}, -1, -1},
	} {
		t.Run(want, func(t *testing.T) {
			none, err := limiter.NewRegistry[int](tt.policy, tt.limit, tt.idle)
			require.Nil(t, none)
			require.EqualError(t, err, want)
			require.ErrorIs(t, err, limiter.ErrPolicy)
			refuses(t, limiter.RegistryOf[int](tt.policy, tt.limit, tt.idle), want)
		})
	}
	refuses(t, &limiter.Registry[int]{}, "limiter: invalid policy: the registry was not made by NewRegistry or RegistryOf")
}

// refuses requires that every call of r fails.
func refuses(t *testing.T, r *limiter.Registry[int], want string) {
	t.Helper()
	require.EqualError(t, r.Err(), want)
	_, err := r.Do(t.Context(), 1, 1, func(context.Context) (int, error) { t.Error("called"); return 0, nil })
	require.EqualError(t, err, want)
	require.EqualError(t, r.Run(t.Context(), 1, 1, func(context.Context) error { t.Error("called"); return nil }), want)
	p := r.Pin(1)
	require.EqualError(t, p.Limiter.Err(), want)
	p.Release()
	for range r.All() {
		t.Error("it keeps a limiter")
	}
	s := r.Snapshot()
	require.Equal(t, limiter.RegistrySnapshot{Name: s.Name, Limit: s.Limit}, s)
}

// Many goroutines, few places. No bubble: real parallelism is the point.
func TestRegistryUnderConcurrency(t *testing.T) {
	r := newRegistry[int](t, 4)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 2000 {
				err := use(r, (i+n)%16, 1)
				assert.True(t, err == nil || errors.Is(err, limiter.ErrLimit), err)
				if n%100 == 0 {
					_ = r.Snapshot()
				}
			}
		})
	}
	wg.Wait()
	s := r.Snapshot()
	require.Equal(t, 4, s.Kept)
	require.Zero(t, s.Pinned)
	require.EqualValues(t, 16_000, s.Admitted+s.Refused)
	require.Equal(t, s.Admitted, s.Units)
}

func TestRunReturnsTheErrorAndRecordsIt(t *testing.T) {
	bubble(t, func(t *testing.T, _ func() time.Duration) {
		busy := outcome.AsThrottled(errors.New("429"), time.Minute)
		l := newLimiter(t, limiter.Every(time.Second))
		require.NoError(t, l.Run(t.Context(), 1, func(ctx context.Context) error { return ctx.Err() }))
		require.Same(t, busy, l.Run(t.Context(), 1, func(context.Context) error { return busy }))
		require.Equal(t, time.Minute, l.Snapshot().Paused)
		require.ErrorIs(t, l.Run(t.Context(), 2, func(context.Context) error { t.Error("called"); return nil }), limiter.ErrCost)
	})
}

func TestRunAllocatesNothing(t *testing.T) {
	l := newLimiter(t, limiter.PerSecond(1e9, limiter.Burst(1e9)))
	r := limiter.RegistryOf[string](limiter.PerSecond(1e9, limiter.Burst(1e9)), 1, time.Hour)
	ctx, f := t.Context(), func(context.Context) error { return nil }
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = l.Run(ctx, 1, f) }))
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = r.Run(ctx, "a", 1, f) }))
}
