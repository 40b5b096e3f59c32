package store_test

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/primitives/store"
	"github.com/weir-go/weir/primitives/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Checklist row 37: the store in memory passes the suite that is offered to
// others.
func TestMemoryConforms(t *testing.T) {
	storetest.Run(t, func() []store.Store { return []store.Store{store.NewMemory()} }, storetest.Virtual())
}

// The zero value says what it is.
func TestZeroMemory(t *testing.T) {
	var m store.Memory
	const text = `"k/": the memory was not made by NewMemory`
	_, err := m.List(t.Context(), "k/")
	require.EqualError(t, err, "store: list "+text)
	_, err = m.Load(t.Context(), "k")
	require.ErrorContains(t, err, "not made by NewMemory")
	_, err = m.CompareAndSet(t.Context(), "k", 0, nil, time.Second)
	require.ErrorContains(t, err, "not made by NewMemory")
	told := 0
	for _, err := range m.Watch(t.Context(), "k/") {
		require.EqualError(t, err, "store: watch "+text)
		told++
	}
	require.Equal(t, 1, told)
	var l store.Lease
	require.ErrorIs(t, l.Renew(t.Context()), store.ErrLost)
	require.ErrorIs(t, l.Release(t.Context()), store.ErrLost)
}

// Entries that no caller asks for do not pile up.
func TestMemoryForgetsWhatHasExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		for i := range 10_000 {
			_, err := m.CompareAndSet(t.Context(), store.Key("k", strconv.Itoa(i)), 0, nil, time.Second)
			require.NoError(t, err)
			time.Sleep(10 * time.Millisecond)
		}
		require.LessOrEqual(t, m.Len(), 101)
	})
}

// Entries go in the order in which they expire, whatever the order of the writes.
func TestMemoryForgetsInTheOrderOfExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		const n = 1000
		for i := range n {
			ttl := time.Duration(i*7919%n+1) * time.Second
			_, err := m.CompareAndSet(t.Context(), store.Key("k", strconv.Itoa(i)), 0, nil, ttl)
			require.NoError(t, err)
		}
		revision := uint64(0)
		for passed := range n {
			next, err := m.CompareAndSet(t.Context(), "again", revision, nil, 2*time.Second)
			require.NoError(t, err)
			revision = next
			require.Equal(t, n-passed+1, m.Len())
			time.Sleep(time.Second)
		}
	})
}

func TestMemoryNamesTheCallOnce(t *testing.T) {
	_, err := store.NewMemory().Load(t.Context(), "a b")
	require.EqualError(t, err, `store: load "a b": invalid key`)
}
