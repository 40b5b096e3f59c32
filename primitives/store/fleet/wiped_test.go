package fleet_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/store"
	"github.com/weir-go/weir/primitives/store/fleet"
	"github.com/weir-go/weir/primitives/store/storetest"
)

// A wiped store begins anew, and so does what is in it.
func TestAWipedStoreIsToldTheEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newForgetful()
		nodes := crew(t, s, 2, fleet.ProbeOnce(time.Second))
		for range 3 { // some epochs
			nodes[0].fails()
			pass(11 * time.Second)
			ask(nodes, time.Second, nil)
			require.Equal(t, []breaker.State{closed, closed}, states(nodes))
		}
		s.forget()
		late := newNode(t, s, "late", fleet.ProbeOnce(time.Second))
		late.run(t)
		late.fails() // in an epoch that the others know to be over
		pass(2 * time.Second)
		require.Equal(t, []breaker.State{closed, closed}, states(nodes))
		require.Equal(t, uint64(3), late.Snapshot().Epoch, "and it has been told")
		late.local.Reset()
		late.fails()
		pass(time.Second)
		require.Equal(t, []breaker.State{open, open}, states(nodes))
	})
}

// The fault: a server was flushed, and its revisions began at 1 again. Every vote
// after that was older than the one the nodes knew, no quorum came about, and no
// event and no figure said so.
func TestAWipedStoreDoesNotSilenceTheFleet(t *testing.T) {
	for name, asStore := range map[string]func(*forgetful) store.Store{
		"told":  func(f *forgetful) store.Store { return f },
		"asked": func(f *forgetful) store.Store { return mute{f} },
	} {
		bubble(t, name, func(t *testing.T) {
			f := newForgetful()
			f.count(1_000_000)
			nodes := crew(t, asStore(f), 3, fleet.Quorum(2))
			opensAll(t, nodes)
			closesAll(t, nodes)

			f.forget()
			pass(time.Second)
			opensAll(t, nodes)
			for _, n := range nodes {
				require.Equal(t, []fleet.EventKind{fleet.Wiped}, without(n.seen(), fleet.Degraded, fleet.Recovered))
				require.Equal(t, uint64(1), n.Snapshot().Wiped)
				require.False(t, n.Snapshot().Degraded)
			}
			closesAll(t, nodes)
			opensAll(t, nodes)
			require.Equal(t, uint64(1), nodes[2].Snapshot().Wiped, "one event for one loss")
		})
	}
}

// A verdict that the store still has is not written again for a node that is behind.
func TestAVerdictIsRepeatedOnlyIfItIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		put(t, m, "breaker/model/verdict", sealed(`{"v":1,"epoch":3}`))
		n := crew(t, m, 1, fleet.ProbeOnce(time.Second))[0]
		put(t, m, "breaker/model/vote/x", sealed(`{"v":1,"epoch":1,"for":60000000000}`))
		pass(5 * time.Second)
		require.Zero(t, n.way.Calls(storetest.CompareAndSet))
		require.Equal(t, closed, n.local.State())
	})
}

// The counter may have come to the same number again: what the store tells under it
// is another write.
func TestAWipedStoreMayUseTheSameRevision(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForgetful()
		n := crew(t, mute{f}, 1)[0]
		put(t, f, "breaker/model/vote/x", sealed(`{"v":1,"for":10000000000}`))
		pass(time.Second)
		f.forget()
		put(t, f, "breaker/model/vote/x", sealed(`{"v":1,"for":60000000000}`))
		pass(time.Second)
		require.Equal(t, []fleet.EventKind{fleet.Wiped}, n.seen())
		require.InDelta(t, time.Minute, n.local.Snapshot().RetryAfter, float64(time.Second))
	})
}

// A node whose vote was lost tells it again, so that a node that comes new knows it.
func TestAWipedStoreIsToldTheVotesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForgetful()
		f.count(1_000_000)
		nodes := crew(t, f, 2, fleet.Quorum(2))
		put(t, f, "breaker/model/vote/x", sealed(`{"v":1,"for":0}`))
		nodes[0].fails()
		pass(time.Second)
		f.forget()
		put(t, f, "breaker/model/vote/x", sealed(`{"v":1,"for":60000000000}`))
		pass(time.Second)
		late := newNode(t, f, "late", fleet.Quorum(2))
		late.run(t)
		require.Equal(t, 2, late.Snapshot().Votes)
		require.Equal(t, open, late.local.State())
	})
}

// Work under way goes on, and is not done twice, when the store loses the claim.
func TestAWipedStoreIsToldTheClaimAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForgetful()
		all := workers(t, f, 2, time.Minute, fleet.Claim(3*time.Second))
		j := &job{takes: 20 * time.Second}
		answers := make(chan int, 2)
		ask := func(w *worker) {
			v, err := w.Do(t.Context(), "k", j.run)
			assert.NoError(t, err)
			answers <- v
		}
		go ask(all[0])
		pass(2500 * time.Millisecond)
		f.forget()
		pass(time.Second) // a renewal
		go ask(all[1])
		require.Equal(t, []int{1, 1}, []int{<-answers, <-answers})
		require.Equal(t, int64(1), j.done.Load())
	})
}

// opensAll has the service fail for a and b, and c open by their quorum.
func opensAll(t *testing.T, nodes []*node) {
	t.Helper()
	nodes[0].fails()
	nodes[1].fails()
	pass(time.Second)
	require.Equal(t, []breaker.State{open, open, open}, states(nodes))
}

// closesAll waits for the end of the openings and lets every node find the service up.
func closesAll(t *testing.T, nodes []*node) {
	t.Helper()
	pass(11 * time.Second)
	for _, n := range nodes {
		require.NoError(t, n.call(nil))
	}
	pass(time.Second)
	require.Equal(t, []breaker.State{closed, closed, closed}, states(nodes))
}

func without(kinds []fleet.EventKind, some ...fleet.EventKind) (rest []fleet.EventKind) {
	for _, k := range kinds {
		if !slices.Contains(some, k) {
			rest = append(rest, k)
		}
	}
	return rest
}

// forgetful is a store that loses its data when forget is called, its counter of
// revisions included. Its streams are cut then, as by a server that restarts.
type forgetful struct {
	mu   sync.Mutex
	now  *store.Memory
	base uint64        // added to every revision of now
	lost chan struct{} // closed when now is lost
}

var errCut = errors.New("connection reset")

func newForgetful() *forgetful {
	return &forgetful{now: store.NewMemory(), lost: make(chan struct{})}
}

func (f *forgetful) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.lost)
	f.now, f.base, f.lost = store.NewMemory(), 0, make(chan struct{})
}

// count has the revisions begin at n.
func (f *forgetful) count(n uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.base = n
}

func (f *forgetful) state() (*store.Memory, uint64, chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now, f.base, f.lost
}

func above(base uint64, e store.Entry) store.Entry {
	if e.Revision != 0 {
		e.Revision += base
	}
	return e
}

func (f *forgetful) Load(ctx context.Context, key string) (store.Entry, error) {
	m, base, _ := f.state()
	e, err := m.Load(ctx, key)
	return above(base, e), err
}

func (f *forgetful) List(ctx context.Context, folder string) ([]store.Entry, error) {
	m, base, _ := f.state()
	all, err := m.List(ctx, folder)
	for i := range all {
		all[i] = above(base, all[i])
	}
	return all, err
}

func (f *forgetful) CompareAndSet(ctx context.Context, key string, revision uint64, value []byte, ttl time.Duration) (uint64, error) {
	m, base, _ := f.state()
	if revision != 0 && revision <= base {
		return 0, store.ErrConflict
	}
	if revision != 0 {
		revision -= base
	}
	next, err := m.CompareAndSet(ctx, key, revision, value, ttl)
	if err != nil {
		return 0, err
	}
	return next + base, nil
}

func (f *forgetful) Watch(ctx context.Context, folder string) iter.Seq2[store.Event, error] {
	return func(yield func(store.Event, error) bool) {
		m, base, lost := f.state()
		stream, cut := context.WithCancel(ctx)
		defer cut()
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			select {
			case <-lost:
				cut()
			case <-stop:
			}
		}()
		for e, err := range m.Watch(stream, folder) {
			e.Entry = above(base, e.Entry)
			if !yield(e, err) {
				return
			}
		}
		if ctx.Err() == nil {
			yield(store.Event{}, errCut)
		}
	}
}
