package kafkaio_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/kafkaio"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
	"github.com/weir-go/weir/stages/topic"
)

// drain reads n records of a topic.
func drain(t *testing.T, seeds kgo.Opt, from string, n int) []*kgo.Record {
	t.Helper()
	client, err := kgo.NewClient(seeds, kgo.ConsumeTopics(from), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var all []*kgo.Record
	for len(all) < n {
		fetches := client.PollFetches(ctx)
		require.NoError(t, fetches.Err())
		all = append(all, fetches.Records()...)
	}
	return all
}

func TestASinkPublishesInOrder(t *testing.T) {
	seeds := cluster(t, 1, "out")
	client, err := kgo.NewClient(seeds)
	require.NoError(t, err)
	defer client.Close()
	report, err := flow.From(source.Seq(slices.Values(slices.Repeat([]string{"k"}, 2500)))).
		Scan("n", 0, func(_ context.Context, n int, _ string) (int, error) { return n + 1, nil }).
		Map("record", func(_ context.Context, n int) (*kgo.Record, error) {
			return &kgo.Record{Topic: "out", Value: fmt.Append(nil, n)}, nil
		}).To(kafkaio.Sink(client)).Run(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 2500, report.Ledger.Out)
	for i, r := range drain(t, seeds, "out", 2500) {
		require.Equal(t, strconv.Itoa(i+1), string(r.Value))
	}
}

func TestASinkThatCannotPublishAcknowledgesNothing(t *testing.T) {
	seeds := cluster(t, 1, "out")
	client, err := kgo.NewClient(seeds, kgo.UnknownTopicRetries(0))
	require.NoError(t, err)
	defer client.Close()
	heard := make(chan error, 1)
	src := stages.SourceFunc[*kgo.Record](func(_ context.Context, out *stages.Outlet[*kgo.Record]) error {
		out.EmitAcked(func(err error) { heard <- err }, &kgo.Record{Topic: "missing", Value: []byte("x")})
		return nil
	})
	_, err = flow.From(src).To(kafkaio.Sink(client)).Run(t.Context())
	require.ErrorContains(t, err, `produce to "missing"`)
	require.Error(t, <-heard)
}

// A broker that does not answer does not hold up an abort, nor the stop of a part that keeps what it
// cannot decode. The client waits for the answer: the run ends before it.
func TestAnAbortDoesNotWaitForTheBroker(t *testing.T) {
	for name, graph := range map[string]func(seeds kgo.Opt, client *kgo.Client) *flow.Graph{
		"sink": func(_ kgo.Opt, client *kgo.Client) *flow.Graph {
			return flow.From(source.Slice([]*kgo.Record{{Topic: "orders", Value: []byte("x")}})).To(kafkaio.Sink(client))
		},
		"topic": func(seeds kgo.Opt, _ *kgo.Client) *flow.Graph {
			orders := &kafkaio.Topic[order]{Name: "orders", Group: member(seeds, "shipping", "orders")}
			return flow.From(source.Slice([]order{{}})).To(orders.Sink())
		},
		"dead letters": func(_ kgo.Opt, client *kgo.Client) *flow.Graph {
			return flow.From(source.Slice([]int{1})).
				Map("fail", func(context.Context, int) (int, error) { return 0, errors.New("no") }).
				DeadLetter(kafkaio.DeadLetters(client, "orders")).To(sink.ForEach(func(context.Context, int) error { return nil }))
		},
		"undecodable": func(seeds kgo.Opt, _ *kgo.Client) *flow.Graph {
			broken := &kafkaio.Topic[order]{Name: "broken", Group: member(seeds, "shipping", "broken")}
			return flow.From(broken.Source()).To(sink.ForEach(func(context.Context, order) error { return nil }))
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders", "broken", "broken-undecodable"), kfake.GroupMinSessionTimeout(100*time.Millisecond))
			require.NoError(t, err)
			t.Cleanup(c.Close)
			seeds := kgo.SeedBrokers(c.ListenAddrs()...)
			fill(t, seeds, "broken", 1)
			asked, answer := make(chan struct{}, 100), make(chan struct{})
			c.ControlKey(kmsg.Produce.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
				c.KeepControl()
				asked <- struct{}{}
				c.SleepControl(func() { <-answer })
				return nil, nil, false
			})
			client, err := kgo.NewClient(seeds)
			require.NoError(t, err)
			defer client.Close()
			defer close(answer)
			run, err := graph(seeds, client).Start(t.Context())
			require.NoError(t, err)
			<-asked
			no := errors.New("no more")
			run.Abort(no)
			_, err = run.Wait()
			require.ErrorIs(t, err, no)
		})
	}
}

// A topic has the options of its group, and its sink joins no group.
func TestOptionsOfAGroupServeTheSinkOfItsTopic(t *testing.T) {
	seeds := cluster(t, 1, "paid")
	called := func(context.Context, *kgo.Client, map[string][]int32) { t.Error("called") }
	for name, opt := range map[string]kgo.Opt{
		"no commits": kgo.DisableAutoCommit(), "interval": kgo.AutoCommitInterval(time.Second), "assigned": kgo.OnPartitionsAssigned(called),
		"revoked": kgo.OnPartitionsRevoked(called), "lost": kgo.OnPartitionsLost(called), "instance": kgo.InstanceID("one"),
		"callback": kgo.AutoCommitCallback(func(*kgo.Client, *kmsg.OffsetCommitRequest, *kmsg.OffsetCommitResponse, error) {}),
	} {
		g := member(seeds, "shipping", "paid")
		g.Options = append(g.Options, opt)
		_, err := flow.From(source.Slice([]order{{}})).To((&kafkaio.Topic[order]{Name: "paid", Group: g}).Sink()).Run(t.Context())
		require.NoError(t, err, name)
	}
	client, err := kgo.NewClient(seeds)
	require.NoError(t, err)
	defer client.Close()
	groups, err := kadm.NewClient(client).ListGroups(t.Context())
	require.NoError(t, err)
	require.Empty(t, groups.Groups())
}

// A record that can neither be decoded nor kept ends the run, and the error tells which one it is.
func TestARecordThatCannotBeKeptEndsTheRun(t *testing.T) {
	seeds := cluster(t, 1, "paid")
	client, err := kgo.NewClient(seeds)
	require.NoError(t, err)
	defer client.Close()
	broken := []*kgo.Record{{Topic: "paid", Value: []byte("{}")}, {Topic: "paid", Value: []byte("not an order")}}
	require.NoError(t, client.ProduceSync(t.Context(), broken...).FirstErr())
	g := member(seeds, "shipping", "paid")
	g.Options = append(g.Options, kgo.UnknownTopicRetries(0))
	paid := &kafkaio.Topic[order]{Name: "paid", Group: g}
	_, err = flow.From(paid.Source()).To(sink.ForEach(func(context.Context, order) error { return nil })).Run(t.Context())
	require.ErrorContains(t, err, `kafkaio: record 1 of paid/0: topic "paid": decode: `)
	require.ErrorContains(t, err, "and it could not be kept: ")
}

func TestADeadLetterKeepsTheRecordAndTheCause(t *testing.T) {
	seeds := cluster(t, 1, "orders", "dead")
	fill(t, seeds, "orders", 10)
	client, err := kgo.NewClient(seeds)
	require.NoError(t, err)
	defer client.Close()
	w := newWorked()
	run, err := flow.From(member(seeds, "billing", "orders")).
		Remember().
		Map("parse", func(_ context.Context, r *kgo.Record) (*kgo.Record, error) {
			if string(r.Value) == "4" {
				return nil, errors.New("no such customer")
			}
			return r, nil
		}).
		DeadLetter(kafkaio.DeadLetters(client, "dead")).
		To(sink.ForEach(func(_ context.Context, r *kgo.Record) error { w.note(r); return nil })).Start(t.Context())
	require.NoError(t, err)
	w.until(t, 9)
	letter := drain(t, seeds, "dead", 1)[0]
	stop(t, run)
	require.Equal(t, "4", string(letter.Value))
	require.Equal(t, "4", string(letter.Key))
	headers := map[string]string{}
	for _, h := range letter.Headers {
		headers[h.Key] = string(h.Value)
	}
	require.Equal(t, "parse", headers[kafkaio.HeaderStage])
	require.Equal(t, "no such customer", headers[kafkaio.HeaderError])
}

type order struct {
	Customer string
	N        int
}

func TestATopicJoinsTwoProcesses(t *testing.T) {
	seeds := cluster(t, 4, "paid", "paid-undecodable")
	graph := func(name string) *flow.Stream[order] {
		paid := &kafkaio.Topic[order]{
			Name: "paid", Group: member(seeds, "shipping", "paid"), Partitions: 4,
			Config: topic.Config[order]{Key: func(o order) string { return o.Customer }},
		}
		orders := make([]order, 200)
		for i := range orders {
			orders[i] = order{fmt.Sprint("c", i%7), i}
		}
		return flow.From(source.Slice(orders), stages.Name("orders")).
			Map("price", func(_ context.Context, o order) (order, error) { return o, nil }).
			Through("paid", paid).
			Map("ship", func(_ context.Context, o order) (order, error) { return o, nil })
	}
	nothing := sink.ForEach(func(context.Context, order) error { return nil })
	report, err := graph("above").To(nothing).Run(t.Context(), flow.Only("orders"))
	require.NoError(t, err)
	require.EqualValues(t, 200, report.Ledger.Out)

	client, err := kgo.NewClient(seeds)
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.ProduceSync(t.Context(), &kgo.Record{Topic: "paid", Value: []byte("not an order")}).FirstErr())

	var mu sync.Mutex
	last := map[string]int{}
	got := 0
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan struct{})
	for r := range graph("below").Results(ctx, flow.Only("paid"), flow.StopWhen(done)) {
		require.NoError(t, r.Err)
		mu.Lock()
		require.GreaterOrEqual(t, r.Value.N, last[r.Value.Customer], "the order of a key")
		last[r.Value.Customer] = r.Value.N
		mu.Unlock()
		_, above := r.Timings.Stage("price")
		_, between := r.Timings.Stage("paid")
		require.True(t, above && between, "timings of both processes")
		if got++; got == 200 {
			time.AfterFunc(300*time.Millisecond, func() { close(done) })
		}
	}
	require.Equal(t, 200, got)
	rejected := drain(t, seeds, "paid-undecodable", 1)[0]
	require.Equal(t, "not an order", string(rejected.Value))
}

func TestATopicThatIsSetUpWronglyIsNotValid(t *testing.T) {
	g := flow.From(source.Slice([]order{{}})).Through("paid", &kafkaio.Topic[order]{}).To(sink.ForEach(func(context.Context, order) error { return nil }))
	require.ErrorContains(t, g.Validate(), "has no name, or no group")
}
