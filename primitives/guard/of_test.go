package guard_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/outcome"
)

func TestOfAValidPolicyIsNew(t *testing.T) {
	g := guard.Of(guard.Limit(3, guard.Name("model")))
	require.NoError(t, g.Err())
	take(t, g)
	s := g.Snapshot()
	require.Equal(t, guard.Snapshot{Name: "model", Capacity: 3, Depth: 1, Admitted: 1}, s)
}

// unusable are the guards that admit no call, with what their errors say.
func unusable() map[string]*guard.Guard {
	return map[string]*guard.Guard{
		`guard "model": invalid policy: capacity 0 is below 1`:                                    guard.Of(guard.Limit(0, guard.Name("model"))),
		"guard: invalid policy: capacity 5 is outside the bounds 1 to 2":                          guard.Of(guard.Limit(5, guard.Adaptive(guard.Vegas(), 1, 2))),
		"guard: invalid policy: CoDel's interval 1ns is not above its target 1s":                  guard.Of(guard.Limit(5, guard.CoDel(time.Second, 1), guard.Deadlines())),
		"guard: invalid policy: soft limit 9 is not below the capacity 5":                         guard.Of(guard.Limit(5, guard.SoftLimit(9, nil), guard.Shedding())),
		"guard: invalid policy: the guard was not made by New or Of":                              new(guard.Guard),
		"guard: invalid policy: head start -1ns is not within 1ns to 8760h0m0s; an option is nil": guard.Of(guard.Limit(5, nil, guard.HeadStart(-1))),
	}
}

// Fault: Acquire of a zero guard waited for ever, and with it a run whose outermost
// layer the guard was. An unusable guard fails every call at once, and changes nothing.
func TestAnUnusableGuardFailsEveryCall(t *testing.T) {
	for want, g := range unusable() {
		t.Run(want, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := func(context.Context) (int, error) { t.Error("called"); return 0, nil }
				before := g.Snapshot()
				for name, call := range map[string]func(...guard.CallOption) error{
					"Acquire":    func(o ...guard.CallOption) error { _, err := g.Acquire(t.Context(), o...); return err },
					"TryAcquire": func(o ...guard.CallOption) error { _, err := g.TryAcquire(o...); return err },
					"Do":         func(o ...guard.CallOption) error { _, err := g.Do(t.Context(), f, o...); return err },
					"Enlist": func(o ...guard.CallOption) error {
						_, place, err := g.Enlist(t.Context(), never(t), o...)
						require.False(t, place.Waits())
						return err
					},
					"Resize": func(...guard.CallOption) error { return g.Resize(5) },
					"Guard":  func(...guard.CallOption) error { _, err := g.Guard(); return err },
					"Err":    func(...guard.CallOption) error { return g.Err() },
				} {
					for _, opts := range [][]guard.CallOption{nil, {guard.Weight(1)}, {guard.Weight(2), guard.Priority(guard.High)}, {guard.Weight(-1)}} {
						err := call(opts...)
						require.EqualError(t, err, want, name)
						require.ErrorIs(t, err, guard.ErrPolicy)
						require.Equal(t, outcome.Ignored, outcome.Classify(t.Context(), err).Kind, "no service has failed")
					}
				}
				permits := make([]guard.Permit, 3)
				require.Zero(t, g.TryAcquireAll(permits))
				require.Zero(t, g.ReleaseAll(permits))
				require.Equal(t, before, g.Snapshot())
				require.True(t, before.Full())
				require.Zero(t, g.Capacity())
				require.Zero(t, g.MaxCapacity())
			})
		})
	}
}

func TestErrOfNoGuard(t *testing.T) {
	var g *guard.Guard
	require.EqualError(t, g.Err(), "guard: invalid policy: the guard is nil")
	_, err := g.Guard()
	require.ErrorIs(t, err, guard.ErrPolicy)
}

// A policy that is written in the program needs no error check.
func ExampleOf() {
	g := guard.Of(guard.Limit(2, guard.Name("model")))
	fmt.Println(g.Err(), g.Capacity())
	g = guard.Of(guard.Limit(-2, guard.Name("model")))
	_, err := g.TryAcquire()
	fmt.Println(err)
	// Output:
	// <nil> 2
	// guard "model": invalid policy: capacity -2 is below 1
}

func ExampleGuard_Err() {
	var g guard.Guard
	fmt.Println(g.Err())
	fmt.Println(errors.Is(g.Err(), guard.ErrPolicy))
	// Output:
	// guard: invalid policy: the guard was not made by New or Of
	// true
}
