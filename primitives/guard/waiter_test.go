package guard

import (
	"runtime"
	"testing"
	"testing/synctest"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A burst of waiters leaves at most so many behind for reuse, however they leave.
func TestIdleWaitersAreBounded(t *testing.T) {
	g := Of(Limit(2))
	held, _ := g.TryAcquire() // an empty guard forgets its waiters
	p, _ := g.TryAcquire()
	for range 3 {
		var places []Place
		for range 4 * maxIdle {
			_, place, err := g.Enlist(t.Context(), func(next Permit, _ error) { p = next })
			require.NoError(t, err)
			places = append(places, place)
		}
		for i, place := range places {
			if i%2 == 0 {
				require.True(t, place.Leave())
			} else {
				p.Release()
			}
		}
		g.Snapshot()
		require.Equal(t, maxIdle, g.queue.exits.idleLen)
		require.Zero(t, g.queue.exits.departing)
	}
	p.Release()
	held.Release()
}

// A waiter that left before its guard came to rest is not reused: its channel may belong
// to another synctest bubble.
func TestStaleWaitersAreNotReused(t *testing.T) {
	g := Of(Limit(1))
	synctest.Test(t, func(t *testing.T) {
		p, _ := g.TryAcquire()
		served := make(chan Permit, 1)
		go func() {
			q, err := g.Acquire(t.Context())
			assert.NoError(t, err)
			served <- q
		}()
		synctest.Wait()
		w := g.queue.lines[Normal-Low].head
		p.Release()
		g.mu.Lock()
		g.queue.exits.forget() // before the call has woken up
		g.mu.Unlock()
		q := <-served
		g.Snapshot() // retires the waiters whose calls have gone
		_, place, err := g.Enlist(t.Context(), func(Permit, error) {})
		require.NoError(t, err)
		require.NotSame(t, w, place.waiter)
		require.True(t, place.Leave())
		q.Release()
	})
}

// A waiter that is kept for reuse keeps nothing of its call.
func TestAnIdleWaiterKeepsNoFunction(t *testing.T) {
	for name, end := range map[string]func(Place, Permit){
		"leave": func(place Place, _ Permit) { place.Leave() },
		"grant": func(_ Place, p Permit) { p.Release() },
	} {
		t.Run(name, func(t *testing.T) {
			g := Of(Limit(2))
			held, _ := g.TryAcquire() // an empty guard forgets its waiters
			p, _ := g.TryAcquire()
			garbage := func() weak.Pointer[[1 << 20]byte] {
				data := new([1 << 20]byte)
				_, place, err := g.Enlist(t.Context(), func(Permit, error) { data[0]++ })
				require.NoError(t, err)
				end(place, p)
				return weak.Make(data)
			}()
			runtime.GC()
			require.Nil(t, garbage.Value())
			held.Release()
		})
	}
}
