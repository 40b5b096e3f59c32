package limiter_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/primitives/outcome"
)

func TestOfAValidPolicyIsNew(t *testing.T) {
	l := limiter.Of(limiter.PerSecond(10, limiter.Burst(3), limiter.Name("api")))
	require.NoError(t, l.Err())
	require.NoError(t, l.Try(3))
	s := l.Snapshot()
	require.Equal(t, []any{"api", 10.0, 3}, []any{s.Name, s.Rate, s.Burst})
}

// Every call of an unusable limiter fails at once, and changes nothing.
func TestAnUnusableLimiterFailsEveryCall(t *testing.T) {
	for want, l := range map[string]*limiter.Limiter{
		`limiter "api": invalid policy: burst 0 is below 1`:                   limiter.Of(limiter.PerSecond(1, limiter.Burst(0), limiter.Name("api"))),
		"limiter: invalid policy: it has no rate":                             limiter.Of(limiter.Policy{}),
		"limiter: invalid policy: lowest rate 2 is not within 0 and the rate": limiter.Of(limiter.PerSecond(1, limiter.Adaptive(2, 1))),
		"limiter: invalid policy: the limiter was not made by New or Of":      new(limiter.Limiter),
	} {
		t.Run(want, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := func(context.Context) (int, error) { t.Error("called"); return 0, nil }
				for name, call := range map[string]func(cost int) error{
					"Wait": func(cost int) error { return l.Wait(t.Context(), cost) },
					"Try":  l.Try,
					"Do":   func(cost int) error { _, err := l.Do(t.Context(), cost, f); return err },
					"Enlist": func(cost int) error {
						place, err := l.Enlist(t.Context(), cost, never(t))
						require.False(t, place.Waits())
						return err
					},
					"Set":     func(int) error { return l.Set(limiter.PerSecond(1)) },
					"Limiter": func(int) error { _, err := l.Limiter(); return err },
					"Err":     func(int) error { return l.Err() },
				} {
					for _, cost := range []int{1, 0, -1, 100} {
						err := call(cost)
						require.EqualError(t, err, want, name)
						require.ErrorIs(t, err, limiter.ErrPolicy)
						require.Equal(t, outcome.Ignored, outcome.Classify(t.Context(), err).Kind, "no service has failed")
					}
				}
				l.Penalize(time.Second)
				l.Record(t.Context(), outcome.AsThrottled(errors.New("429"), time.Second))
				s := l.Snapshot()
				require.Equal(t, limiter.Snapshot{Name: s.Name}, s)
			})
		})
	}
}

func TestErrOfNoLimiter(t *testing.T) {
	var l *limiter.Limiter
	require.EqualError(t, l.Err(), "limiter: invalid policy: the limiter is nil")
	_, err := l.Limiter()
	require.ErrorIs(t, err, limiter.ErrPolicy)
}

// A policy that is written in the program needs no error check.
func ExampleOf() {
	l := limiter.Of(limiter.PerSecond(10, limiter.Name("api")))
	fmt.Println(l.Err(), l.Try(1))
	l = limiter.Of(limiter.PerSecond(-10, limiter.Name("api")))
	fmt.Println(l.Try(1))
	// Output:
	// <nil> <nil>
	// limiter "api": invalid policy: rate -10 per second is out of range
}

func ExampleLimiter_Err() {
	var l limiter.Limiter
	fmt.Println(l.Err())
	fmt.Println(errors.Is(l.Err(), limiter.ErrPolicy))
	// Output:
	// limiter: invalid policy: the limiter was not made by New or Of
	// true
}
