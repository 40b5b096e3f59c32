package bench

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/bench/internal/byhand"
	"github.com/weir-go/weir/bench/internal/meter"
	"github.com/weir-go/weir/bench/internal/weir"
	"github.com/weir-go/weir/bench/internal/work"
)

// BenchmarkRetryWaiting asks what an item holds that waits for its next try:
// waiting-B are bytes of heap and of stacks, the item included. An operation has
// 32,768 items fail once, and ends when they all wait. By hand, a goroutine
// waits for each.
func BenchmarkRetryWaiting(b *testing.B) {
	const items = 1 << 15
	for _, w := range waitingRooms() {
		b.Run("impl="+w.name, func(b *testing.B) {
			report := metered(b)
			var all footprint
			for range b.N {
				all = all.plus(w.hold(b, items))
			}
			report()
			waits := float64(items * b.N)
			b.ReportMetric(all.bytes/waits, "waiting-B")
			b.ReportMetric(all.goroutines/waits, "goroutines/item")
		})
	}
}

// waitingRoom is a way to have n items tried again after a wait, until the
// context ends.
type waitingRoom struct {
	name string
	run  func(ctx context.Context, n int, f work.Step, wait time.Duration)
}

func waitingRooms() []waitingRoom {
	return []waitingRoom{
		{"weir", func(ctx context.Context, n int, f work.Step, wait time.Duration) {
			weir.Waiting(ctx, n, crew, f, wait)
		}},
		{"hand", byhand.Waiting},
	}
}

// hold has n items fail and looks when they all wait. None is tried again.
func (w waitingRoom) hold(tb testing.TB, n int) (f footprint) {
	bytes, goroutines := meter.Memory(), runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(tb.Context())
	defer cancel()
	var calls atomic.Int64
	all, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		w.run(ctx, n, func(context.Context, int) (int, error) {
			if calls.Add(1) == int64(n) {
				close(all)
			}
			return 0, work.ErrFirst
		}, time.Minute)
	}()
	select {
	case <-all:
	case <-ended:
		tb.Fatalf("%s: the run has ended after %d calls", w.name, calls.Load())
	}
	time.Sleep(10 * time.Millisecond) // until the last one waits, too
	f = footprint{float64(meter.Memory()) - float64(bytes), float64(runtime.NumGoroutine() - goroutines)}
	cancel()
	<-ended
	return f
}

// TestWaitingItemsAreHeld is for BenchmarkRetryWaiting what
// TestImplementationsDoTheWork is for the others: hold returns when all items
// wait, and weir's hold no goroutine.
func TestWaitingItemsAreHeld(t *testing.T) {
	const items = 2000
	for _, w := range waitingRooms() {
		require.Positive(t, w.hold(t, items).bytes, w.name)
	}
	require.Less(t, waitingRooms()[0].hold(t, items).goroutines, 100.0)
}
