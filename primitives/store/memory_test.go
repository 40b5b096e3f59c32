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

// Entries that nobody asks for any more do not pile up.
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
