package storetest

import (
	"context"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/store"
)

// flushed is a store that loses its data when it is wiped. Its streams are cut then.
type flushed struct {
	seed func() uint64 // what the counter of an empty store begins at
	deaf bool          // its streams go on and tell nothing more
	mum  bool          // its streams end without an error

	mu     sync.Mutex
	memory *store.Memory
	base   uint64
	wiped  chan struct{}
}

func fromOne() uint64 { return 0 }

// byTheClock is the remedy that the package store names.
func byTheClock() uint64 { return uint64(time.Now().UnixMicro()) }

func newFlushed(seed func() uint64) *flushed {
	f := &flushed{seed: seed}
	f.begin()
	return f
}

func (f *flushed) begin() {
	f.memory, f.base, f.wiped = store.NewMemory(), f.seed(), make(chan struct{})
}

func (f *flushed) wipe() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.wiped)
	f.begin()
}

func (f *flushed) state() (*store.Memory, uint64, chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.memory, f.base, f.wiped
}

func above(base uint64, e store.Entry) store.Entry {
	if e.Revision != 0 {
		e.Revision += base
	}
	return e
}

func (f *flushed) Load(ctx context.Context, key string) (store.Entry, error) {
	m, base, _ := f.state()
	e, err := m.Load(ctx, key)
	return above(base, e), err
}

func (f *flushed) List(ctx context.Context, folder string) ([]store.Entry, error) {
	m, base, _ := f.state()
	all, err := m.List(ctx, folder)
	for i := range all {
		all[i] = above(base, all[i])
	}
	return all, err
}

func (f *flushed) CompareAndSet(ctx context.Context, key string, revision uint64, value []byte, ttl time.Duration) (uint64, error) {
	m, base, _ := f.state()
	switch {
	case revision > base:
		revision -= base
	case revision != 0:
		revision = 1<<64 - 1 // from before the wipe
	}
	next, err := m.CompareAndSet(ctx, key, revision, value, ttl)
	if err != nil {
		return 0, err
	}
	return next + base, nil
}

func (f *flushed) Watch(ctx context.Context, folder string) iter.Seq2[store.Event, error] {
	return func(yield func(store.Event, error) bool) {
		m, base, wiped := f.state()
		stream, cut := context.WithCancel(ctx)
		defer cut()
		if !f.deaf {
			var cutting sync.WaitGroup
			defer cutting.Wait()
			defer cut()
			cutting.Go(func() {
				select {
				case <-wiped:
					cut()
				case <-stream.Done():
				}
			})
		}
		for e, err := range m.Watch(stream, folder) {
			e.Entry = above(base, e.Entry)
			if !yield(e, err) {
				return
			}
		}
		if ctx.Err() == nil && !f.mum {
			yield(store.Event{}, errDown)
		}
	}
}

// flushes runs the suite on such a store, and wipes it.
func flushes(t *testing.T, seed func() uint64, spoil func(*flushed)) map[string][]string {
	var f *flushed
	return failures(t, func() store.Store {
		f = newFlushed(seed)
		spoil(f)
		return f
	}, Wiped(func() { f.wipe() }))
}

func TestAStoreThatSeedsByTheClockMayBeWiped(t *testing.T) {
	require.Empty(t, flushes(t, byTheClock, func(*flushed) {}))
}

// The fault: an adapter for a server that can be flushed passed the suite, and used
// its revisions twice when that happened.
func TestAStoreThatBeginsAnewIsFound(t *testing.T) {
	found := flushes(t, fromOne, func(*flushed) {})
	require.Len(t, found, 2)
	require.Contains(t, found, "a revision is not used again after the store was wiped")
	require.Contains(t, found, "a lease is lost when the store is wiped")
}

func TestAStreamOfAWipedStoreThatSaysNothingIsFound(t *testing.T) {
	const check = "a stream of a store that was wiped goes on, or says that it does not"
	require.Contains(t, flushes(t, byTheClock, func(f *flushed) { f.deaf = true }), check)
	require.Contains(t, flushes(t, byTheClock, func(f *flushed) { f.mum = true }), check)
}

// A store whose test does not say how it is wiped is checked without.
func TestWithoutWipedItsChecksAreSkipped(t *testing.T) {
	for _, c := range checks[len(checks)-3:] {
		notes := &notebook{}
		c.attempt(notes, []store.Store{newFlushed(fromOne)}, settings{unit: time.Millisecond})
		require.Equal(t, []any{"there is no Wiped option"}, notes.skipped)
	}
}
