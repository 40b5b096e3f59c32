package natsio_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/flow/flowtest/queuetest"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/natsio"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// put publishes n messages to a stream.
func put(t *testing.T, js jetstream.JetStream, stream string, n int) {
	t.Helper()
	for i := range n {
		_, err := js.Publish(t.Context(), stream+".a", fmt.Append(nil, i))
		require.NoError(t, err)
	}
}

// unsettled returns how many messages a work queue has.
func unsettled(t *testing.T, js jetstream.JetStream, stream string) int {
	t.Helper()
	s, err := js.Stream(t.Context(), stream)
	require.NoError(t, err)
	return int(s.CachedInfo().State.Msgs)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, time.Minute, 10*time.Millisecond, what)
}

// fetches waits until a consumer is asked for messages. A request that arrives while the consumer is
// deleted has no answer.
func fetches(t *testing.T, c jetstream.Consumer) {
	t.Helper()
	eventually(t, "messages are asked for", func() bool {
		info, err := c.Info(t.Context())
		return err == nil && info.NumWaiting > 0
	})
}

func TestATerminatedMessageDoesNotComeAgain(t *testing.T) {
	js := dial(t)
	c := stream(t, js, "TERM", jetstream.ConsumerConfig{})
	put(t, js, "TERM", 2)
	var calls atomic.Int64
	run, err := flow.From(natsio.Source(js, c)).
		Map("decode", func(_ context.Context, m jetstream.Msg) (string, error) {
			if calls.Add(1); string(m.Data()) == "0" {
				return "", natsio.Terminate("cannot be decoded")
			}
			return string(m.Data()), nil
		}).To(sink.ForEach(func(context.Context, string) error { return nil })).Start(t.Context())
	require.NoError(t, err)
	eventually(t, "both are settled", func() bool { return unsettled(t, js, "TERM") == 0 })
	run.Stop()
	report, err := run.Wait()
	require.NoError(t, err)
	require.NoError(t, report.Check())
	require.EqualValues(t, 2, calls.Load())
	require.EqualValues(t, 1, report.Ledger.HandedBack)
}

func TestAMessageThatFailsStopsTheRunAndComesAgain(t *testing.T) {
	js := dial(t)
	c := stream(t, js, "FAIL", jetstream.ConsumerConfig{})
	put(t, js, "FAIL", 1)
	sick := errors.New("sick")
	pass := func(want error) error {
		run, err := flow.From(natsio.Source(js, c)).
			To(sink.ForEach(func(context.Context, jetstream.Msg) error { return want })).Start(t.Context())
		require.NoError(t, err)
		if want == nil {
			eventually(t, "it is settled", func() bool { return unsettled(t, js, "FAIL") == 0 })
			run.Stop()
		}
		_, err = run.Wait()
		return err
	}
	require.ErrorIs(t, pass(sick), sick)
	require.Equal(t, 1, unsettled(t, js, "FAIL"))
	require.NoError(t, pass(nil))
}

func TestTheRunEndsWhenTheConsumerIsGone(t *testing.T) {
	t.Parallel()
	js := dial(t)
	name := fresh("GONE")
	c := stream(t, js, name, jetstream.ConsumerConfig{})
	run, err := flow.From(natsio.Source(js, c)).
		To(sink.ForEach(func(context.Context, jetstream.Msg) error { return nil })).Start(t.Context())
	require.NoError(t, err)
	fetches(t, c)
	require.NoError(t, js.DeleteConsumer(t.Context(), name, "worker"))
	_, err = run.Wait()
	require.ErrorIs(t, err, natsio.ErrGone)
	require.ErrorContains(t, err, `consumer "worker"`)
}

// A policy can have the run go on without its consumer, which may be made again.
func TestAPolicyWaitsForAConsumer(t *testing.T) {
	t.Parallel()
	js := dial(t)
	name := fresh("POLICY")
	c := stream(t, js, name, jetstream.ConsumerConfig{})
	missed := make(chan struct{})
	once := sync.OnceFunc(func() { close(missed) })
	run, err := flow.From(natsio.Source(js, c, natsio.Ends(func(err error) bool {
		if errors.Is(err, natsio.ErrGone) {
			once()
		}
		return false
	}))).To(sink.ForEach(func(context.Context, jetstream.Msg) error { return nil })).Start(t.Context())
	require.NoError(t, err)
	fetches(t, c)
	require.NoError(t, js.DeleteConsumer(t.Context(), name, "worker"))
	<-missed
	require.Error(t, run.Snapshot().Stages[0].Health.Err)
	_, err = js.CreateConsumer(t.Context(), name, jetstream.ConsumerConfig{Durable: "worker", AckPolicy: jetstream.AckExplicitPolicy})
	require.NoError(t, err)
	put(t, js, name, 3)
	eventually(t, "the source goes on", func() bool { return unsettled(t, js, name) == 0 })
	run.Stop()
	_, err = run.Wait()
	require.NoError(t, err)
}

func TestAPolicyEndsTheRunAtOnce(t *testing.T) {
	js := dial(t)
	name := fresh("POLICY")
	c := stream(t, js, name, jetstream.ConsumerConfig{})
	run, err := flow.From(natsio.Source(js, c, natsio.Ends(func(err error) bool { return errors.Is(err, jetstream.ErrConsumerDeleted) }))).
		To(sink.ForEach(func(context.Context, jetstream.Msg) error { return nil })).Start(t.Context())
	require.NoError(t, err)
	fetches(t, c)
	require.NoError(t, js.DeleteConsumer(t.Context(), name, "worker"))
	_, err = run.Wait()
	require.ErrorIs(t, err, jetstream.ErrConsumerDeleted)
	require.NotErrorIs(t, err, natsio.ErrGone)
}

func TestTheRunEndsWhenTheConnectionIsClosed(t *testing.T) {
	nc, js, err := connect(shared.start(t))
	require.NoError(t, err)
	c := stream(t, js, "CLOSED", jetstream.ConsumerConfig{})
	run, err := flow.From(natsio.Source(js, c)).
		To(sink.ForEach(func(context.Context, jetstream.Msg) error { return nil })).Start(t.Context())
	require.NoError(t, err)
	nc.Close()
	_, err = run.Wait()
	require.ErrorIs(t, err, nats.ErrConnectionClosed)
}

func TestHealth(t *testing.T) {
	js := dial(t)
	stream(t, js, "HEALTH", jetstream.ConsumerConfig{})
	put(t, js, "HEALTH", 30)
	p := queuetest.NewProxy(t, shared.start(t))
	nc, through, err := connect(p.Addr())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	c, err := through.Consumer(t.Context(), "HEALTH", "worker")
	require.NoError(t, err)
	allow := make(chan struct{})
	run, err := flow.From(natsio.Source(through, c, natsio.InFlight(10))).
		To(sink.ForEach(func(context.Context, jetstream.Msg) error { <-allow; return nil })).Start(t.Context())
	require.NoError(t, err)
	health := func() *stages.Health { return run.Snapshot().Stages[0].Health }
	eventually(t, "ten are held", func() bool { return health().Unsettled == 10 && health().Lag == 20 })
	require.NoError(t, health().Err)
	p.Cut()
	p.Heal()
	eventually(t, "the client has reconnected", func() bool { return health().Reconnects == 1 })
	close(allow)
	eventually(t, "all are settled", func() bool { return unsettled(t, js, "HEALTH") == 0 })
	run.Stop()
	report, err := run.Wait()
	require.NoError(t, err)
	require.Zero(t, report.Stages[0].Health.Unsettled)
}

func TestWhatCannotBePublishedComesAgain(t *testing.T) {
	js := dial(t)
	c := stream(t, js, "FROM", jetstream.ConsumerConfig{})
	put(t, js, "FROM", 1)
	var tries atomic.Int64
	run, err := flow.From(natsio.Source(js, c)).
		Map("encode", func(_ context.Context, m jetstream.Msg) (*nats.Msg, error) {
			out := &nats.Msg{Subject: "NOWHERE.a", Header: nats.Header{jetstream.MsgIDHeader: {natsio.ID(m)}}, Data: m.Data()}
			if tries.Add(1) > 1 {
				out.Subject = "THERE.a"
			}
			return out, nil
		}).To(natsio.Sink(js)).Start(t.Context())
	require.NoError(t, err)
	stream(t, js, "THERE", jetstream.ConsumerConfig{})
	eventually(t, "it is published", func() bool { return unsettled(t, js, "THERE") == 1 && unsettled(t, js, "FROM") == 0 })
	run.Stop()
	_, err = run.Wait()
	require.NoError(t, err)
	require.EqualValues(t, 2, tries.Load())
}

func TestWhatCannotBePublishedFailsTheRunIfNoSourceWaits(t *testing.T) {
	js := dial(t)
	_, err := flow.From(source.Slice([]*nats.Msg{{Subject: "NOWHERE.b"}})).To(natsio.Sink(js)).Run(t.Context())
	require.ErrorContains(t, err, "natsio: publish")
}

// A sink and a topic wait for a server that is slow. The fault: if more messages were in flight than
// the client lets wait, a server that did not answer for 200 ms ended the run.
func TestASinkWaitsIfTheClientTakesNoMore(t *testing.T) {
	nc, _, err := connect(shared.start(t))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(8))
	require.NoError(t, err)
	name := fresh("SLOW")
	stream(t, js, name, jetstream.ConsumerConfig{})
	orders := natsio.Topic(js, fresh("SLOW"), natsio.TopicConfig[order]{})
	begun := make(chan struct{})
	slow := func(start *flow.Graph) {
		run, err := start.Start(t.Context())
		require.NoError(t, err)
		<-begun
		server := shared.cmd.Process
		require.NoError(t, server.Signal(syscall.SIGSTOP))
		time.AfterFunc(600*time.Millisecond, func() { _ = server.Signal(syscall.SIGCONT) })
		begun <- struct{}{}
		_, err = run.Wait()
		require.NoError(t, err)
	}
	slow(flow.From(slowly(begun, func(i int) *nats.Msg { return &nats.Msg{Subject: name + ".a"} })).To(natsio.Sink(js)))
	slow(flow.From(slowly(begun, func(i int) order { return order{i} })).To(orders.Sink()))
}

// slowly is a source of 33 values. After the first it tells that it has begun, and waits for an answer.
func slowly[T any](begun chan struct{}, value func(i int) T) stages.Source[T] {
	return stages.SourceFunc[T](func(_ context.Context, out *stages.Outlet[T]) error {
		for i := range 33 {
			out.Emit(value(i))
			if i == 0 {
				time.Sleep(100 * time.Millisecond) // the topic is open by then, or opens after the pause of the server
				begun <- struct{}{}
				<-begun
			}
		}
		return nil
	})
}

func TestRepeatsWithAnIDAreDropped(t *testing.T) {
	js := dial(t)
	stream(t, js, "ONCE", jetstream.ConsumerConfig{})
	m := func() *nats.Msg {
		return &nats.Msg{Subject: "ONCE.a", Header: nats.Header{jetstream.MsgIDHeader: {"FROM-1"}}}
	}
	_, err := flow.From(source.Slice([]*nats.Msg{m(), m(), m()})).To(natsio.Sink(js, natsio.InFlight(1))).Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, unsettled(t, js, "ONCE"))
}

func TestWrongOptionsAreRefused(t *testing.T) {
	js := dial(t)
	c := stream(t, js, "WRONG", jetstream.ConsumerConfig{})
	for name, src := range map[string]stages.Source[jetstream.Msg]{
		"in flight": natsio.Source(js, c, natsio.InFlight(0)),
		"renew":     natsio.Source(js, c, natsio.Renew(-1)),
		"ends":      natsio.Source(js, c, natsio.Ends(nil)),
		"consumer":  natsio.Source(js, nil),
	} {
		_, err := flow.From(src).To(sink.ForEach(func(context.Context, jetstream.Msg) error { return nil })).Run(t.Context())
		require.ErrorIs(t, err, flow.ErrGraph, name)
	}
	_, err := flow.From(source.Slice([]*nats.Msg{})).To(natsio.Sink(js, natsio.Confirm(0))).Run(t.Context())
	require.ErrorIs(t, err, flow.ErrGraph)
}

func TestAConsumerWithoutExplicitAcknowledgementsIsRefused(t *testing.T) {
	js := dial(t)
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "NOACK", Subjects: []string{"NOACK.>"}})
	require.NoError(t, err)
	c, err := js.CreateConsumer(t.Context(), "NOACK", jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy})
	require.NoError(t, err)
	_, err = flow.From(natsio.Source(js, c)).To(sink.ForEach(func(context.Context, jetstream.Msg) error { return nil })).Run(t.Context())
	require.ErrorContains(t, err, "explicit")
}

// A consumer may bound a single request. The fault: the server refused the requests of the source, and
// no message came.
func TestAConsumerMayBoundARequest(t *testing.T) {
	js := dial(t)
	for name, config := range map[string]jetstream.ConsumerConfig{
		"BATCH": {MaxRequestBatch: 10}, "EXPIRES": {MaxRequestExpires: 2 * time.Second}, "BYTES": {MaxRequestMaxBytes: 100},
	} {
		c := stream(t, js, "BOUNDED"+name, config)
		put(t, js, "BOUNDED"+name, 30)
		run, err := flow.From(natsio.Source(js, c)).To(sink.ForEach(func(context.Context, jetstream.Msg) error { return nil })).Start(t.Context())
		require.NoError(t, err)
		eventually(t, "all are settled", func() bool { return unsettled(t, js, "BOUNDED"+name) == 0 })
		run.Stop()
		report, err := run.Wait()
		require.NoError(t, err)
		require.NoError(t, report.Stages[0].Health.Err)
	}
}

// A consumer from which the source cannot fetch ends the run, also if it has become so since it was
// looked up.
func TestTheRunEndsIfTheConsumerRefusesIt(t *testing.T) {
	js := dial(t)
	config := jetstream.ConsumerConfig{PriorityPolicy: jetstream.PriorityPolicyOverflow, PriorityGroups: []string{"a"}}
	consumers := map[string]jetstream.Consumer{"priority group is required": stream(t, js, "PRIORITY", config)}
	later := stream(t, js, "PRIORITYLATER", jetstream.ConsumerConfig{})
	config.Durable, config.AckPolicy = "worker", jetstream.AckExplicitPolicy
	updated, err := js.CreateOrUpdateConsumer(t.Context(), "PRIORITYLATER", config)
	require.NoError(t, err)
	require.Len(t, updated.CachedInfo().Config.PriorityGroups, 1)
	consumers["bad request"] = later
	for what, c := range consumers {
		_, err := flow.From(natsio.Source(js, c)).To(sink.ForEach(func(context.Context, jetstream.Msg) error { return nil })).Run(t.Context())
		require.ErrorContains(t, err, what)
		require.ErrorContains(t, err, `consumer "worker"`)
	}
}

// A run that is stopped before there is a server ends at once, and without an error: nothing was to be
// acknowledged. The next run shows no trouble of the one before.
func TestAStopBeforeThereIsAServer(t *testing.T) {
	js, name := dial(t), fresh("AWAY")
	stream(t, js, name, jetstream.ConsumerConfig{})
	p := queuetest.NewProxy(t, shared.start(t))
	nc, through, err := connect(p.Addr())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	c, err := through.Consumer(t.Context(), name, "worker")
	require.NoError(t, err)
	src := natsio.Source(through, c)
	start := func() *flow.Run {
		run, err := flow.From(src).To(sink.ForEach(func(context.Context, jetstream.Msg) error { return nil })).Start(t.Context())
		require.NoError(t, err)
		return run
	}
	run := start()
	fetches(t, c)
	p.Cut()
	eventually(t, "the connection is lost", func() bool { return !nc.IsConnected() })
	begin := time.Now()
	run.Stop()
	_, err = run.Wait()
	require.NoError(t, err)
	require.Less(t, time.Since(begin), 5*time.Second, "the client would wait for 10 seconds")

	closed, err := nats.Connect("nats://127.0.0.1:1", nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1))
	require.NoError(t, err)
	t.Cleanup(closed.Close)
	never, err := jetstream.New(closed)
	require.NoError(t, err)
	run, err = flow.From(natsio.Topic(never, "NEVER", natsio.TopicConfig[order]{}).Source()).
		To(sink.ForEach(func(context.Context, order) error { return nil })).Start(t.Context())
	require.NoError(t, err)
	run.Stop()
	_, err = run.Wait()
	require.NoError(t, err)
}

// The report of a run does not show the trouble of the run before.
func TestTheHealthOfASecondRun(t *testing.T) {
	js, name := dial(t), fresh("TWICE")
	stream(t, js, name, jetstream.ConsumerConfig{})
	src := natsio.Source(js, must(js.Consumer(t.Context(), name, "worker")))
	for _, gone := range []bool{true, false} {
		stop := make(chan struct{})
		run, err := flow.From(src).To(sink.ForEach(func(context.Context, jetstream.Msg) error { return nil })).Start(t.Context(), flow.StopWhen(stop))
		require.NoError(t, err)
		if gone {
			fetches(t, must(js.Consumer(t.Context(), name, "worker")))
			require.NoError(t, js.DeleteConsumer(t.Context(), name, "worker"))
			eventually(t, "there is trouble", func() bool { return run.Snapshot().Stages[0].Health.Err != nil })
			_, err = js.CreateConsumer(t.Context(), name, jetstream.ConsumerConfig{Durable: "worker", AckPolicy: jetstream.AckExplicitPolicy})
			require.NoError(t, err)
		}
		close(stop)
		report, err := run.Wait()
		require.NoError(t, err)
		require.Equal(t, gone, report.Stages[0].Health.Err != nil)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A graph with a source that is not valid can be drawn.
func TestASourceWithoutAConsumerCanBeDrawn(t *testing.T) {
	g := flow.From(natsio.Source(nil, nil)).To(sink.ForEach(func(context.Context, jetstream.Msg) error { return nil }))
	require.Contains(t, g.DOT(), "jetstream")
}
