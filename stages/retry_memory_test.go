package stages

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Row 19 of the resilience list: what the layer keeps of a million items that
// wait, beside the items.
func TestAMillionPendingRetriesAreSmall(t *testing.T) {
	const n = 1_000_000
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	r := rand.New(rand.NewPCG(5, 6))
	before, goroutines := heap(), runtime.NumGoroutine()
	h := &retryHandler[int]{calls: make([]retried, n)}
	for slot := range uint32(n) {
		h.delays.Push(r.Int64N(int64(time.Minute)), slot)
	}
	require.LessOrEqual(t, (heap()-before)/n, uint64(64), "bytes for each")
	require.Equal(t, goroutines, runtime.NumGoroutine())
	require.Equal(t, n, h.delays.Len())
	runtime.KeepAlive(h)
}
