package natsio

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/topic"
)

// keyHeader has the key of an item.
const keyHeader = "Weir-Key"

// member is the name of the consumer that the part below shares.
const member = "weir"

// TopicConfig says how a [Topic] keeps its items. The zero value is ready for use.
type TopicConfig[T any] struct {
	topic.Config[T]
	// Stream is how the stream is made if there is none, such as its Replicas, Storage and
	// Duplicates, the time for which repeats are dropped. Name, Subjects and Retention are set.
	Stream jetstream.StreamConfig
	// Consumer is how its one consumer is made if there is none, such as AckWait. Durable and
	// AckPolicy are set.
	Consumer jetstream.ConsumerConfig
	// InFlight is how many messages each end holds, [DefaultInFlight] if 0.
	InFlight int
	// Ends says which errors of the source end the run, as [Ends] does. If it is nil, those for
	// which [Heals] is false do.
	Ends func(error) bool
	// Undecoded gets a message that the codec cannot decode, and can keep it. Then the message is
	// terminated. If Undecoded fails, the message comes again after a second. If Undecoded is nil,
	// the message is terminated, and the source's health has the error.
	Undecoded func(ctx context.Context, m jetstream.Msg, err error) error
}

// Topic is a topic in a stream of that name, which it makes if there is none. Any number of
// processes can run the part above and the part below. A message is published with the item's ID,
// so a repeat within the stream's time for duplicates is dropped.
//
// A run of both parts drains the part above, and then the part below: see [stages.DrainedTopic].
//
// With one process below, items come in the order in which they were published, unless one is handed
// back. With several there is no order.
func Topic[T any](js jetstream.JetStream, name string, c TopicConfig[T]) stages.Topic[T] {
	c.Stream.Name, c.Stream.Subjects, c.Stream.Retention = name, []string{name + ".>"}, jetstream.WorkQueuePolicy
	c.Consumer.Durable, c.Consumer.AckPolicy = member, jetstream.AckExplicitPolicy
	if c.InFlight == 0 {
		c.InFlight = DefaultInFlight
	}
	if c.Ends == nil {
		c.Ends = lasts
	}
	if c.Consumer.MaxAckPending == 0 {
		c.Consumer.MaxAckPending = -1 // each process limits the messages that it holds
	}
	return &brokerTopic[T]{js: js, name: name, config: c}
}

type brokerTopic[T any] struct {
	js     jetstream.JetStream
	name   string
	config TopicConfig[T]
}

// Sink implements [stages.Topic].
func (t *brokerTopic[T]) Sink() stages.Sink[T] { return &topicSink[T]{t} }

// Source implements [stages.Topic].
func (t *brokerTopic[T]) Source() stages.Source[T] {
	s := &source{js: t.js, settings: t.settings()}
	s.lag.Store(-1)
	return &topicSource[T]{source: s, topic: t}
}

func (t *brokerTopic[T]) validate() error {
	if t.js == nil {
		return errors.New("no JetStream")
	}
	return t.settings().validate()
}

func (t *brokerTopic[T]) settings() settings {
	return settings{inFlight: t.config.InFlight, confirm: time.Second, ends: t.config.Ends}
}

// open finds the stream and its consumer, or makes them. Several processes may do so at the same
// time: then the others use what the first one has made.
func (t *brokerTopic[T]) open(ctx context.Context) (jetstream.Consumer, error) {
	stream, err := openStream(ctx, t.js, t.config.Stream)
	if err != nil {
		return nil, fmt.Errorf("natsio: topic %q: stream: %w", t.name, err)
	}
	c, err := stream.Consumer(ctx, member)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		c, err = stream.CreateConsumer(ctx, t.config.Consumer)
		if errors.Is(err, jetstream.ErrConsumerExists) { // another process was faster
			c, err = stream.Consumer(ctx, member)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("natsio: topic %q: consumer: %w", t.name, err)
	}
	return c, nil
}

// openStream finds a stream, or makes it.
func openStream(ctx context.Context, js jetstream.JetStream, config jetstream.StreamConfig) (jetstream.Stream, error) {
	stream, err := js.Stream(ctx, config.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = js.CreateStream(ctx, config)
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // another process was faster
			stream, err = js.Stream(ctx, config.Name)
		}
	}
	return stream, err
}

// Drained implements [stages.DrainedTopic]: the consumer has handed out all messages that were in the
// stream at the time of the call. A message that was handed back since, or whose worker has died, is
// for other members or the next run.
func (t *brokerTopic[T]) Drained(ctx context.Context) error {
	stream, err := t.js.Stream(ctx, t.name)
	if err != nil {
		return fmt.Errorf("natsio: topic %q: stream: %w", t.name, err)
	}
	last := stream.CachedInfo().State.LastSeq
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		c, err := stream.Consumer(ctx, member)
		if err != nil {
			return fmt.Errorf("natsio: topic %q: consumer: %w", t.name, err)
		}
		if info := c.CachedInfo(); info.NumPending == 0 || info.Delivered.Stream >= last {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// topicSink is the publishing end.
type topicSink[T any] struct{ *brokerTopic[T] }

// sealed is an encoded message that is not confirmed yet.
type sealed struct {
	future jetstream.PubAckFuture
	since  time.Time
	done   func(error)
}

// Validate implements [stages.Validator].
func (s *topicSink[T]) Validate() error { return s.validate() }

// Run implements [stages.Sink].
func (s *topicSink[T]) Run(ctx context.Context, in *stages.Inlet[T]) error {
	if _, err := s.open(ctx); err != nil {
		return err
	}
	limits := settings{confirm: 10 * time.Second}
	waiting := make(chan sealed, s.config.InFlight)
	var settling sync.WaitGroup
	defer settling.Wait()
	defer close(waiting)
	settling.Go(func() {
		for p := range waiting {
			p.done(limits.confirmed(ctx, p.future, p.since))
		}
	})
	publish := func(_ context.Context, m topic.Message, done func(error)) {
		future, err := limits.publish(ctx, s.js, s.message(m))
		if err != nil {
			done(unpublished(err))
			return
		}
		waiting <- sealed{future, time.Now(), done}
	}
	return topic.SinkOf(s.name, s.config.Config, s.config.InFlight, publish).Run(ctx, in)
}

func (s *topicSink[T]) message(m topic.Message) *nats.Msg {
	header := nats.Header{}
	for k, v := range m.Header {
		header[k] = []string{v}
	}
	if m.ID != "" {
		header[jetstream.MsgIDHeader] = []string{m.ID}
	}
	if m.Key != "" {
		header[keyHeader] = []string{m.Key}
	}
	return &nats.Msg{Subject: s.name + ".item", Header: header, Data: m.Body}
}

// topicSource is the receiving end.
type topicSource[T any] struct {
	*source
	topic *brokerTopic[T]
}

// Validate implements [stages.Validator].
func (s *topicSource[T]) Validate() error { return s.topic.validate() }

// Describe implements [stages.Describer].
func (s *topicSource[T]) Describe() string { return "jetstream " + s.topic.name }

// Run implements [stages.Source].
func (s *topicSource[T]) Run(ctx context.Context, out *stages.Outlet[T]) (err error) {
	if s.consumer, err = s.topic.open(ctx); err != nil {
		return err
	}
	return s.run(ctx, func(l *lease, r stages.Receipt) bool {
		v, r, err := s.topic.config.Open(s.topic.name, received(l.msg), r)
		if err != nil {
			s.undecoded(ctx, l, err)
			return true
		}
		return out.Deliver(r, v)
	})
}

func received(m jetstream.Msg) topic.Message {
	got := topic.Message{Body: m.Data(), Header: map[string]string{}}
	for k, v := range m.Headers() {
		got.Header[k] = v[0]
	}
	got.ID, got.Key = got.Header[jetstream.MsgIDHeader], got.Header[keyHeader]
	return got
}

// undecoded stores a message that cannot be decoded, and ends it.
func (s *topicSource[T]) undecoded(ctx context.Context, l *lease, err error) {
	s.trouble(err)
	if keep := s.topic.config.Undecoded; keep != nil {
		if err := keep(ctx, l.msg, err); err != nil {
			s.trouble(err)
			s.settle(l, stages.HandBack(time.Second))
			return
		}
	}
	s.settle(l, Terminate(err.Error()))
}
