package flow_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// queue hands out values, counts deliveries, and hands out again what came back.
type queue struct {
	mu      sync.Mutex
	waiting []delivery
	open    int
	acked   []int
	failed  []error
	delays  []time.Duration
	wake    chan struct{}
}

type delivery struct{ value, count int }

func newQueue(values ...int) *queue {
	q := &queue{wake: make(chan struct{}, 1)}
	for _, v := range values {
		q.waiting = append(q.waiting, delivery{v, 1})
	}
	return q
}

// read is a pull loop that ends when nothing waits and nothing is open.
func (q *queue) read(ctx context.Context) ([]source.Delivery[int], error) {
	for {
		q.mu.Lock()
		if len(q.waiting) > 0 {
			d := q.waiting[0]
			q.waiting = q.waiting[1:]
			q.open++
			q.mu.Unlock()
			return []source.Delivery[int]{{Value: d.value, Deliveries: d.count, Ack: func(err error) { q.ack(d, err) }}}, nil
		}
		open := q.open
		q.mu.Unlock()
		if open == 0 {
			return nil, io.EOF
		}
		select {
		case <-q.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (q *queue) ack(d delivery, err error) {
	after, again := stages.HandedBack(err)
	if again {
		time.AfterFunc(after, func() { q.settle(d, err, true) })
		return
	}
	q.settle(d, err, false)
}

func (q *queue) settle(d delivery, err error, again bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.open--
	switch {
	case again:
		after, _ := stages.HandedBack(err)
		q.delays = append(q.delays, after)
		q.waiting = append(q.waiting, delivery{d.value, d.count + 1})
	case err != nil:
		q.failed = append(q.failed, err)
	default:
		q.acked = append(q.acked, d.value)
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

var errSick = errors.New("sick")

// third fails each value but for its third delivery.
type third struct {
	mu   sync.Mutex
	seen map[int]int
}

func (f *third) call(_ context.Context, v int) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.seen == nil {
		f.seen = map[int]int{}
	}
	if f.seen[v]++; f.seen[v] < 3 {
		return 0, errSick
	}
	return v, nil
}

func TestHandBackGivesItemsBackAndTheRunGoesOn(t *testing.T) {
	ways := map[string]func(s *flow.Stream[int], f *third) *flow.Stream[int]{
		"policy": func(s *flow.Stream[int], f *third) *flow.Stream[int] {
			return s.Map("call", f.call).HandBack(time.Second)
		},
		"function": func(s *flow.Stream[int], f *third) *flow.Stream[int] {
			return s.Map("call", func(ctx context.Context, v int) (int, error) {
				v, err := f.call(ctx, v)
				if err != nil {
					return 0, stages.HandBack(time.Second)
				}
				return v, nil
			})
		},
		"section": func(s *flow.Stream[int], f *third) *flow.Stream[int] {
			return s.Guard(guard.Limit(4)).Retry(retry.Exponential(5, time.Minute)).Map("call", func(ctx context.Context, v int) (int, error) {
				v, err := f.call(ctx, v)
				if err != nil {
					return 0, fmt.Errorf("busy: %w", stages.HandBack(time.Second))
				}
				return v, nil
			}, stages.Workers(4))
		},
		"on-error": func(s *flow.Stream[int], f *third) *flow.Stream[int] {
			return s.Map("call", f.call).OnError(func(_ context.Context, e *stages.ItemError) (int, error) {
				return 0, stages.HandBack(time.Second)
			})
		},
		"put": func(s *flow.Stream[int], f *third) *flow.Stream[int] {
			return s.Map("call", f.call).DeadLetter(func(context.Context, *stages.ItemError) error { return stages.HandBack(time.Second) })
		},
		"batch": func(s *flow.Stream[int], f *third) *flow.Stream[int] {
			return s.MapBatch("call", 2, time.Millisecond, func(ctx context.Context, vs []int) ([]int, error) {
				errs := map[int]error{}
				for i, v := range vs {
					if _, err := f.call(ctx, v); err != nil {
						errs[i] = stages.HandBack(time.Second)
					}
				}
				if len(errs) > 0 {
					return slices.Clone(vs), &stages.BatchError{Errs: errs}
				}
				return vs, nil
			})
		},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newQueue(1, 2, 3)
				report, err := way(flow.From(source.Acked(q.read)), &third{}).To(sink.ForEach(func(context.Context, int) error { return nil })).Run(t.Context())
				require.NoError(t, err)
				require.NoError(t, report.Check())
				slices.Sort(q.acked)
				require.Equal(t, []int{1, 2, 3}, q.acked)
				require.Empty(t, q.failed)
				require.Equal(t, slices.Repeat([]time.Duration{time.Second}, 6), q.delays)
				require.EqualValues(t, 6, report.Ledger.HandedBack)
				require.EqualValues(t, 9, report.Ledger.In)
				require.Zero(t, report.Ledger.DeadLettered)
			})
		})
	}
}

func TestASinkHandsItemsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, f := newQueue(1, 2), &third{}
		report, err := flow.From(source.Acked(q.read)).To(sink.ForEach(func(ctx context.Context, v int) error {
			if _, err := f.call(ctx, v); err != nil {
				return stages.HandBack(0)
			}
			return nil
		})).Run(t.Context())
		require.NoError(t, err)
		require.NoError(t, report.Check())
		require.ElementsMatch(t, []int{1, 2}, q.acked)
	})
}

func TestADeadLetterOnlyAtTheLastDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1, 2)
		var dead []int
		report, err := flow.From(source.Acked(q.read)).
			Map("call", func(_ context.Context, v int) (int, error) { return 0, errSick }).
			HandBack(time.Second, stages.MaxDeliveries(4)).
			DeadLetter(func(_ context.Context, e *stages.ItemError) error {
				require.ErrorIs(t, e, errSick)
				dead = append(dead, e.Deliveries)
				return nil
			}).
			To(sink.ForEach(func(context.Context, int) error { return nil })).Run(t.Context())
		require.NoError(t, err)
		require.NoError(t, report.Check())
		require.Equal(t, []int{4, 4}, dead)
		require.Len(t, q.delays, 6)
		require.Len(t, q.acked, 2, "a dead letter is acknowledged")
	})
}

func TestHandBackLeavesItemsFailedThatNoSourceWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, err := flow.From(source.Slice([]int{1})).
			Map("call", func(_ context.Context, v int) (int, error) { return 0, errSick }).
			HandBack(time.Second).
			To(sink.ForEach(func(context.Context, int) error { return nil })).Run(t.Context())
		require.ErrorIs(t, err, errSick)
	})
}

type key struct{}

// one is a source of one value with a context.
func one(ctx context.Context, settle func(error)) stages.SourceFunc[int] {
	return func(_ context.Context, out *stages.Outlet[int]) error {
		out.Deliver(stages.Receipt{Context: ctx, Ack: settle}, 7)
		return nil
	}
}

func TestFunctionsSeeTheContextOfTheirItem(t *testing.T) {
	saw := func(ctx context.Context, v int) (int, error) {
		if ctx.Value(key{}) != "tenant" {
			return 0, errors.New("no tenant")
		}
		return v, nil
	}
	pass := func(s *flow.Stream[int]) *flow.Stream[int] { return s }
	ways := map[string]func(s *flow.Stream[int]) *flow.Stream[int]{
		"map":     func(s *flow.Stream[int]) *flow.Stream[int] { return s.Map("f", saw) },
		"workers": func(s *flow.Stream[int]) *flow.Stream[int] { return s.Map("f", saw, stages.Workers(4)) },
		"lanes": func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Lanes("f", func(int) int { return 1 }, saw, stages.Workers(2))
		},
		"filter": func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Filter("f", func(ctx context.Context, v int) (bool, error) { _, err := saw(ctx, v); return true, err })
		},
		"section": func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Guard(guard.Limit(1)).Retry(retry.Exponential(2, time.Millisecond)).Map("f", saw)
		},
		"on-error": func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Map("fail", func(context.Context, int) (int, error) { return 0, errSick }).
				OnError(func(ctx context.Context, _ *stages.ItemError) (int, error) { return saw(ctx, 1) })
		},
		"two stages": func(s *flow.Stream[int]) *flow.Stream[int] { return s.Map("f", saw).Map("g", saw) },
		"sink":       pass,
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := context.WithValue(t.Context(), key{}, "tenant")
				var heard []error
				_, err := way(flow.From(one(ctx, func(err error) { heard = append(heard, err) }))).To(sink.ForEach(func(ctx context.Context, v int) error {
					_, err := saw(ctx, v)
					return err
				})).Run(t.Context())
				require.NoError(t, err)
				require.Equal(t, []error{nil}, heard)
			})
		})
	}
}

func TestPoliciesGetAContextThatHasNotEndedForAnItemThatExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "tenant"), time.Second)
		defer cancel()
		put := false
		_, err := flow.From(one(ctx, func(error) {})).
			Map("slow", func(ctx context.Context, v int) (int, error) { <-ctx.Done(); return 0, ctx.Err() }).
			DeadLetter(func(ctx context.Context, e *stages.ItemError) error {
				put = true
				require.NoError(t, ctx.Err())
				require.Equal(t, "tenant", ctx.Value(key{}))
				require.ErrorIs(t, e, context.DeadlineExceeded)
				return nil
			}).To(sink.ForEach(func(context.Context, int) error { return nil })).Run(t.Context())
		require.NoError(t, err)
		require.True(t, put)
	})
}

func TestTheEndOfAnItemsContextCanHandItBack(t *testing.T) {
	for name, wait := range map[string]bool{"in the call": true, "before the call": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, revoke := context.WithCancelCause(t.Context())
				revoked := fmt.Errorf("partition 3 was revoked: %w", stages.ErrHandedBack)
				time.AfterFunc(time.Second, func() { revoke(revoked) })
				var heard []error
				report, err := flow.From(one(ctx, func(err error) { heard = append(heard, err) })).
					Delay(map[bool]time.Duration{true: time.Millisecond, false: time.Minute}[wait]).
					Map("call", func(ctx context.Context, v int) (int, error) { <-ctx.Done(); return 0, ctx.Err() }).
					DeadLetter(func(context.Context, *stages.ItemError) error { panic("must not be dead-lettered") }).
					To(sink.ForEach(func(context.Context, int) error { return nil })).Run(t.Context())
				require.NoError(t, err)
				require.NoError(t, report.Check())
				require.Len(t, heard, 1)
				require.ErrorIs(t, heard[0], revoked)
				_, back := stages.HandedBack(heard[0])
				require.True(t, back)
				require.EqualValues(t, 1, report.Ledger.HandedBack)
			})
		})
	}
}

// finisher is a source that has something to do at the end.
type finisher struct {
	stages.SourceFunc[int]
	finish func(context.Context) error
}

func (f *finisher) Finish(ctx context.Context) error { return f.finish(ctx) }

func TestFinishIsCalledAfterTheLastAcknowledgement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		acked := 0
		src := &finisher{SourceFunc: func(_ context.Context, out *stages.Outlet[int]) error {
			for i := range 10 {
				out.EmitAcked(func(error) { acked++ }, i)
			}
			return nil
		}}
		calls := 0
		src.finish = func(ctx context.Context) error {
			calls++
			require.Equal(t, 10, acked)
			by, ok := ctx.Deadline()
			require.True(t, ok)
			require.Equal(t, 10*time.Second, time.Until(by))
			return errSick
		}
		report, err := flow.From(src).Reduce("sum", 0, func(_ context.Context, sum, v int) (int, error) { return sum + v, nil }).
			To(sink.ForEach(func(context.Context, int) error { return nil })).Run(t.Context())
		require.Equal(t, 1, calls)
		require.ErrorIs(t, err, errSick)
		require.ErrorContains(t, err, `stage "source": finish: sick`)
		require.NoError(t, report.Check())
	})
}

func TestFinishIsBoundedAndCalledAfterAnAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("boom")
		src := &finisher{SourceFunc: func(ctx context.Context, _ *stages.Outlet[int]) error { <-ctx.Done(); return nil }}
		src.finish = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		run, err := flow.From(src).To(sink.ForEach(func(context.Context, int) error { return nil })).Start(t.Context(), flow.DrainTimeout(3*time.Second))
		require.NoError(t, err)
		run.Abort(boom)
		began := time.Now()
		_, err = run.Wait()
		require.Equal(t, 3*time.Second, time.Since(began))
		require.ErrorIs(t, err, boom)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestAPanicOfFinishIsAnErrorOfTheRun(t *testing.T) {
	src := &finisher{SourceFunc: func(context.Context, *stages.Outlet[int]) error { return nil }, finish: func(context.Context) error { panic("oh") }}
	_, err := flow.From(src).To(sink.ForEach(func(context.Context, int) error { return nil })).Run(t.Context())
	var p *stages.PanicError
	require.ErrorAs(t, err, &p)
}

// lots is a source of two lots, which it emits in turn; then it waits.
type lots struct {
	a, b  stages.Lot
	n     int
	acked map[int]bool
	mu    sync.Mutex
	late  chan int // values of lot a that come later
}

func (l *lots) Run(ctx context.Context, out *stages.Outlet[int]) error {
	for i := range l.n {
		lot := &l.a
		if i%2 == 1 {
			lot = &l.b
		}
		l.deliver(out, lot, i)
	}
	for {
		select {
		case v := <-l.late:
			l.deliver(out, &l.a, v)
		case <-ctx.Done():
			return nil
		}
	}
}

func (l *lots) deliver(out *stages.Outlet[int], lot *stages.Lot, v int) {
	out.Deliver(stages.Receipt{Lot: lot, Ack: func(err error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.acked[v] = err == nil
	}}, v)
}

// done returns the values that are acknowledged, in order.
func (l *lots) done() (all []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for v, ok := range l.acked {
		if ok {
			all = append(all, v)
		}
	}
	slices.Sort(all)
	return all
}

func TestAFlushOfALotIsHeardByAllStagesThatHoldItems(t *testing.T) {
	event := func(v int) time.Time { return time.Unix(int64(v), 0) }
	none := func(context.Context, []int) error { return nil }
	type graph func(*flow.Stream[int]) *flow.Graph
	all, onlyA := []int{0, 1, 2, 3, 4, 5, 6, 8}, []int{0, 2, 4, 6, 8}
	for name, tt := range map[string]struct {
		graph graph
		want  []int // after the flush, and after 6 and 8 came later
	}{
		"batch": {func(s *flow.Stream[int]) *flow.Graph { return s.Batch(100, time.Hour).To(sink.ForEach(none)) }, all},
		"batch of two": {func(s *flow.Stream[int]) *flow.Graph {
			return s.Batch(100, time.Hour).Batch(100, 0).To(sink.ForEach(func(context.Context, [][]int) error { return nil }))
		}, all},
		"weighed": {func(s *flow.Stream[int]) *flow.Graph {
			return s.Batch(100, time.Hour, stages.Weight(1000, func(int) int { return 1 })).To(sink.ForEach(none))
		}, all},
		"map batch": {func(s *flow.Stream[int]) *flow.Graph {
			return s.MapBatch("m", 100, time.Hour, func(_ context.Context, v []int) ([]int, error) { return v, nil }).To(sink.ForEach(func(context.Context, int) error { return nil }))
		}, all},
		"sink": {func(s *flow.Stream[int]) *flow.Graph { return s.To(sink.ForEachBatch(100, time.Hour, none)) }, all},
		"event time": {func(s *flow.Stream[int]) *flow.Graph {
			return s.Window(operator.Tumbling(time.Hour), stages.EventTime(event, 0)).To(sink.ForEach(func(_ context.Context, w operator.WindowOf[int]) error { return nil }))
		}, all},
		"arrival time": {func(s *flow.Stream[int]) *flow.Graph {
			return s.Window(operator.Session(time.Hour)).To(sink.ForEach(func(_ context.Context, w operator.WindowOf[int]) error { return nil }))
		}, all},
		"window per key": {func(s *flow.Stream[int]) *flow.Graph {
			return s.Window(operator.Tumbling(time.Hour), stages.EventTime(event, 0), stages.PerKey(func(v int) int { return v % 2 })).
				To(sink.ForEach(func(_ context.Context, w operator.WindowOf[int]) error { return nil }))
		}, onlyA},
		"debounce": {func(s *flow.Stream[int]) *flow.Graph {
			return s.Filter("even", func(_ context.Context, v int) (bool, error) { return v%2 == 0, nil }).Debounce(time.Hour).To(sink.ForEach(func(context.Context, int) error { return nil }))
		}, all},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &lots{n: 6, late: make(chan int), acked: map[int]bool{}}
				run, err := tt.graph(flow.From(l)).Start(t.Context())
				require.NoError(t, err)
				time.Sleep(time.Second)
				if !strings.HasPrefix(name, "debounce") {
					require.Empty(t, l.done(), "a stage holds all of them")
				}
				l.a.Flush()
				synctest.Wait()
				for _, v := range []int{6, 8} {
					l.late <- v
					synctest.Wait()
				}
				require.Equal(t, tt.want, l.done())
				run.Stop()
				report, err := run.Wait()
				require.NoError(t, err)
				require.NoError(t, report.Check())
				require.Equal(t, all, l.done())
			})
		})
	}
}

func TestAFlushOfAnotherLotIsNoReasonToLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var other stages.Lot
		l := &lots{n: 4, acked: map[int]bool{}}
		src := stages.SourceFunc[int](func(ctx context.Context, out *stages.Outlet[int]) error {
			out.Deliver(stages.Receipt{Lot: &other, Ack: func(error) {}}, -1)
			return l.Run(ctx, out)
		})
		at := map[int]time.Duration{}
		began := time.Now()
		run, err := flow.From(src).
			Filter("rest", func(_ context.Context, v int) (bool, error) { return v >= 0, nil }).
			Batch(100, time.Minute).To(sink.ForEach(func(_ context.Context, b []int) error { at[len(b)] = time.Since(began); return nil })).Start(t.Context())
		require.NoError(t, err)
		time.Sleep(30 * time.Second)
		other.Flush()
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(t, map[int]time.Duration{4: time.Minute}, at, "it left when its delay had passed")
		run.Stop()
		_, err = run.Wait()
		require.NoError(t, err)
	})
}

// reporter is a source that reports its health.
type reporter struct{ stages.SourceFunc[int] }

func (reporter) Health() stages.Health { return stages.Health{Unsettled: 3, Lag: -1, Err: errSick} }

func TestTheReportShowsTheHealthOfSources(t *testing.T) {
	src := reporter{func(context.Context, *stages.Outlet[int]) error { return nil }}
	report, err := flow.From(src).To(sink.ForEach(func(context.Context, int) error { return nil })).Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, &stages.Health{Unsettled: 3, Lag: -1, Err: errSick}, report.Stages[0].Health)
	require.Nil(t, report.Stages[1].Health)
}

// A batch looked at the first item of a batch that it had sent, which the sink may have done away
// with at that time. The race detector sees it.
func TestAFlushOfALotLeavesABatchAloneThatWasSent(t *testing.T) {
	for range 10 {
		var a, b stages.Lot
		begun, gate := make(chan struct{}), make(chan struct{})
		deliver := stages.SourceFunc[int](func(ctx context.Context, out *stages.Outlet[int]) error {
			for v, lot := range []*stages.Lot{&a, &a, &b} {
				out.Deliver(stages.Receipt{Lot: lot, Ack: func(error) {}}, v)
			}
			<-ctx.Done()
			return nil
		})
		run, err := flow.From(deliver).Map("wait", func(_ context.Context, v int) (int, error) {
			if v == 2 {
				close(begun)
				<-gate
			}
			return v, nil
		}).Batch(2, time.Hour).To(sink.ForEach(func(context.Context, []int) error {
			time.Sleep(5 * time.Millisecond) // real time, as below
			return nil
		})).Start(t.Context())
		require.NoError(t, err)
		<-begun
		time.Sleep(2 * time.Millisecond) // to wait for the sink would put the two in order
		b.Flush()
		time.Sleep(5 * time.Millisecond)
		close(gate)
		run.Stop()
		_, err = run.Wait()
		require.NoError(t, err)
	}
}
