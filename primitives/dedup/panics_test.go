package dedup_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/outcome"
)

// ways are how user code can leave without returning.
var ways = map[string]func(){
	"panic":  func() { panic("user code") },
	"Goexit": runtime.Goexit,
}

// leaving runs f, which leaves by the way of the test, and waits until it has left.
func leaving(t *testing.T, f func()) {
	t.Helper()
	done, returned := make(chan any, 1), false
	go func() {
		defer func() { done <- recover() }()
		f()
		returned = true
	}()
	p := <-done
	require.False(t, returned, "the panic or Goexit goes on in the caller")
	if strings.Contains(t.Name(), "Goexit") {
		require.Nil(t, p)
	} else {
		require.Equal(t, "user code", p)
	}
}

func eachWay(t *testing.T, test func(t *testing.T, leave func())) {
	for name, leave := range ways {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, leave) })
		})
	}
}

// The fault: one follower that panicked kept the rest of a CompleteAll in flight.
func TestAFollowerThatLeavesKeepsNoOtherFlight(t *testing.T) {
	for _, opts := range [][]dedup.Option{nil, {dedup.Shards(1)}, {dedup.Jitter(0.5)}} {
		eachWay(t, func(t *testing.T, leave func()) {
			d := make1[int, int](t, dedup.Window(time.Minute, opts...))
			var tokens []dedup.Token
			var values []int
			var all recorder
			for key := range 10 {
				tokens, values = append(tokens, d.Check(key).Token), append(values, key)
				d.Join(key, &all)
				if key%3 == 0 {
					d.Join(key, told(func(int, error) { leave() }))
				}
				d.Join(key, &all)
			}
			leaving(t, func() { d.CompleteAll(tokens, values) })
			require.Equal(t, []int{0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9}, all.values)
			s := d.Snapshot()
			require.Equal(t, []int{0, 10}, []int{s.InFlight, s.Cached})
			require.Zero(t, d.CompleteAll(tokens, values))
		})
	}
}

// fragile makes a deduplicator whose hooks leave when they see a 13.
func fragile(t *testing.T, leave func(), opts ...dedup.Option) *dedup.Dedup[int, int] {
	t.Helper()
	d, err := dedup.New[int](dedup.Window(time.Minute, append(opts, dedup.MaxWeight(1000))...), dedup.Hooks[int]{
		Clone: func(v int) int {
			if v == 13 {
				leave()
			}
			return v
		},
		Weigh: func(v int) int64 {
			if v == 14 {
				leave()
			}
			return 1
		},
	})
	require.NoError(t, err)
	return d
}

// A value that cannot be copied or weighed stays with its owner; the others of the
// batch are kept.
func TestAHookThatLeavesKeepsNoOtherFlight(t *testing.T) {
	eachWay(t, func(t *testing.T, leave func()) {
		d := fragile(t, leave)
		var tokens []dedup.Token
		for key := range 5 {
			tokens = append(tokens, d.Check(key).Token)
		}
		leaving(t, func() { d.CompleteAll(tokens, []int{1, 13, 2, 14, 3}) })
		require.Equal(t, 2, d.Snapshot().InFlight)
		require.Equal(t, 3, d.Snapshot().Cached)
		require.True(t, d.Fail(tokens[1], errDown))
		require.True(t, d.Fail(tokens[3], errDown))
	})
}

// The fault: a follower whose copy could not be made was never told anything.
func TestAFollowerWithoutACopyIsTold(t *testing.T) {
	eachWay(t, func(t *testing.T, leave func()) {
		copies := 0
		d, err := dedup.New[int](dedup.Window(0, dedup.Name("p")), dedup.Hooks[int]{Clone: func(v int) int {
			if copies++; copies == 3 { // of the value itself, of the first follower, of the second
				leave()
			}
			return v
		}})
		require.NoError(t, err)
		token := d.Check(1).Token
		var told [3]recorder
		for i := range told {
			d.Join(1, &told[i])
		}
		leaving(t, func() { d.Complete(token, 7) })
		require.Equal(t, []int{7}, told[0].values)
		require.Equal(t, []int{7}, told[2].values)
		require.Len(t, told[1].errs, 1)
		lost := told[1].errs[0]
		require.True(t, errors.Is(lost, dedup.ErrPanic) || errors.Is(lost, dedup.ErrGoexit), lost)
		require.ErrorContains(t, lost, `dedup "p"`)
	})
}

// The fault: the renewal of a value that could not be copied had no owner, and from
// its expiry on all callers of the key waited for ever.
func TestARenewalThatCannotBeHandedOutEnds(t *testing.T) {
	type asks func(d *dedup.Dedup[int, int])
	for name, ask := range map[string]asks{
		"Check": func(d *dedup.Dedup[int, int]) { d.Check(1) },
		"JoinAll": func(d *dedup.Dedup[int, int]) {
			d.JoinAll(make([]dedup.Check[int], 2), []int{1, 2}, nil)
		},
		"CheckAll": func(d *dedup.Dedup[int, int]) { d.CheckAll([]int{1, 2}) },
	} {
		t.Run(name, func(t *testing.T) {
			eachWay(t, func(t *testing.T, leave func()) {
				active := false
				d := fragileWhile(t, &active, leave, dedup.ServeStale(time.Minute))
				d.Complete(d.Check(1).Token, 13)
				d.Complete(d.Check(2).Token, 2)
				time.Sleep(90 * time.Second) // stale
				active = true
				leaving(t, func() { ask(d) })
				active = false
				require.LessOrEqual(t, d.Snapshot().InFlight, 1, "the other one has its owner, or has ended too")
				require.Equal(t, dedup.Stale, d.Check(1).State, "the next caller renews")
			})
		})
	}
}

// fragileWhile is fragile while active.
func fragileWhile(t *testing.T, active *bool, leave func(), opts ...dedup.Option) *dedup.Dedup[int, int] {
	return fragile(t, func() {
		if *active {
			leave()
		}
	}, opts...)
}

// The others of a batch have their answers; CheckAll, whose answers are lost, gives
// back the keys it has taken.
func TestAHitThatCannotBeCopiedLosesNoToken(t *testing.T) {
	eachWay(t, func(t *testing.T, leave func()) {
		active := false
		d := fragileWhile(t, &active, leave)
		for key := range 3 {
			d.Complete(d.Check(key).Token, 12+key)
		}
		active = true
		checks := make([]dedup.Check[int], 5)
		leaving(t, func() { d.JoinAll(checks, []int{0, 1, 2, 3, 4}, nil) })
		states := []dedup.State{dedup.Cached, dedup.Invalid, dedup.Cached, dedup.First, dedup.First}
		for i, c := range checks {
			require.Equal(t, states[i], c.State)
		}
		require.Equal(t, []int{12, 0, 14}, []int{checks[0].Value, checks[1].Value, checks[2].Value})
		require.Error(t, checks[1].Err)
		require.True(t, d.Fail(checks[3].Token, errDown))
		require.True(t, d.Fail(checks[4].Token, errDown))

		var told recorder
		leaving(t, func() {
			d.CheckAll([]int{3, 1, 4})
		})
		require.Zero(t, d.Snapshot().InFlight)
		require.Equal(t, dedup.First, d.Join(3, &told).State)
	})
}

// The fault: if the classifier panicked, a flight could not be failed at all.
func TestAClassifierThatLeavesEndsTheFlight(t *testing.T) {
	eachWay(t, func(t *testing.T, leave func()) {
		d := make1[int, int](t, dedup.Window(0, dedup.ErrorTTL(time.Minute),
			dedup.Classify(func(context.Context, error) outcome.Outcome { leave(); return outcome.Outcome{} })))
		token := d.Check(1).Token
		var told recorder
		d.Join(1, &told)
		leaving(t, func() { d.Fail(token, errDown) })
		require.Equal(t, []error{errDown}, told.errs)
		require.False(t, d.Fail(token, errDown, dedup.TTL(0)))
		require.Equal(t, dedup.First, d.Check(1).State, "the error is not kept")

		follower := make(chan error, 1)
		leaving(t, func() {
			_, _ = d.Do(t.Context(), 2, func(context.Context) (int, error) {
				go func() {
					_, err := d.Do(t.Context(), 2, never)
					follower <- err
				}()
				synctest.Wait()
				return 0, errDown
			})
		})
		require.Error(t, <-follower)
		require.Equal(t, dedup.First, d.Check(2).State)
	})
}

// The fault: slices that are too short panicked under a lock, which stayed taken.
func TestSlicesThatAreTooShort(t *testing.T) {
	for _, shards := range []int{1, 16} {
		d := make1[int, int](t, dedup.Window(time.Minute, dedup.Unbounded(), dedup.Shards(shards)))
		keys := []int{1, 1, 1}
		checks := make([]dedup.Check[int], 3)
		require.Panics(t, func() { d.JoinAll(checks[:2:3], keys, nil) })
		require.Panics(t, func() { d.JoinAll(checks, keys, make([]dedup.Follower[int], 2, 3)) })
		require.Zero(t, d.Snapshot().InFlight, "nothing was done")
		token := d.Check(1).Token
		require.Panics(t, func() { d.CompleteAll([]dedup.Token{token, {}}, make([]int, 1, 2)) })
		require.True(t, d.Complete(token, 1))
	}
}
