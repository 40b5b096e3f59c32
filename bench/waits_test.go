package bench

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
)

const (
	waitCalls = 4400 // with failures and without
	callTime  = 5 * time.Millisecond
	backOff   = 200 * time.Millisecond
)

// BenchmarkRetryWaits asks what the waits between tries cost those that do not
// fail: 8 workers, calls of 5 ms, and one item in ten fails once and waits 200
// ms. One run of 4400 calls is one operation. fails=none makes as many calls
// for as many items, so the difference is the waiting alone.
func BenchmarkRetryWaits(b *testing.B) {
	for _, tenth := range []bool{false, true} {
		for _, impl := range waiters() {
			b.Run(failing(tenth)+"/impl="+impl.name, func(b *testing.B) {
				for range b.N {
					w := newWaits(tenth)
					if h := impl.run(w); h.count != w.items || int(w.calls.Load()) != waitCalls {
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

// TestRetryWaitsHoldNoWorker is the same in virtual time, where nothing else
// runs on the machine: the waits may add a tenth.
func TestRetryWaitsHoldNoWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took := func(tenth bool) time.Duration {
			start, w := time.Now(), newWaits(tenth)
			require.Equal(t, w.items, weirWaits(w).count)
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
	failed []atomic.Bool // by item; nil where none fails
	calls  atomic.Int64
}

func newWaits(tenth bool) *waits {
	if tenth {
		return &waits{items: waitCalls * 10 / 11, failed: make([]atomic.Bool, waitCalls)}
	}
	return &waits{items: waitCalls}
}

var errFirst = errors.New("the first try fails")

func (w *waits) call(ctx context.Context, v int) (int, error) {
	time.Sleep(callTime)
	w.calls.Add(1)
	if v%10 == 0 && w.failed != nil && w.failed[v].CompareAndSwap(false, true) {
		return 0, errFirst
	}
	return increment(ctx, v)
}

type waiter struct {
	name string
	run  func(*waits) haul
}

func waiters() []waiter {
	return []waiter{{"weir", weirWaits}, {"failsafe", failsafeWaits}}
}

func weirWaits(w *waits) haul {
	return through(w.items, func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Guard(guard.Limit(1024)).Retry(retry.Constant(3, backOff)).Map("call", w.call, flow.Workers(crew))
	})
}

// failsafeWaits is what retries around calls do, whoever makes them: the
// worker waits.
func failsafeWaits(w *waits) haul {
	tries := failsafe.With(retrypolicy.NewBuilder[int]().WithMaxAttempts(3).WithDelay(backOff).Build())
	return ideal(w.items, func(ctx context.Context, v int) (int, error) {
		return tries.WithContext(ctx).Get(func() (int, error) { return w.call(ctx, v) })
	})
}
