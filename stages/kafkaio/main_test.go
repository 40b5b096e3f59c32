package kafkaio_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-go/weir/stages/kafkaio"
)

// cluster starts brokers with topics of several partitions, and returns the option by which clients
// find them.
func cluster(t *testing.T, partitions int32, topics ...string) kgo.Opt {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, topics...), kfake.GroupMinSessionTimeout(100*time.Millisecond))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return kgo.SeedBrokers(c.ListenAddrs()...)
}

// fill publishes n records to a topic, each with its number as value and one of 20 keys.
func fill(t *testing.T, seeds kgo.Opt, topic string, n int) {
	t.Helper()
	client, err := kgo.NewClient(seeds, kgo.DefaultProduceTopic(topic))
	require.NoError(t, err)
	defer client.Close()
	records := make([]*kgo.Record, n)
	for i := range records {
		records[i] = &kgo.Record{Key: fmt.Append(nil, i%20), Value: fmt.Append(nil, i)}
	}
	require.NoError(t, client.ProduceSync(context.Background(), records...).FirstErr())
}

// member returns the source of a member of a group.
func member(seeds kgo.Opt, group, topic string) *kafkaio.Group {
	return &kafkaio.Group{
		Options: []kgo.Opt{
			seeds, kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
			kgo.FetchMaxWait(50 * time.Millisecond), kgo.HeartbeatInterval(50 * time.Millisecond),
			kgo.SessionTimeout(6 * time.Second), kgo.RebalanceTimeout(10 * time.Second),
		},
		CommitEvery: 50 * time.Millisecond, Patience: 5 * time.Second, Poll: 200,
	}
}
