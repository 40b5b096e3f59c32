package bench

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/bench/internal/byhand"
	"github.com/weir-go/weir/bench/internal/peers"
	"github.com/weir-go/weir/bench/internal/weir"
	"github.com/weir-go/weir/bench/internal/work"
)

// BenchmarkServe asks what a single call costs through a service, whose flow is
// a section of 256 workers, beside the same layers composed around the function.
// Each caller makes one call after another. p50-ns is the median of a caller's
// wait, of every 16th call: to read the clock for each would cost as much as the
// cheapest of them.
func BenchmarkServe(b *testing.B) {
	for _, call := range []string{"noop", "1ms"} {
		for _, callers := range []int{1, 16, 64, 256} {
			for _, s := range services(256) {
				b.Run(fmt.Sprintf("call=%s/callers=%d/impl=%s", call, callers, s.name), func(b *testing.B) {
					ask, stop, err := s.start(stepOf(call), backOff)
					require.NoError(b, err)
					defer stop()
					b.ReportAllocs()
					b.ResetTimer()
					report := metered(b)
					waits, wrong := askAll(ask, b.N, callers)
					b.StopTimer()
					report()
					if wrong > 0 {
						b.Fatalf("%d of %d answers are wrong", wrong, b.N)
					}
					slices.Sort(waits)
					b.ReportMetric(float64(waits[len(waits)/2]), "p50-ns")
				})
			}
		}
	}
}

// service is a way to answer single calls.
type service struct {
	name  string
	start func(f work.Step, wait time.Duration) (ask work.Step, stop func(), err error)
}

// services have a limit, a dedup, a breaker and a retry around a function.
func services(workers int) []service {
	composed := func(call func(work.Step, time.Duration) work.Step) func(work.Step, time.Duration) (work.Step, func(), error) {
		return func(f work.Step, wait time.Duration) (work.Step, func(), error) {
			return call(f, wait), func() {}, nil
		}
	}
	return []service{
		{"weir", func(f work.Step, wait time.Duration) (work.Step, func(), error) {
			return weir.Serve(weir.FreeSection(workers, f, wait))
		}},
		{"weir-untimed", func(f work.Step, wait time.Duration) (work.Step, func(), error) {
			return weir.ServeUntimed(weir.FreeSection(workers, f, wait))
		}},
		{"primitives", composed(weir.Call)},
		{"hand", composed(byhand.Call)},
		{"libraries", composed(peers.LibraryCall)},
		{"failsafe", composed(peers.FailsafeCall)},
	}
}

// askAll has the callers make n calls in all, each with a number of its own. It
// returns what some of them took, and how many were answered wrongly.
func askAll(ask work.Step, n, callers int) (waits []time.Duration, wrong int64) {
	const every = 16
	var wrongs atomic.Int64
	var wg sync.WaitGroup
	byCaller := make([][]time.Duration, callers)
	for c := range callers {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			waits := make([]time.Duration, 0, n/callers/every+1)
			at := func(i int) int { return i*callers + c }
			for i := 0; at(i) < n; i++ {
				var begin time.Time
				if i%every == 0 {
					begin = time.Now()
				}
				if v, err := ask(ctx, at(i)); err != nil || v != at(i)+1 {
					wrongs.Add(1)
				}
				if i%every == 0 {
					waits = append(waits, time.Since(begin))
				}
			}
			byCaller[c] = waits
		})
	}
	wg.Wait()
	return slices.Concat(byCaller...), wrongs.Load()
}

// TestServicesAnswer is for BenchmarkServe what TestImplementationsDoTheWork is
// for the others: each call is made once and has its own answer.
func TestServicesAnswer(t *testing.T) {
	for _, s := range services(crew) {
		for _, callers := range []int{1, 16} {
			const n = 1000
			var calls atomic.Int64
			ask, stop, err := s.start(func(ctx context.Context, v int) (int, error) {
				calls.Add(1)
				return work.Increment(ctx, v)
			}, backOff)
			require.NoError(t, err)
			waits, wrong := askAll(ask, n, callers)
			stop()
			require.Zero(t, wrong, s.name)
			require.EqualValues(t, n, calls.Load(), s.name)
			require.NotEmpty(t, waits)
		}
	}
}
