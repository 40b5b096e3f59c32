package natsio_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/natsio"
	"github.com/weir-go/weir/stages/sink"
)

type order struct{ Number int }

// numbered is a source of orders with IDs, as a queue would give them, from `from` to `to`.
func numbered(from, to int, acked *atomic.Int64) stages.Source[order] {
	return stages.SourceFunc[order](func(_ context.Context, out *stages.Outlet[order]) error {
		for i := from; i < to; i++ {
			ack := func(err error) {
				if err == nil {
					acked.Add(1)
				}
			}
			if !out.Deliver(stages.Receipt{ID: "order-" + string(rune('a'+i)), Ack: ack}, order{i}) {
				return nil
			}
		}
		return nil
	})
}

// collected is what a part below has done.
type collected struct {
	mu   sync.Mutex
	seen []int
}

func (c *collected) add(_ context.Context, o order) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = append(c.seen, o.Number)
	return nil
}

func (c *collected) all() []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(slices.Values(c.seen))
}

// The parts run one after the other, as they would in two processes. What a process above publishes
// twice, because it died in between, comes once.
func TestATopicJoinsPartsOfDifferentRuns(t *testing.T) {
	js, name := dial(t), fresh("PRICED")
	var acked atomic.Int64
	var below collected
	build := func(from, to int) *flow.Graph {
		return flow.From(numbered(from, to, &acked)).
			Map("price", func(_ context.Context, o order) (order, error) { return o, nil }).
			Through(name, natsio.Topic(js, name, natsio.TopicConfig[order]{})).
			To(sink.ForEach(below.add))
	}
	first := build(0, 20)
	above := first.Parts()[0].Name
	_, err := first.Run(t.Context(), flow.Only(above))
	require.NoError(t, err)
	require.EqualValues(t, 20, acked.Load())
	require.Empty(t, below.all())
	_, err = build(10, 26).Run(t.Context(), flow.Only(above))
	require.NoError(t, err)
	require.Equal(t, 26, unsettled(t, js, name), "those with the same IDs are dropped")

	run, err := build(0, 0).Start(t.Context(), flow.Only(name))
	require.NoError(t, err)
	eventually(t, "all are done below", func() bool { return unsettled(t, js, name) == 0 })
	run.Stop()
	report, err := run.Wait()
	require.NoError(t, err)
	require.NoError(t, report.Check())
	require.Len(t, below.all(), 26)
	for i, n := range below.all() {
		require.Equal(t, i, n)
	}
}

// A run of both parts that gets SIGTERM leaves nothing in the stream.
func TestThePartsOfAProcessDrainOneAfterTheOther(t *testing.T) {
	js, name := dial(t), fresh("DRAINED")
	var acked atomic.Int64
	var below collected
	enough := make(chan struct{})
	orders := stages.SourceFunc[order](func(ctx context.Context, out *stages.Outlet[order]) error {
		for i := range 500 {
			ack := func(err error) {
				if err == nil {
					acked.Add(1)
				}
			}
			out.Deliver(stages.Receipt{ID: fmt.Sprint("order-", i), Ack: ack}, order{i})
		}
		close(enough)
		<-ctx.Done()
		return nil
	})
	run, err := flow.From(orders).
		Through(name, natsio.Topic(js, name, natsio.TopicConfig[order]{InFlight: 16})).
		To(sink.ForEach(func(ctx context.Context, o order) error {
			time.Sleep(time.Millisecond)
			return below.add(ctx, o)
		}), stages.Buffer(1)).
		Start(t.Context(), flow.StopOnSignal())
	require.NoError(t, err)
	<-enough
	require.NoError(t, syscall.Kill(syscall.Getpid(), syscall.SIGTERM))
	report, err := run.Wait()
	require.NoError(t, err)
	require.NoError(t, report.Check())
	require.Zero(t, unsettled(t, js, name))
	all := below.all()
	require.EqualValues(t, acked.Load(), len(all), "everything that the part above has accepted")
	require.Len(t, all, 500)
}

// Processes that open a topic at the same time do not change what the first of them has made.
func TestOneProcessMakesATopic(t *testing.T) {
	js := dial(t)
	updates, err := js.Conn().SubscribeSync("$JS.EVENT.ADVISORY.STREAM.UPDATED.>")
	require.NoError(t, err)
	require.NoError(t, js.Conn().Flush())
	others := []jetstream.JetStream{dial(t), dial(t), dial(t), dial(t)}
	for range 10 {
		name := fresh("MADE")
		var runs []*flow.Run
		for i, js := range others {
			d := time.Duration(1+i) * time.Second
			config := natsio.TopicConfig[order]{Stream: jetstream.StreamConfig{Duplicates: d}, Consumer: jetstream.ConsumerConfig{AckWait: d}}
			run, err := flow.From(natsio.Topic(js, name, config).Source()).To(sink.ForEach(func(context.Context, order) error { return nil })).Start(t.Context())
			require.NoError(t, err)
			runs = append(runs, run)
		}
		for _, run := range runs {
			run.Stop()
			_, err := run.Wait()
			require.NoError(t, err)
		}
	}
	m, err := updates.NextMsg(100 * time.Millisecond)
	require.ErrorIs(t, err, nats.ErrTimeout, "%+v", m)
}

// In one process both parts run at the same time, and the results show the stages of both.
func TestATopicCarriesTimings(t *testing.T) {
	js, name := dial(t), fresh("TIMED")
	var acked atomic.Int64
	done := make(chan struct{})
	var stagesSeen []string
	results := flow.From(numbered(0, 1, &acked)).
		Map("price", func(_ context.Context, o order) (order, error) { time.Sleep(2 * time.Millisecond); return o, nil }).
		Through(name, natsio.Topic(js, name, natsio.TopicConfig[order]{})).
		Map("ship", func(_ context.Context, o order) (order, error) { defer close(done); return o, nil }).
		Results(t.Context(), flow.StopWhen(done))
	for r := range results {
		require.NoError(t, r.Err)
		for timing := range r.Timings.All() {
			stagesSeen = append(stagesSeen, timing.Stage)
		}
	}
	require.Contains(t, stagesSeen, "price")
	require.Contains(t, stagesSeen, name)
	require.Contains(t, stagesSeen, "ship")
}

func TestAMessageThatCannotBeDecodedIsKeptAsItIs(t *testing.T) {
	js, name := dial(t), fresh("BROKEN")
	var kept []string
	var tries int
	var acked atomic.Int64
	var below collected
	graph := flow.From(numbered(0, 1, &acked)).
		Through(name, natsio.Topic(js, name, natsio.TopicConfig[order]{
			Undecoded: func(_ context.Context, m jetstream.Msg, err error) error {
				if tries++; tries == 1 {
					return errors.New("the store of letters is down")
				}
				kept = append(kept, string(m.Data())+": "+err.Error())
				return nil
			},
		})).To(sink.ForEach(below.add))
	_, err := graph.Run(t.Context(), flow.Only(graph.Parts()[0].Name))
	require.NoError(t, err)
	_, err = js.Publish(t.Context(), name+".item", []byte("{"))
	require.NoError(t, err)
	run, err := graph.Start(t.Context(), flow.Only(name))
	require.NoError(t, err)
	eventually(t, "both are settled", func() bool { return unsettled(t, js, name) == 0 })
	require.Error(t, run.Snapshot().Stages[0].Health.Err)
	run.Stop()
	_, err = run.Wait()
	require.NoError(t, err)
	require.Equal(t, 2, tries)
	require.Len(t, kept, 1)
	require.Contains(t, kept[0], "{: topic \""+name+"\": decode: ")
	require.Equal(t, []int{0}, below.all())
}
