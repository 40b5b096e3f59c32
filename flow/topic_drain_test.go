package flow_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
)

// drained is a durable topic that knows when everything is handed out.
type drained struct {
	durable[int]
	asked *int
	err   error
	never bool
}

func (d drained) Drained(ctx context.Context) error {
	*d.asked++
	for d.err == nil && ctx.Err() == nil {
		d.b.mu.Lock()
		left := len(d.b.waiting)
		d.b.mu.Unlock()
		if left == 0 && !d.never {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return d.err
}

// ticking is a source that brings a number every 10 ms until it is stopped. It counts the acknowledged
// numbers.
func ticking(acked *int) stages.SourceFunc[int] {
	return func(ctx context.Context, out *stages.Outlet[int]) error {
		for i := 0; ctx.Err() == nil; i++ {
			out.Deliver(stages.Receipt{ID: fmt.Sprint("log/", i), Ack: func(err error) {
				if err == nil {
					*acked++
				}
			}}, i)
			time.Sleep(10 * time.Millisecond)
		}
		return nil
	}
}

// paid is a graph of two parts. The one below takes three times as long for an item.
func paid(acked *int, topic stages.Topic[int], work func(context.Context, int) error) *flow.Graph {
	return flow.From(ticking(acked), stages.Name("orders")).Through("paid", topic).
		To(sink.ForEach(func(ctx context.Context, v int) error {
			time.Sleep(30 * time.Millisecond)
			return work(ctx, v)
		}), stages.Buffer(1))
}

// stopAfter runs a graph, stops it after a second, and returns what Wait returns.
func stopAfter(t *testing.T, g *flow.Graph, opts ...flow.RunOption) (*flow.Report, error) {
	t.Helper()
	run, err := g.Start(t.Context(), opts...)
	require.NoError(t, err)
	time.Sleep(time.Second)
	run.Stop()
	return run.Wait()
}

func TestThePartsOfAProcessDrainOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var acked, asked, done int
		b := newBroker()
		report, err := stopAfter(t, paid(&acked, drained{durable: durable[int]{b: b}, asked: &asked}, func(context.Context, int) error { done++; return nil }))
		require.NoError(t, err)
		require.NoError(t, report.Check())
		require.Greater(t, acked, 90)
		require.Equal(t, acked, done, "everything that the part above has accepted")
		require.Empty(t, b.waiting)
		require.Equal(t, 1, asked)
	})
}

// Three parts: the last one ends when the second one has.
func TestThreePartsDrainOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var acked, asked, done int
		first, second := newBroker(), newBroker()
		g := flow.From(ticking(&acked), stages.Name("orders")).
			Through("paid", drained{durable: durable[int]{b: first}, asked: &asked}).
			Map("pack", func(_ context.Context, v int) (int, error) { time.Sleep(20 * time.Millisecond); return v, nil }).
			Through("packed", drained{durable: durable[int]{b: second}, asked: &asked}).
			To(sink.ForEach(func(context.Context, int) error { time.Sleep(30 * time.Millisecond); done++; return nil }))
		report, err := stopAfter(t, g)
		require.NoError(t, err)
		require.NoError(t, report.Check())
		require.Greater(t, acked, 90)
		require.Equal(t, acked, done)
		require.Empty(t, first.waiting)
		require.Empty(t, second.waiting)
		require.Equal(t, 2, asked)
	})
}

func TestAPartAloneStopsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var acked, asked, done int
		b := newBroker()
		topic := drained{durable: durable[int]{b: b}, asked: &asked}
		g := paid(&acked, topic, func(context.Context, int) error { done++; return nil })
		_, err := stopAfter(t, g, flow.Only("orders"))
		require.NoError(t, err)
		require.Len(t, b.waiting, acked)
		_, err = stopAfter(t, g, flow.Only("paid"))
		require.NoError(t, err)
		require.Less(t, done, acked)
		require.Len(t, b.waiting, acked-done, "the rest is for the next one")
		require.Zero(t, asked)
	})
}

// Without the method nothing is known of the topic.
func TestTheIntakeOfATopicThatTellsNothingStopsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var acked, done int
		b := newBroker()
		_, err := stopAfter(t, paid(&acked, durable[int]{b: b}, func(context.Context, int) error { done++; return nil }))
		require.NoError(t, err)
		require.Less(t, done, acked)
		require.Len(t, b.waiting, acked-done)
	})
}

// A run that has failed brings nothing in that would fail as well, before the stop or in the drain.
func TestAFailedRunStopsAllPartsAtOnce(t *testing.T) {
	for _, after := range []int{0, 40} { // items that succeed; about 33 do before the stop
		synctest.Test(t, func(t *testing.T) {
			var acked, asked, done, failed int
			b, sick := newBroker(), errors.New("sick")
			report, err := stopAfter(t, paid(&acked, drained{durable: durable[int]{b: b}, asked: &asked}, func(context.Context, int) error {
				if done == after {
					failed++
					return sick
				}
				done++
				return nil
			}))
			require.ErrorIs(t, err, sick)
			require.NoError(t, report.Check())
			require.NotEmpty(t, b.waiting)
			require.Less(t, failed, acked-done, "what waits in the topic is not tried")
			require.Equal(t, acked-done, len(b.waiting), "it is for the next run")
			require.Equal(t, min(after, 1), asked)
		})
	}
}

func TestADrainThatCannotEndIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var acked, asked int
		topic := drained{durable: durable[int]{b: newBroker()}, asked: &asked, never: true}
		began := time.Now()
		_, err := stopAfter(t, paid(&acked, topic, func(context.Context, int) error { return nil }), flow.DrainTimeout(time.Minute))
		var late *flow.DrainError
		require.ErrorAs(t, err, &late)
		require.Less(t, time.Since(began), 62*time.Second)
	})
}

func TestATopicThatCannotSayWhetherItIsDrainedFailsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var acked, asked, done int
		away, b := errors.New("broker is away"), newBroker()
		report, err := stopAfter(t, paid(&acked, drained{durable: durable[int]{b: b}, asked: &asked, err: away}, func(context.Context, int) error { done++; return nil }))
		require.ErrorIs(t, err, away)
		require.ErrorContains(t, err, `stage "paid": drain: `)
		require.NoError(t, report.Check())
		require.Len(t, b.waiting, acked-done)
	})
}

func TestAPartWhoseItemsNobodyWantsDoesNotDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked int
		b := newBroker()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		got, err := flow.From(ids([]int{1, 2, 3, 4}, new([]int)), stages.Name("orders")).
			Through("paid", drained{durable: durable[int]{b: b}, asked: &asked}).Take(2).Collect(ctx)
		require.NoError(t, err)
		require.Len(t, got, 2)
		require.Zero(t, asked)
	})
}
