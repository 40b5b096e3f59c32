package flow_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/section"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

func constant(int) string { return "the same" }

// gauge counts how many calls are under way.
type gauge struct{ now, most, calls atomic.Int32 }

func (g *gauge) call(_ context.Context, v int) (int, error) {
	g.calls.Add(1)
	g.most.Store(max(g.most.Load(), g.now.Add(1)))
	defer g.now.Add(-1)
	time.Sleep(10 * time.Millisecond)
	return v, nil
}

func TestGuardLimitsAndKeepsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gauge
		got, err := flow.From(source.Slice(upTo(100))).Guard(guard.Limit(4)).Map("call", g.call, stages.Workers(16)).Collect(t.Context())
		require.NoError(t, err)
		require.Equal(t, upTo(100), got)
		require.Equal(t, int32(4), g.most.Load())
	})
}

func TestASharedGuardLimitsTwoFlows(t *testing.T) {
	for _, inner := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			limit, err := guard.New(guard.Limit(3))
			require.NoError(t, err)
			var g gauge
			run := func() error {
				s := flow.From(source.Slice(upTo(50))).Layer(section.Guard(guard.Limit(20)))
				if !inner {
					s = flow.From(source.Slice(upTo(50))).Guard(limit)
				} else {
					s = s.Guard(limit)
				}
				got, err := s.Map("call", g.call, stages.Workers(8)).Collect(t.Context())
				return errors.Join(err, check(len(got) == 50))
			}
			done := make(chan error)
			for range 2 {
				go func() { done <- run() }()
			}
			require.NoError(t, errors.Join(<-done, <-done))
			require.Equal(t, int32(3), g.most.Load())
			require.Zero(t, limit.Snapshot().Depth)
		})
	}
}

func check(ok bool) error {
	if !ok {
		return errors.New("check failed")
	}
	return nil
}

func TestAGuardThatShedsLetsGoAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gauge
		var rep flow.Report
		shed := 0
		for r := range flow.From(source.Slice(upTo(100))).Guard(guard.Limit(4, guard.Shedding())).
			Map("call", g.call, stages.Workers(4)).Results(t.Context(), flow.ReportTo(&rep)) {
			if errors.Is(r.Err, guard.ErrShed) {
				shed++
			}
		}
		require.Equal(t, 96, shed)
		require.Equal(t, int64(96), rep.Ledger.Shed)
		require.Equal(t, 10*time.Millisecond, rep.Elapsed)
		require.NoError(t, rep.Check())
	})
}

// Row 54 of the checklist: equal items on a guard of one make one call.
func TestRow54EqualItemsMakeOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gauge
		got, err := flow.From(source.Slice(upTo(100))).Guard(guard.Limit(1)).
			Dedup(dedup.Window(time.Minute), constant).Map("call", g.call).Collect(t.Context())
		require.NoError(t, err)
		require.Equal(t, make([]int, 100), got)
		require.Equal(t, int32(1), g.calls.Load())
	})
}

func TestDuplicatesHoldNoWorkerAndShareFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		n := 0
		for r := range flow.From(source.Slice(upTo(50))).
			Dedup(dedup.Window(time.Minute), func(v int) int { return v % 2 }).
			Map("call", func(_ context.Context, v int) (int, error) {
				calls++
				time.Sleep(time.Second)
				if v%2 == 1 {
					return 0, errFlaky
				}
				return v, nil
			}, stages.Workers(1)).Results(t.Context()) {
			require.Equal(t, n%2 == 1, errors.Is(r.Err, errFlaky), n)
			n++
		}
		require.Equal(t, 50, n)
		require.Equal(t, 2, calls, "one for each key: all were there before the first was done")
	})
}

func TestEnrichGivesEachItemItsOwn(t *testing.T) {
	got, err := flow.From(source.Slice(upTo(6))).Dedup(dedup.Window(time.Minute), func(v int) int { return v / 3 }).
		Enrich("call", func(_ context.Context, v int) (int, error) { return v / 3 * 100, nil },
			func(v, shared int) int { return v + shared }).Collect(t.Context())
	require.NoError(t, err)
	require.Equal(t, []int{0, 1, 2, 103, 104, 105}, got)
}

func TestASharedDedupServesTwoFlowsAndMustFit(t *testing.T) {
	shared, err := dedup.New[string, section.Answer](dedup.Window(time.Hour))
	require.NoError(t, err)
	var calls int
	for range 2 {
		got, err := flow.From(source.Slice(upTo(3))).Dedup(shared, constant).Map("call", func(_ context.Context, v int) (int, error) {
			calls++
			return v, nil
		}).Collect(t.Context())
		require.NoError(t, err)
		require.Equal(t, []int{0, 0, 0}, got)
	}
	require.Equal(t, 1, calls)

	other, err := dedup.New[int, int](dedup.Window(time.Hour))
	require.NoError(t, err)
	err = flow.From(source.Slice(upTo(3))).Dedup(other, constant).Map("call", same).
		To(sink.Append(&[]int{})).Validate()
	require.ErrorContains(t, err, "must be a *dedup.Dedup[string,")
}

func TestARetryThatWaitsHoldsNoWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		tries := 0
		var last time.Duration
		got := 0
		for r := range flow.From(source.Slice(upTo(100))).
			Retry(retry.Constant(3, time.Hour, retry.Cap(time.Hour))).
			Map("call", func(_ context.Context, v int) (int, error) {
				if v == 0 && tries < 2 {
					tries++
					return 0, errFlaky
				}
				return v, nil
			}, stages.Workers(1), stages.Unordered()).Results(t.Context()) {
			require.NoError(t, r.Err)
			got++
			if r.Value == 0 {
				last = time.Since(begun)
				require.Equal(t, 3, r.Timings.At(0).Attempts)
				require.Equal(t, 2*time.Hour, r.Timings.At(0).Wait)
			} else {
				require.Zero(t, time.Since(begun), "nobody waited for it")
			}
		}
		require.Equal(t, 100, got)
		require.Equal(t, 2*time.Hour, last)
	})
}

func TestRetryGivesUpAndHonoursTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := flow.From(source.Slice([]int{1})).Retry(retry.Exponential(3, time.Millisecond))
		for r := range s.Map("call", func(context.Context, int) (int, error) {
			return 0, outcome.AsThrottled(errFlaky, time.Minute)
		}).Results(t.Context()) {
			require.ErrorIs(t, r.Err, errFlaky)
			require.ErrorIs(t, r.Err, retry.ErrGaveUp)
			require.GreaterOrEqual(t, r.Timings.At(0).Wait, 2*time.Minute)
			var item *stages.ItemError
			require.ErrorAs(t, r.Err, &item)
			require.Equal(t, 3, item.Attempts)
		}
		calls := 0
		got, err := s.Map("drop", func(context.Context, int) (int, error) {
			calls++
			return 0, stages.ErrDrop
		}).Collect(t.Context())
		require.ErrorIs(t, err, flow.ErrGraph, "the stream has two receivers now")
		require.Empty(t, got)
		got, err = flow.From(source.Slice([]int{1})).Retry(retry.Exponential(3, time.Millisecond)).
			Map("drop", func(context.Context, int) (int, error) { calls++; return 0, stages.ErrDrop }).Collect(t.Context())
		require.NoError(t, err)
		require.Empty(t, got)
		require.Equal(t, 1, calls, "to drop is no failure")
	})
}

// Row 53, trap 37: the order of breaker and retry decides what is an outcome.
func TestRow53TheOrderOfBreakerAndRetry(t *testing.T) {
	down := func(calls *int) func(context.Context, int) (int, error) {
		return func(context.Context, int) (int, error) { *calls++; return 0, errFlaky }
	}
	policy := breaker.Consecutive("service", 5, time.Hour)
	tries := retry.Constant(3, time.Second)
	for name, tt := range map[string]struct {
		build func(*flow.Stream[int]) *flow.Section[int]
		calls int
		open  int // items that were rejected
	}{
		"breaker around retry: five items, three calls each": {
			func(s *flow.Stream[int]) *flow.Section[int] { return s.Breaker(policy).Retry(tries) }, 15, 15},
		"retry around breaker: five calls": {
			func(s *flow.Stream[int]) *flow.Section[int] { return s.Retry(tries).Breaker(policy) }, 5, 19},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls, open := 0, 0
				minutely := source.Seq(func(yield func(int) bool) {
					for i := range 20 {
						time.Sleep(time.Minute)
						if !yield(i) {
							return
						}
					}
				})
				for r := range tt.build(flow.From(minutely)).Map("call", down(&calls)).Results(t.Context()) {
					require.Error(t, r.Err)
					if errors.Is(r.Err, breaker.ErrOpen) {
						open++
					}
				}
				require.Equal(t, tt.calls, calls)
				require.Equal(t, tt.open, open)
			})
		})
	}
}

func TestABreakerThatHoldsLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var rejected atomic.Int32
		got, err := flow.From(source.Slice(upTo(200))).Guard(guard.Limit(10)).
			Retry(retry.Constant(100, 100*time.Millisecond)).
			Breaker(breaker.Consecutive("service", 3, time.Second), stages.Hold()).
			Map("call", func(_ context.Context, v int) (int, error) {
				if time.Since(begun) < 5*time.Second {
					rejected.Add(1)
					return 0, errFlaky
				}
				return v, nil
			}, stages.Workers(2)).Collect(t.Context())
		require.NoError(t, err)
		require.Equal(t, upTo(200), got)
		require.LessOrEqual(t, rejected.Load(), int32(10+5), "what was under way, and one probe a second")
	})
}

// Whatever waits when a flow is aborted is accounted for, at once.
func TestAnAbortReleasesWhatWaits(t *testing.T) {
	down := breaker.Consecutive("service", 1, time.Hour)
	for name, build := range map[string]func(*flow.Stream[int]) *flow.Section[int]{
		"retry": func(s *flow.Stream[int]) *flow.Section[int] {
			return s.Retry(retry.Constant(9, time.Hour, retry.Cap(2*time.Hour)))
		},
		"hold": func(s *flow.Stream[int]) *flow.Section[int] { return s.Breaker(down, stages.Hold()) },
		"followers": func(s *flow.Stream[int]) *flow.Section[int] {
			return s.Dedup(dedup.Window(1), constant).Retry(retry.Constant(9, time.Hour, retry.Cap(2*time.Hour)))
		},
		"guard": func(s *flow.Stream[int]) *flow.Section[int] {
			return s.Guard(guard.Limit(1)).Retry(retry.Constant(9, time.Hour, retry.Cap(2*time.Hour)))
		},
		"inner guard": func(s *flow.Stream[int]) *flow.Section[int] {
			return s.Guard(guard.Limit(9)).Guard(guard.Limit(1)).Retry(retry.Constant(9, time.Hour, retry.Cap(2*time.Hour)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				var rep flow.Report
				n := 0
				for r := range build(flow.From(endless)).Map("call", func(context.Context, int) (int, error) { return 0, errFlaky }).
					Results(ctx, flow.ReportTo(&rep)) {
					require.Error(t, r.Err)
					n++
				}
				require.NoError(t, rep.Check())
				require.Equal(t, rep.Ledger.In, int64(n-1))
				require.Equal(t, 2*time.Second, rep.Elapsed)
			})
		})
	}
}

// parity is a layer of one's own: it answers odd requests itself.
type parity struct{ panics bool }

func (l parity) Open(p *section.Port[int]) (section.Handler[int], error) {
	return &parityHandler{l, p}, nil
}

type parityHandler struct {
	parity
	port *section.Port[int]
}

func (h *parityHandler) Request(x *section.Exchange[int]) {
	switch {
	case x.Value == 50 && h.panics:
		panic("fifty")
	case x.Value%2 == 1:
		x.Reject(errFlaky)
		h.port.Up(x)
	default:
		h.port.Down(x)
	}
}

func (h *parityHandler) Response(x *section.Exchange[int]) { h.port.Up(x) }

func TestALayerOfOnesOwn(t *testing.T) {
	failed := 0
	for r := range flow.From(source.Slice(upTo(100))).Layer(section.Use(parity{})).Map("call", same).Results(t.Context()) {
		if r.Err != nil {
			failed++
		}
	}
	require.Equal(t, 50, failed)

	var rep flow.Report
	var last error
	for r := range flow.From(source.Slice(upTo(1000))).Layer(section.Use(parity{panics: true})).Map("call", same).Results(t.Context(), flow.ReportTo(&rep)) {
		last = r.Err
	}
	require.ErrorContains(t, last, "fifty")
	require.NoError(t, rep.Check())
}

func TestPanicsInsideASection(t *testing.T) {
	n := 0
	for r := range flow.From(source.Slice(upTo(100))).
		Dedup(dedup.Window(time.Minute), func(v int) int {
			if v == 3 {
				panic("key")
			}
			return v
		}).
		Map("call", func(_ context.Context, v int) (int, error) {
			if v == 5 {
				panic("call")
			}
			return v, nil
		}, stages.Workers(4)).Results(t.Context()) {
		var p *stages.PanicError
		require.Equal(t, n == 3 || n == 5, errors.As(r.Err, &p), n)
		n++
	}
	require.Equal(t, 100, n)
}
