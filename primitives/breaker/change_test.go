package breaker_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
)

// seen collects changes. The hook is never run twice at the same time, so it
// needs no lock of its own; the race detector would tell if that were wrong.
type seen struct{ changes []breaker.Change }

func (s *seen) hook(c breaker.Change) { s.changes = append(s.changes, c) }

func (s *seen) requireChain(t *testing.T) {
	t.Helper()
	from := breaker.Closed
	for i, c := range s.changes {
		require.Equal(t, from, c.From, "change %d", i)
		require.NotEqual(t, c.From, c.To, "change %d", i)
		from = c.To
	}
}

func TestHookSeesEveryTransitionInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s seen
		b := newBreaker(t, breaker.OnChange(s.hook))
		start := time.Now()
		fail(t, b, 3)
		time.Sleep(window)
		require.Equal(t, breaker.HalfOpen, b.State())
		require.Len(t, s.changes, 1, "to look is no transition")
		fail(t, b, 1)
		time.Sleep(window)
		_, err := b.Do(t.Context(), succeed)
		require.NoError(t, err)
		b.Trip()
		b.Trip()
		b.Reset()
		b.Reset()

		want := []breaker.Change{
			{From: breaker.Closed, To: breaker.Open, Cause: breaker.Threshold, Rule: "3 in a row", Failure: errDown, At: start},
			{From: breaker.Open, To: breaker.HalfOpen, Cause: breaker.Elapsed, At: start.Add(window)},
			{From: breaker.HalfOpen, To: breaker.Open, Cause: breaker.Probe, Failure: errDown, At: start.Add(window)},
			{From: breaker.Open, To: breaker.HalfOpen, Cause: breaker.Elapsed, At: start.Add(2 * window)},
			{From: breaker.HalfOpen, To: breaker.Closed, Cause: breaker.Probe, At: start.Add(2 * window)},
			{From: breaker.Closed, To: breaker.Open, Cause: breaker.Manual, At: start.Add(2 * window)},
			{From: breaker.Open, To: breaker.Closed, Cause: breaker.Manual, At: start.Add(2 * window)},
		}
		for i := range want {
			want[i].Name = "model"
			if want[i].To == breaker.Open {
				want[i].For = window
			}
		}
		require.Equal(t, want, s.changes)
	})
}

// 10 000 failures at the same time open the breaker once. No bubble: real
// parallelism is the point.
func TestStormOpensOnce(t *testing.T) {
	var s seen
	b := newBreaker(t, breaker.OnChange(s.hook))
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			for range 100 {
				_, _ = b.Do(context.Background(), failing)
			}
		})
	}
	wg.Wait()
	require.Len(t, s.changes, 1)
	require.Equal(t, 3, b.Snapshot().Failures)
}

// All methods run at the same time. The hook must see a chain, must not run twice at once,
// and must end with the state of the breaker. No bubble: real parallelism is the point.
func TestChangesFormAChainUnderConcurrency(t *testing.T) {
	var s seen
	b, err := breaker.New(breaker.Consecutive("model", 1, 0, breaker.OnChange(s.hook)))
	require.NoError(t, err)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 500 {
				switch (i + n) % 5 {
				case 0:
					b.Trip()
				case 1:
					b.Reset()
				case 2:
					_, _ = b.Do(context.Background(), failing)
				case 3:
					_, _ = b.Do(context.Background(), succeed)
				case 4:
					b.RecordFailure()
				}
			}
		})
	}
	wg.Wait()
	b.Reset()
	s.requireChain(t)
	require.NotEmpty(t, s.changes)
	require.Equal(t, breaker.Closed, s.changes[len(s.changes)-1].To)
}

// The fault: looking at the state from within the hook was a deadlock.
func TestHookMayUseTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s seen
		var b *breaker.Breaker
		b = newBreaker(t, breaker.OnChange(func(c breaker.Change) {
			s.hook(c)
			assert.Equal(t, c.To, b.State())
			_ = b.Snapshot()
			_, _ = b.Do(context.Background(), succeed)
			if c.To == breaker.Open {
				b.Reset()
				assert.Equal(t, breaker.Closed, b.State(), "at once, not when the hook has ended")
			}
		}))
		fail(t, b, 3)
		require.Equal(t, breaker.Closed, b.State())
		require.Len(t, s.changes, 2)
		s.requireChain(t)
	})
}

func TestNobodyWaitsForASlowHook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s seen
		release := make(chan struct{})
		b := newBreaker(t, breaker.OnChange(func(c breaker.Change) {
			s.hook(c)
			<-release
		}))
		go b.Trip() // runs the hook
		synctest.Wait()
		_, err := b.Allow()
		require.ErrorIs(t, err, breaker.ErrOpen)
		b.Reset() // leaves its change to the one above
		require.Equal(t, breaker.Closed, b.State())
		require.Len(t, s.changes, 1)
		close(release)
		synctest.Wait()
		require.Len(t, s.changes, 2)
		s.requireChain(t)
	})
}

func TestPanickingHookIsContained(t *testing.T) {
	var s seen
	b := newBreaker(t, breaker.OnChange(func(c breaker.Change) {
		s.hook(c)
		panic("hook")
	}))
	require.NotPanics(t, func() { fail(t, b, 3) })
	require.NotPanics(t, b.Reset)
	require.NotPanics(t, b.Trip)
	require.Equal(t, breaker.Open, b.State())
	require.Len(t, s.changes, 3)
	require.EqualValues(t, 3, b.Snapshot().HookPanics)
}

// runtime.Goexit cannot be contained, but the hook sees the changes that follow, and the
// next goroutine is not locked out.
func TestGoexitInTheHookLosesNoChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s seen
		var b *breaker.Breaker
		b = newBreaker(t, breaker.OnChange(func(c breaker.Change) {
			s.hook(c)
			if len(s.changes) == 1 {
				b.Reset() // pending when the goroutine goes
				runtime.Goexit()
			}
		}))
		done := make(chan struct{})
		go func() {
			defer close(done)
			b.Trip()
			t.Error("Goexit goes through")
		}()
		<-done
		require.Len(t, s.changes, 2)
		b.Trip()
		require.Len(t, s.changes, 3)
		s.requireChain(t)
	})
}
