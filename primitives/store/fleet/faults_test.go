package fleet_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/store"
	"github.com/weir-go/weir/primitives/store/fleet"
	"github.com/weir-go/weir/primitives/store/internal/file"
)

// Fault 23: calls waited for each other's lock of the shared state, most gave up
// on it, and of ten failures one was counted.
func TestParallelCallsDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := fleet.NewBreaker(store.NewMemory(), breaker.On("model", time.Minute, breaker.OutOf(10, 32)))
		require.NoError(t, err)
		go func() { _ = b.Run(t.Context()) }()
		local, _ := b.Breaker()
		begin := time.Now()
		var calls sync.WaitGroup
		for i := range 32 {
			calls.Go(func() {
				_, err := local.Do(t.Context(), func(context.Context) (int, error) {
					time.Sleep(10 * time.Millisecond)
					if i < 10 {
						return 0, errSick
					}
					return 1, nil
				})
				if i < 10 && err != errSick || i >= 10 && err != nil {
					t.Errorf("call %d: %v", i, err)
				}
			})
		}
		calls.Wait()
		require.Equal(t, 10*time.Millisecond, time.Since(begin))
		synctest.Wait()
		require.Equal(t, open, local.State(), "ten of 32 have failed, and all ten are counted")
		require.Equal(t, 1, b.Snapshot().Votes)
	})
}

// Fault 24: a panic was no failure to the shared state.
func TestPanicsOpenTheFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := crew(t, store.NewMemory(), 2)
		for range 3 {
			require.Panics(t, func() {
				_, _ = nodes[0].local.Do(t.Context(), func(context.Context) (int, error) { panic("bug") })
			})
		}
		pass(quick)
		require.Equal(t, []breaker.State{open, open}, states(nodes))
	})
}

// Fault 25: with the store down, no call got through, and the error was about
// the store. Whatever a call meets here is the service's.
func TestNoCallFailsBecauseOfTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, store.NewMemory(), "a", fleet.ProbeOnce(time.Second))
		n.way.Fail(errDown)
		n.run(t)
		for range 100 {
			require.NoError(t, n.call(nil))
			require.Equal(t, errSick, n.call(errSick))
			pass(100 * time.Millisecond)
		}
		n.fails()
		err := n.call(nil)
		require.ErrorIs(t, err, breaker.ErrOpen)
		require.NotErrorIs(t, err, errDown)
	})
}

// Checklist row 36: two processes that share nothing but a file agree on how
// long the service is not to be called, and one that starts later does, too.
func TestStateSurvivesSerialisation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		nodes := []*node{newNode(t, file.Store{Dir: dir}, "a"), newNode(t, file.Store{Dir: dir}, "b")}
		nodes[0].run(t)
		nodes[1].run(t)
		nodes[0].fails()
		pass(time.Second)
		late := newNode(t, file.Store{Dir: dir}, "late")
		late.run(t)
		for _, n := range append(nodes, late) {
			require.Equal(t, open, n.local.State())
			require.InDelta(t, 9*time.Second, n.local.Snapshot().RetryAfter, float64(time.Millisecond))
		}
		raw, err := os.ReadFile(filepath.Join(dir, "state.json"))
		require.NoError(t, err)
		require.True(t, json.Valid(raw))
		require.Contains(t, string(raw), "breaker/model/vote/a")
	})
}
