package bench

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/bench/internal/byhand"
	"github.com/weir-go/weir/bench/internal/peers"
	"github.com/weir-go/weir/bench/internal/weir"
	"github.com/weir-go/weir/bench/internal/work"
)

const (
	waitCalls = 4400 // with failures and without
	callTime  = 5 * time.Millisecond
	longWait  = 200 * time.Millisecond
)

// BenchmarkRetryWaits asks what the waits between tries cost the items that do not
// fail: 8 workers, calls of 5 ms, and one item in ten fails once and waits 200 ms.
// An operation is a run of 4400 calls. fails=none makes as many calls for as many
// items, so the difference is the waiting alone.
func BenchmarkRetryWaits(b *testing.B) {
	for _, tenth := range []bool{false, true} {
		for _, impl := range waiters() {
			b.Run(failing(tenth)+"/impl="+impl.name, func(b *testing.B) {
				defer metered(b)()
				for range b.N {
					w := newWaits(tenth)
					if h := impl.run(w); h.Count != w.items || int(w.calls.Load()) != waitCalls {
						b.Fatalf("%+v of %d, in %d calls", h, w.items, w.calls.Load())
					}
				}
			})
		}
	}
}

func failing(tenth bool) string {
	if tenth {
		return "fails=tenth"
	}
	return "fails=none"
}

// TestRetryWaitsHoldNoWorker is the same in virtual time, in which nothing else
// runs on the machine: the waits may add a tenth.
func TestRetryWaitsHoldNoWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took := func(tenth bool) time.Duration {
			start, w := time.Now(), newWaits(tenth)
			require.Equal(t, w.items, weirWaits(w).Count)
			require.EqualValues(t, waitCalls, w.calls.Load())
			return time.Since(start)
		}
		undisturbed := took(false)
		require.LessOrEqual(t, undisturbed, waitCalls/crew*callTime*101/100)
		require.LessOrEqual(t, took(true), undisturbed*110/100)
	})
}

// waits is one run.
type waits struct {
	items  int
	failed []atomic.Bool // by item; nil if none fails
	calls  atomic.Int64
}

func newWaits(tenth bool) *waits {
	if tenth {
		return &waits{items: waitCalls * 10 / 11, failed: make([]atomic.Bool, waitCalls)}
	}
	return &waits{items: waitCalls}
}

func (w *waits) call(ctx context.Context, v int) (int, error) {
	time.Sleep(callTime)
	w.calls.Add(1)
	if v%10 == 0 && w.failed != nil && w.failed[v].CompareAndSwap(false, true) {
		return 0, work.ErrFirst
	}
	return work.Increment(ctx, v)
}

type waiter struct {
	name string
	run  func(*waits) work.Haul
}

func waiters() []waiter {
	return []waiter{{"weir", weirWaits}, {"failsafe", failsafeWaits}}
}

func weirWaits(w *waits) work.Haul {
	return weir.Timed(weir.Retried(crew, 1024, w.call, longWait))(w.items)
}

// failsafeWaits retries around the call, as all libraries do: the worker waits.
func failsafeWaits(w *waits) work.Haul {
	return byhand.Ideal(w.items, crew, peers.FailsafeTries(w.call, longWait))
}
