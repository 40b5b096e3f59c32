package kafkaio_test

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/kafkaio"
	"github.com/weir-go/weir/stages/sink"
)

// A worker of a consumer group: the records of a key in order, different keys at the same time,
// committed when they are done.
func Example() {
	brokers, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "orders"))
	if err != nil {
		return
	}
	defer brokers.Close()
	publish(brokers.ListenAddrs(), "one", "two", "three")

	orders := &kafkaio.Group{Options: []kgo.Opt{
		kgo.SeedBrokers(brokers.ListenAddrs()...), kgo.ConsumerGroup("billing"), kgo.ConsumeTopics("orders"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	}}
	enough := make(chan struct{})
	n := 0
	report, err := flow.From(orders).
		Lanes("bill", func(r *kgo.Record) string { return string(r.Key) }, func(_ context.Context, r *kgo.Record) (string, error) {
			return string(r.Value), nil
		}, stages.Workers(16)).
		To(sink.ForEach(func(_ context.Context, s string) error {
			if n++; n == 3 {
				close(enough)
			}
			return nil
		})).
		Run(context.Background(), flow.StopWhen(enough), flow.DrainTimeout(20*time.Second))
	fmt.Println(report.Ledger.Out, "done, unsettled:", report.Stages[0].Health.Unsettled, "error:", err)
	// Output: 3 done, unsettled: 0 error: <nil>
}

func publish(seeds []string, values ...string) {
	client, err := kgo.NewClient(kgo.SeedBrokers(seeds...), kgo.DefaultProduceTopic("orders"))
	if err != nil {
		return
	}
	defer client.Close()
	for _, v := range values {
		client.ProduceSync(context.Background(), kgo.KeyStringRecord(v, v))
	}
}

// A worker of a share group: each record is settled alone, and one that cannot be parsed is rejected.
func ExampleShare() {
	brokers, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "orders"))
	if err != nil {
		return
	}
	defer brokers.Close()
	brokers.SetGroupConfigs("billing", map[string]string{"share.auto.offset.reset": "earliest"}) // else a new group begins at the end
	publish(brokers.ListenAddrs(), "one", "?", "three")

	orders := &kafkaio.Share{Options: []kgo.Opt{
		kgo.SeedBrokers(brokers.ListenAddrs()...), kgo.ShareGroup("billing"), kgo.ConsumeTopics("orders"),
	}}
	enough := make(chan struct{})
	n := 0
	report, err := flow.From(orders).
		Map("parse", func(_ context.Context, r *kgo.Record) (string, error) {
			if n++; n == 3 {
				close(enough)
			}
			if string(r.Value) == "?" {
				return "", kafkaio.Reject("no order")
			}
			return string(r.Value), nil
		}).
		To(sink.ForEach(func(context.Context, string) error { return nil })).
		Run(context.Background(), flow.StopWhen(enough), flow.DrainTimeout(20*time.Second))
	fmt.Println(report.Ledger.Out, "done, rejected:", report.Ledger.HandedBack, "unsettled:", report.Stages[0].Health.Unsettled, "error:", err)
	// Output: 2 done, rejected: 1 unsettled: 0 error: <nil>
}
