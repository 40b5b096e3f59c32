package breaker_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/outcome"
)

func TestOf(t *testing.T) {
	b := breaker.Of(breaker.Consecutive("model", 3, window))
	require.NoError(t, b.Err())
	fail(t, b, 3)
	require.Equal(t, breaker.Open, b.State())
	require.NoError(t, b.Err(), "to be open is no fault")
}

// A breaker that cannot be used says so at each call, and nothing of it panics.
func TestBreakersThatCannotBeUsed(t *testing.T) {
	const zero = "breaker: invalid policy: the breaker was not made by New or Of"
	for name, tt := range map[string]struct {
		b    *breaker.Breaker
		text string
	}{
		"an invalid policy": {breaker.Of(breaker.Consecutive("model", 0, -1)),
			`breaker: invalid policy: "model": failures is 0, want at least 1; recovery is -1ns, want 0 or more`},
		"the zero policy":  {breaker.Of(breaker.Policy{}), "breaker: invalid policy: the policy was not made by On or Consecutive"},
		"the zero breaker": {&breaker.Breaker{}, zero},
	} {
		t.Run(name, func(t *testing.T) {
			b := tt.b
			require.EqualError(t, b.Err(), tt.text)
			require.ErrorIs(t, b.Err(), breaker.ErrPolicy)
			require.Equal(t, outcome.Permanent, outcome.Classify(t.Context(), b.Err()).Kind, "no retry can change it")
			for range 3 {
				_, err := b.Do(t.Context(), func(context.Context) (int, error) { t.Error("called"); return 0, nil })
				require.Equal(t, b.Err(), err)
				require.Equal(t, b.Err(), b.Run(t.Context(), func(context.Context) error { t.Error("called"); return nil }))
				token, err := b.Allow()
				require.Equal(t, b.Err(), err)
				require.Equal(t, breaker.Token{}, token)
				b.Record(t.Context(), &token, errDown)
				b.RecordFailure()
				b.RecordSuccess()
				b.Trip()
				b.OpenFor(time.Hour)
				b.Recover()
				b.SetMode(breaker.ForcedOpen)
				b.SetMode(breaker.Disabled)
				b.Reset()
				require.Equal(t, breaker.Closed, b.State())
				require.Equal(t, breaker.Active, b.Snapshot().Mode)
				require.Zero(t, b.Snapshot().Failures)
			}
			same, err := b.Breaker()
			require.Equal(t, b.Err(), err, "a section refuses it")
			require.Nil(t, same)
		})
	}
}

func TestRegistriesThatCannotBeUsed(t *testing.T) {
	for name, tt := range map[string]struct {
		r    *breaker.Registry[string]
		text string
	}{
		"an invalid policy": {breaker.RegistryOf[string](breaker.Consecutive("hosts", 0, 0), 0, time.Hour),
			`breaker: invalid policy: "hosts": failures is 0, want at least 1; limit of the registry is 0, want at least 1`},
		"the zero registry": {&breaker.Registry[string]{}, "breaker: invalid policy: the registry was not made by NewRegistry or RegistryOf"},
	} {
		t.Run(name, func(t *testing.T) {
			r := tt.r
			require.EqualError(t, r.Err(), tt.text)
			require.ErrorIs(t, r.Err(), breaker.ErrPolicy)
			_, err := r.Do(t.Context(), "a", func(context.Context) (int, error) { t.Error("called"); return 0, nil })
			require.Equal(t, r.Err(), err)
			require.Equal(t, r.Err(), r.Run(t.Context(), "a", func(context.Context) error { t.Error("called"); return nil }))
			p := r.Pin("a")
			require.Equal(t, r.Err(), p.Breaker.Err())
			p.Release()
			p.Release()
			require.Zero(t, r.Snapshot().Kept)
			for range r.All() {
				t.Error("it keeps nothing")
			}
		})
	}
	r := breaker.RegistryOf[string](breaker.Consecutive("hosts", 1, 0), 1, time.Hour)
	require.NoError(t, r.Err())
	require.True(t, try(t, r, "a", failing))
}

// key is a type with room for what cannot be compared.
type key struct {
	host string
	rest any
}

// A key that cannot be found again fails its call, and nothing is kept for it.
func TestKeysThatCannotBeFoundAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		do   func(f func(context.Context) (int, error)) error
		text string
	}{
		"NaN":               bad(newRegistry[float64](t, 3), math.NaN(), `breaker: invalid key: "hosts": a value of type float64 is not equal to itself`),
		"a complex NaN":     bad(newRegistry[complex128](t, 3), complex(0, math.NaN()), `breaker: invalid key: "hosts": a value of type complex128 is not equal to itself`),
		"NaN in a field":    bad(newRegistry[key](t, 3), key{"a", math.NaN()}, `breaker: invalid key: "hosts": a value of type breaker_test.key is not equal to itself`),
		"a slice":           bad(newRegistry[any](t, 3), any([]int{1}), `breaker: invalid key: "hosts": a value of type []int cannot be hashed`),
		"a map in a field":  bad(newRegistry[key](t, 3), key{"a", map[int]int{}}, `breaker: invalid key: "hosts": a value of type breaker_test.key cannot be hashed`),
		"a function":        bad(newRegistry[any](t, 3), any(func() {}), `breaker: invalid key: "hosts": a value of type func() cannot be hashed`),
		"a slice in arrays": bad(newRegistry[[2]any](t, 3), [2]any{1, []int{}}, `breaker: invalid key: "hosts": a value of type [2]interface {} cannot be hashed`),
	} {
		t.Run(name, func(t *testing.T) {
			err := tt.do(func(context.Context) (int, error) { t.Error("called"); return 0, nil })
			require.EqualError(t, err, tt.text)
			require.ErrorIs(t, err, breaker.ErrKey)
			require.NotErrorIs(t, err, breaker.ErrOpen)
			require.Equal(t, outcome.Permanent, outcome.Classify(t.Context(), err).Kind)
		})
	}
}

func bad[K comparable](r *breaker.Registry[K], key K, text string) (c struct {
	do   func(f func(context.Context) (int, error)) error
	text string
}) {
	c.text = text
	c.do = func(f func(context.Context) (int, error)) (err error) {
		for range 10 {
			p := r.Pin(key)
			p.Release()
			if _, err = r.Do(context.Background(), key, f); err != p.Breaker.Err() && err.Error() != text {
				return err
			}
			if s := r.Snapshot(); s.Kept+s.Pinned+int(s.Made+s.Unkept) > 0 {
				panic("it is kept")
			}
		}
		return err
	}
	return c
}

func TestRunIsDoWithoutAValue(t *testing.T) {
	b := newBreaker(t)
	r := newRegistry[string](t, 3)
	run := func(ctx context.Context, f func(context.Context) error) error { return r.Run(ctx, "a", f) }
	for _, run := range []func(context.Context, func(context.Context) error) error{b.Run, run} {
		require.NoError(t, run(t.Context(), func(context.Context) error { return nil }))
		for range 3 {
			require.Same(t, errDown, run(t.Context(), func(context.Context) error { return errDown }))
		}
		require.ErrorIs(t, run(t.Context(), func(context.Context) error { t.Error("called"); return nil }), breaker.ErrOpen)
	}
}

func TestRunDoesNotAllocate(t *testing.T) {
	b, r := newBreaker(t), newRegistry[string](t, 3)
	ctx := t.Context()
	calls := 0
	call := func(context.Context) error { calls++; return nil }
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = b.Run(ctx, call) }))
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = r.Run(ctx, "a", call) }))
}
