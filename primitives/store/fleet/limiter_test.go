package fleet_test

import (
	"context"

	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/primitives/store"
	"github.com/weir-go/weir/primitives/store/fleet"
)

// line is a node's connection to the store. It can be cut, which is also how a node dies: it no
// longer renews anything. It counts the calls.
type line struct {
	store.Store
	cut   atomic.Bool
	hangs atomic.Bool
	calls atomic.Int64
}

func (l *line) try(ctx context.Context) error {
	l.calls.Add(1)
	if l.hangs.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	if l.cut.Load() {
		return errCut
	}
	return nil
}

func (l *line) Load(ctx context.Context, key string) (store.Entry, error) {
	if err := l.try(ctx); err != nil {
		return store.Entry{}, err
	}
	return l.Store.Load(ctx, key)
}

func (l *line) List(ctx context.Context, folder string) ([]store.Entry, error) {
	if err := l.try(ctx); err != nil {
		return nil, err
	}
	return l.Store.List(ctx, folder)
}

func (l *line) CompareAndSet(ctx context.Context, key string, revision uint64, value []byte, ttl time.Duration) (uint64, error) {
	if err := l.try(ctx); err != nil {
		return 0, err
	}
	return l.Store.CompareAndSet(ctx, key, revision, value, ttl)
}

// limited is a node with a limiter of the fleet.
type limited struct {
	*fleet.Limiter
	line *line
	stop func() // and wait
}

const fleetRate = 960.0

func limit(t *testing.T, s store.Store, opts ...fleet.Option) *limited {
	t.Helper()
	n := &limited{line: &line{Store: s}}
	var err error
	n.Limiter, err = fleet.NewLimiter(n.line, "api", fleetRate, 10, opts...)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = n.Run(ctx) })
	n.stop = func() { cancel(); running.Wait() }
	return n
}

func (n *limited) rate() float64 { return n.Snapshot().Limiter.Rate }

// rates is what all nodes admit together in a second.
func rates(nodes []*limited) (all float64) {
	for _, n := range nodes {
		all += n.rate()
	}
	return all
}

// The rates never add up to more than the whole, whatever nodes do. When nothing has changed for two
// terms they add up to the whole, and each node has its part.
func TestTheRatesOfAFleetAddUp(t *testing.T) {
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			r, m := rand.New(rand.NewPCG(seed, 1)), store.NewMemory()
			var live, dead []*limited
			holds := func(d time.Duration) {
				t.Helper()
				for range d / (50 * time.Millisecond) {
					time.Sleep(50 * time.Millisecond)
					synctest.Wait()
					require.LessOrEqual(t, rates(live)+rates(dead), fleetRate+1e-3, "seed %d", seed)
				}
			}
			for range 25 {
				switch at := r.IntN(max(len(live), 1)); {
				case len(live) < 2 || r.IntN(3) == 0:
					live = append(live, limit(t, m))
				case r.IntN(2) == 0:
					live[at].stop()
					require.Less(t, live[at].rate(), 1e-3, "a node that has left admits nothing")
					live = append(live[:at], live[at+1:]...)
				default:
					live[at].line.hangs.Store(r.IntN(2) == 0)
					live[at].line.cut.Store(true)
					dead = append(dead, live[at])
					live = append(live[:at], live[at+1:]...)
				}
				holds(time.Duration(r.IntN(8000)) * time.Millisecond)
			}
			holds(25 * time.Second)
			require.Less(t, rates(dead), 1e-3, "what is cut off admits nothing")
			require.InDelta(t, fleetRate, rates(live), 1e-3, "seed %d: all shares are in use", seed)
			for _, n := range live {
				require.InDelta(t, fleetRate/float64(len(live)), n.rate(), fleetRate/32, "each has its part")
				require.Equal(t, len(live), n.Snapshot().Members)
			}
			for _, n := range append(live, dead...) {
				n.stop()
			}
		})
	}
}

func TestNoCallOfALimiterWaitsForTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := limit(t, store.NewMemory())
		synctest.Wait()
		l, err := n.Limiter.Limiter()
		require.NoError(t, err)
		before, began := n.line.calls.Load(), time.Now()
		for range 960 {
			require.NoError(t, l.Wait(t.Context(), 1))
		}
		took := time.Since(began)
		require.InDelta(t, 1.0, took.Seconds(), 0.02, "the one node has the whole rate")
		require.Equal(t, before, n.line.calls.Load())
		n.stop()
	})
}

// Two nodes admit as many calls as one would, also while one of them joins and leaves.
func TestAFleetAdmitsAsOneLimiterWould(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		var admitted atomic.Int64
		ctx, cancel := context.WithCancel(t.Context())
		var calling sync.WaitGroup
		call := func(n *limited) {
			l, err := n.Limiter.Limiter()
			require.NoError(t, err)
			calling.Go(func() {
				for l.Wait(ctx, 1) == nil {
					admitted.Add(1)
				}
			})
		}
		a, b := limit(t, m), limit(t, m)
		call(a)
		call(b)
		began := time.Now()
		for range 4 {
			time.Sleep(20 * time.Second)
			b.stop()
			time.Sleep(20 * time.Second)
			b = limit(t, m)
			call(b)
		}
		most := time.Since(began).Seconds()*fleetRate + 6*10
		require.LessOrEqual(t, float64(admitted.Load()), most)
		require.Greater(t, float64(admitted.Load()), most*0.8, "little is unused while shares change hands")
		cancel()
		calling.Wait()
		a.stop()
		b.stop()
	})
}

func TestALimiterComesBackWithItsStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events []fleet.EventKind
		n := limit(t, store.NewMemory(), fleet.Term(6*time.Second), fleet.OnEvent(func(e fleet.Event) { events = append(events, e.Kind) }))
		synctest.Wait()
		require.InDelta(t, fleetRate, n.rate(), 1e-3)
		n.line.cut.Store(true)
		time.Sleep(3 * time.Second)
		require.InDelta(t, fleetRate, n.rate(), 1e-3, "the shares are the node's until their term is over")
		require.True(t, n.Snapshot().Degraded)
		time.Sleep(3 * time.Second)
		require.Less(t, n.rate(), 1e-3)
		n.line.cut.Store(false)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		require.InDelta(t, fleetRate, n.rate(), 1e-3)
		n.stop()
		require.Equal(t, []fleet.EventKind{fleet.Degraded, fleet.Recovered}, events)
	})
}

func TestALimiterRefusesNonsense(t *testing.T) {
	m := store.NewMemory()
	for name, try := range map[string]func() (*fleet.Limiter, error){
		"store":  func() (*fleet.Limiter, error) { return fleet.NewLimiter(nil, "a", 1, 1) },
		"name":   func() (*fleet.Limiter, error) { return fleet.NewLimiter(m, "", 1, 1) },
		"rate":   func() (*fleet.Limiter, error) { return fleet.NewLimiter(m, "a", 0, 1) },
		"burst":  func() (*fleet.Limiter, error) { return fleet.NewLimiter(m, "a", 1, 0) },
		"shares": func() (*fleet.Limiter, error) { return fleet.NewLimiter(m, "a", 1, 1, fleet.Shares(0)) },
		"term":   func() (*fleet.Limiter, error) { return fleet.NewLimiter(m, "a", 1, 1, fleet.Term(time.Millisecond)) },
		"misfit": func() (*fleet.Limiter, error) { return fleet.NewLimiter(m, "a", 1, 1, fleet.Strict()) },
	} {
		l, err := try()
		require.ErrorIs(t, err, fleet.ErrPolicy, name)
		require.Nil(t, l)
	}
	var zero fleet.Limiter
	require.ErrorIs(t, zero.Run(t.Context()), fleet.ErrPolicy)
	_, err := zero.Limiter()
	require.ErrorIs(t, err, fleet.ErrPolicy)
	require.Zero(t, zero.Snapshot())
}

func TestALimiterRunsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := limit(t, store.NewMemory())
		synctest.Wait()
		require.ErrorIs(t, n.Run(t.Context()), fleet.ErrRunning)
		n.stop()
	})
}

var _ limiter.Source = (*fleet.Limiter)(nil)
