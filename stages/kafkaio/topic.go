package kafkaio

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/topic"
)

// Topic is a durable edge between two parts of a graph: a topic of Kafka. The part below is a
// consumer group. Kafka keeps no IDs of messages, so repeats are not suppressed; the ID is in the
// header, as that of an item below.
//
// A record that cannot be decoded goes unchanged to the topic with [Undecodable] at the end of
// its name.
type Topic[T any] struct {
	// Name is that of the topic, which must exist.
	Name string
	// Group reads the topic for the part below. The client that publishes has the same options;
	// kgo.ConsumeTopics is added.
	Group *Group
	// Config says how items become messages. Records go to partitions by its Key.
	Config topic.Config[T]
	// Partitions is how many partitions the topic has, if items have keys. Topics with equal
	// numbers are partitioned alike, and their items can be joined. It is 0 if that is not
	// known.
	Partitions int
}

// Undecodable is the end of the name of the topic for what cannot be decoded.
const Undecodable = "-undecodable"

// Partitioning implements [stages.PartitionedTopic].
func (t *Topic[T]) Partitioning() string {
	if t.Partitions == 0 || t.Config.Key == nil {
		return ""
	}
	return fmt.Sprintf("kafka/%d", t.Partitions)
}

// Sink implements [stages.Topic].
func (t *Topic[T]) Sink() stages.Sink[T] { return &topicSink[T]{topic: t} }

// Source implements [stages.Topic].
func (t *Topic[T]) Source() stages.Source[T] { return &topicSource[T]{topic: t} }

func (t *Topic[T]) validate() error {
	if t.Name == "" || t.Group == nil {
		return errors.New("the topic has no name, or no group")
	}
	return t.Group.Validate()
}

// publisher makes the client of a sink.
func (t *Topic[T]) publisher() (*kgo.Client, error) {
	// A client without topics does not join its group. One without a group would refuse options such as
	// kgo.DisableAutoCommit.
	options := append(t.Group.Options[:len(t.Group.Options):len(t.Group.Options)], kgo.ConsumeTopics(),
		kgo.OnPartitionsAssigned(nil), kgo.OnPartitionsRevoked(nil), kgo.OnPartitionsLost(nil))
	return kgo.NewClient(options...)
}

type topicSink[T any] struct{ topic *Topic[T] }

// Validate implements [stages.Validator].
func (s *topicSink[T]) Validate() error { return s.topic.validate() }

func (s *topicSink[T]) Run(ctx context.Context, in *stages.Inlet[T]) error {
	client, err := s.topic.publisher()
	if err != nil {
		return fmt.Errorf("kafkaio: %w", err)
	}
	defer client.Close()
	return topic.SinkOf(s.topic.Name, s.topic.Config, DefaultInFlight, func(ctx context.Context, m topic.Message, done func(error)) {
		r := &kgo.Record{Topic: s.topic.Name, Value: m.Body}
		if m.Key != "" {
			r.Key = []byte(m.Key)
		}
		for k, v := range m.Header {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: k, Value: []byte(v)})
		}
		produce(ctx, client, r, done)
	}).Run(ctx, in)
}

type topicSource[T any] struct {
	topic *Topic[T]

	mu    sync.Mutex
	group *Group
}

// Validate implements [stages.Validator].
func (s *topicSource[T]) Validate() error { return s.topic.validate() }

// consumer returns the group with the topic added.
func (s *topicSource[T]) consumer() *Group {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.group == nil {
		g := s.topic.Group
		s.group = &Group{
			Options: append(g.Options[:len(g.Options):len(g.Options)], kgo.ConsumeTopics(s.topic.Name)),
			Window:  g.Window, CommitEvery: g.CommitEvery, Patience: g.Patience, Poll: g.Poll, Ends: g.Ends,
		}
	}
	return s.group
}

func (s *topicSource[T]) Run(ctx context.Context, out *stages.Outlet[T]) error {
	return runGroup(s.consumer(), ctx, out, reading[T]{open: s.open, reject: s.reject})
}

// open returns the value of a record, and what its header says of it.
func (s *topicSource[T]) open(r *kgo.Record, known stages.Receipt) (T, stages.Receipt, error) {
	m := topic.Message{Key: string(r.Key), Body: r.Value, Header: map[string]string{}}
	for _, h := range r.Headers {
		m.Header[h.Key] = string(h.Value)
	}
	return s.topic.Config.Open(s.topic.Name, m, known)
}

// reject stores a record that cannot be decoded, unchanged.
func (s *topicSource[T]) reject(ctx context.Context, client *kgo.Client, r *kgo.Record, why error) error {
	err := produceSync(ctx, client, &kgo.Record{
		Topic: s.topic.Name + Undecodable, Key: r.Key, Value: r.Value,
		Headers: append(r.Headers[:len(r.Headers):len(r.Headers)], kgo.RecordHeader{Key: HeaderError, Value: []byte(why.Error())}),
	})
	if err != nil {
		return fmt.Errorf("kafkaio: record %d of %v: %w (and it could not be kept: %w)", r.Offset, Partition{r.Topic, r.Partition}, why, err)
	}
	return nil
}

// Finish implements [stages.Finisher].
func (s *topicSource[T]) Finish(ctx context.Context) error { return s.consumer().Finish(ctx) }

// MaxUnsettled implements [stages.Bounded].
func (s *topicSource[T]) MaxUnsettled() int {
	if s.topic.Group == nil {
		return 0 // the topic is not valid
	}
	return s.topic.Group.MaxUnsettled()
}

// Health implements [stages.HealthReporter].
func (s *topicSource[T]) Health() stages.Health { return s.consumer().Health() }
