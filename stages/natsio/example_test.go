package natsio_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/natsio"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// embedded starts a server inside the process, and connects to it.
func embedded() (js jetstream.JetStream, end func()) {
	folder, err := os.MkdirTemp("", "natsio")
	check(err)
	s, err := server.NewServer(&server.Options{DontListen: true, JetStream: true, StoreDir: folder, NoSigs: true})
	check(err)
	s.Start()
	s.ReadyForConnections(20 * time.Second)
	nc, err := nats.Connect("", nats.InProcessServer(s), nats.MaxReconnects(-1))
	check(err)
	js, err = jetstream.New(nc)
	check(err)
	return js, func() {
		nc.Close()
		s.Shutdown()
		s.WaitForShutdown()
		_ = os.RemoveAll(folder)
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// A worker takes orders, and publishes invoices. Orders that fail come again after 10 ms, and are
// dead letters at the third delivery.
func Example() {
	js, end := embedded()
	defer end()
	ctx := context.Background()
	_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.*"}, Retention: jetstream.WorkQueuePolicy})
	check(err)
	invoices, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "INVOICES", Subjects: []string{"invoices.*"}})
	check(err)
	consumer, err := js.CreateConsumer(ctx, "ORDERS", jetstream.ConsumerConfig{Durable: "worker", AckWait: 5 * time.Second})
	check(err)
	for _, order := range []string{"2 bolts", "1 unicorn", "3 nuts"} {
		_, err := js.Publish(ctx, "orders.new", []byte(order))
		check(err)
	}

	settled := make(chan struct{})
	report, err := flow.From(natsio.Source(js, consumer)).
		Map("invoice", func(_ context.Context, m jetstream.Msg) (*nats.Msg, error) {
			if string(m.Data()) == "1 unicorn" {
				return nil, fmt.Errorf("out of stock")
			}
			header := nats.Header{jetstream.MsgIDHeader: {natsio.ID(m)}} // a repeat is dropped
			return &nats.Msg{Subject: "invoices.new", Header: header, Data: m.Data()}, nil
		}, stages.Workers(4)).
		HandBack(10*time.Millisecond, stages.MaxDeliveries(3)).
		DeadLetter(func(_ context.Context, e *stages.ItemError) error {
			fmt.Printf("%s: %v, delivery %d\n", e.Value.(jetstream.Msg).Data(), e.Err, e.Deliveries)
			close(settled)
			return nil
		}).
		To(natsio.Sink(js)).
		Run(ctx, flow.StopOnSignal(), flow.StopWhen(settled))
	check(err)
	fmt.Println("handed back:", report.Ledger.HandedBack)
	info, err := invoices.Info(ctx)
	check(err)
	fmt.Println("invoices:", info.State.Msgs)
	// Output:
	// 1 unicorn: out of stock, delivery 3
	// handed back: 2
	// invoices: 2
}

// The graph runs as one process here. With flow.Only, or the variable WEIR_PARTS, one process runs
// the part above, and any number the part "PRICED".
func ExampleTopic() {
	js, end := embedded()
	defer end()
	ctx := context.Background()
	priced := natsio.Topic(js, "PRICED", natsio.TopicConfig[string]{})
	done := make(chan struct{})
	report, err := flow.From(source.Slice([]string{"bolt", "nut"})).
		Map("price", func(_ context.Context, name string) (string, error) { return name + ": 3 ct", nil }).
		Through("PRICED", priced).
		To(sink.ForEach(func(_ context.Context, line string) error {
			fmt.Println(line)
			if line == "nut: 3 ct" {
				close(done)
			}
			return nil
		})).
		Run(ctx, flow.StopWhen(done))
	fmt.Println(report.Check(), err)
	// Output:
	// bolt: 3 ct
	// nut: 3 ct
	// <nil> <nil>
}
