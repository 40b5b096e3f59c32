package kafkaio_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/flow/flowtest/queuetest"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/kafkaio"
)

// place is what a process needs to open a queue. The name of the queue says it, see [parse].
type place struct {
	seeds   kgo.Opt
	topic   string
	session time.Duration // of a member of a group
	poll    int           // how many records a poll of a share group brings, 0 for a group
}

// parse reads the name of a queue: "address topic session", and for a share group " poll".
func parse(queue string) (p place) {
	parts := strings.Split(queue, " ")
	p.seeds, p.topic = kgo.SeedBrokers(parts[0]), parts[1]
	p.session, _ = time.ParseDuration(parts[2])
	if len(parts) == 4 {
		p.poll, _ = strconv.Atoi(parts[3])
	}
	return p
}

func suiteClient() queuetest.Client[*kgo.Record] {
	return queuetest.Client[*kgo.Record]{
		Source: func(queue string) (stages.Source[*kgo.Record], func(), error) {
			p := parse(queue)
			if p.poll > 0 {
				return &kafkaio.Share{Poll: p.poll, Options: []kgo.Opt{
					p.seeds, kgo.ShareGroup(p.topic), kgo.ConsumeTopics(p.topic), kgo.FetchMaxWait(50 * time.Millisecond),
					kgo.FetchMaxBytes(64 << 20), kgo.FetchMaxPartitionBytes(32 << 20),
				}}, func() {}, nil
			}
			g := member(p.seeds, p.topic, p.topic)                      // a group for each queue
			g.Window, g.Poll, g.CommitEvery = 8, 16, 5*time.Millisecond // of each of 4 partitions, and what waits for a commit
			g.Options = append(g.Options, kgo.SessionTimeout(p.session), kgo.FetchMaxBytes(64<<20), kgo.FetchMaxPartitionBytes(32<<20))
			return g, func() {}, nil
		},
		Message: func(r *kgo.Record) queuetest.Message {
			return queuetest.Message{Key: string(r.Key), Payload: r.Value}
		},
	}
}

func TestMain(m *testing.M) {
	if os.Getenv(brokerVariable) != "" {
		serveBroker()
		return
	}
	queuetest.Main(m, suiteClient())
}

// rig is a broker with its data in a directory, and a client of the tests.
type rig struct {
	*kfake.Cluster
	start  func(t testing.TB) *kfake.Cluster
	seed   string
	client *kgo.Client
	admin  *kadm.Client
	topics atomic.Int64
}

func newRig(t *testing.T, configs map[string]string) *rig {
	dir, port := t.TempDir(), 0
	r := &rig{}
	r.start = func(t testing.TB) *kfake.Cluster {
		c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(port), kfake.DataDir(dir), kfake.GroupMinSessionTimeout(100*time.Millisecond),
			kfake.BrokerConfigs(configs))
		require.NoError(t, err)
		return c
	}
	r.Cluster = r.start(t)
	t.Cleanup(func() { r.Close() })
	r.seed = r.ListenAddrs()[0]
	_, number, err := net.SplitHostPort(r.seed)
	require.NoError(t, err)
	port, err = strconv.Atoi(number)
	require.NoError(t, err)
	r.client, err = kgo.NewClient(kgo.SeedBrokers(r.seed), kgo.ProducerBatchMaxBytes(32<<20), kgo.BrokerMaxWriteBytes(64<<20), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
	require.NoError(t, err)
	t.Cleanup(r.client.Close)
	r.admin = kadm.NewClient(r.client)
	return r
}

func recordOf(queue string, m queuetest.Message) *kgo.Record {
	return &kgo.Record{Topic: parse(queue).topic, Key: []byte(m.Key), Value: m.Payload}
}

// broker returns what the suite does at the broker, but for what groups and share groups do differently.
func (r *rig) broker() queuetest.Broker[*kgo.Record] {
	return queuetest.Broker[*kgo.Record]{
		Client: suiteClient(),
		Create: func(t testing.TB, c queuetest.Config) string {
			name := ""
			_, err := patiently(func(ctx context.Context, _ string) (int, error) {
				name = fmt.Sprintf("suite%d", r.topics.Add(1)) // one that failed may be there
				_, err := r.admin.CreateTopic(ctx, 4, 1, nil, name)
				return 0, err
			})(t.Context(), "")
			require.NoError(t, err)
			return fmt.Sprintf("%s %s %v", r.seed, name, c.Term)
		},
		Put: func(ctx context.Context, queue string, messages []queuetest.Message) error {
			var all []*kgo.Record
			for _, m := range messages {
				all = append(all, recordOf(queue, m))
			}
			return r.client.ProduceSync(ctx, all...).FirstErr()
		},
		Publish: func(queue string, s *flow.Stream[queuetest.Message]) (*flow.Graph, func(), error) {
			out, err := kgo.NewClient(kgo.SeedBrokers(r.seed), kgo.ProducerLinger(0))
			if err != nil {
				return nil, nil, err
			}
			return s.Map("record", func(_ context.Context, m queuetest.Message) (*kgo.Record, error) { return recordOf(queue, m), nil }).
				To(kafkaio.Sink(out)), out.Close, nil
		},
		Restart: func(t testing.TB) {
			r.Close()
			r.Cluster = r.start(t)
		},
		AckDelay: 250 * time.Millisecond, // commits are made every 5 ms, share groups acknowledge at the next poll: of a busy machine
		Term:     time.Second,
	}
}

// left counts what is behind an offset of each partition, but for those in but.
func (r *rig) left(ctx context.Context, topic string, settled func(partition int32) int64, but int) (left int, err error) {
	ends, err := r.admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return 0, err
	}
	ends.Each(func(o kadm.ListedOffset) {
		if but&(1<<o.Partition) == 0 {
			left += int(o.Offset - settled(o.Partition))
		}
	})
	return left, nil
}

// patiently asks again for a while: a broker that has been restarted closes old connections.
func patiently(ask func(context.Context, string) (int, error)) func(context.Context, string) (int, error) {
	return func(ctx context.Context, queue string) (n int, err error) {
		for range 50 {
			if n, err = ask(ctx, queue); err == nil || ctx.Err() != nil {
				break
			}
			time.Sleep(100 * time.Millisecond) // real time: a real broker
		}
		return n, err
	}
}

func TestConformance(t *testing.T) {
	r := newRig(t, map[string]string{"group.initial.rebalance.delay.ms": "0", "message.max.bytes": "33554432"})
	b := r.broker()
	b.Features = queuetest.Features{Order: queuetest.OrderedGroup, Delay: true, Deliveries: true, Groups: true}
	b.Left = patiently(func(ctx context.Context, queue string) (int, error) {
		topic := parse(queue).topic
		committed, err := r.admin.FetchOffsets(ctx, topic)
		if err != nil && !strings.Contains(err.Error(), "GROUP_ID_NOT_FOUND") {
			return 0, err
		}
		return r.left(ctx, topic, func(n int32) int64 {
			at, _ := committed.Lookup(topic, n)
			return max(0, at.At)
		}, 0)
	})
	b.FailAcks = func(_ testing.TB, queue string) func() {
		var healed atomic.Bool
		r.ControlKey(kmsg.OffsetCommit.Int16(), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
			if healed.Load() {
				return nil, nil, false
			}
			r.KeepControl()
			if kreq.(*kmsg.OffsetCommitRequest).Group != parse(queue).topic {
				return nil, nil, false
			}
			return nil, errors.New("no"), true // the broker closes the connection
		})
		return func() { healed.Store(true) }
	}
	queuetest.Run(t, b)
}

// brokerVariable tells the test binary to be a broker.
const brokerVariable = "WEIR_KAFKA_BROKER"

// serveBroker is a broker in a process of its own, until its standard input ends.
func serveBroker() {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(4, "orders"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(c.ListenAddrs()[0])
	_, _ = io.Copy(io.Discard, os.Stdin)
	c.Close()
}
