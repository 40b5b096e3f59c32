package topic

import (
	"context"
	"errors"

	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/internal/async"
)

// DefaultInFlight is how many messages of a topic's sink wait for their confirmation at a time, at
// most, unless said otherwise.
const DefaultInFlight = 256

// Publish sends a message to a broker. It calls done once, from any goroutine, when the broker has
// confirmed the message, or with the error if that failed. It may block while the broker takes no
// more. It must ensure that done is called when ctx ends.
type Publish func(ctx context.Context, m Message, done func(error))

// SinkOf is the sink of a topic. Items are published in order, and up to inFlight of them wait for
// their confirmation at a time. An item is settled when its message is confirmed. An item that
// cannot be encoded or published is a failure of the sink: the run stops with it, and its source
// hands it out again. To let the run continue, publish gives [stages.HandBack] to done.
func SinkOf[T any](topic string, c Config[T], inFlight int, publish Publish) stages.Sink[T] {
	return &sinkOf[T]{topic, c, inFlight, publish}
}

type sinkOf[T any] struct {
	topic    string
	config   Config[T]
	inFlight int
	publish  Publish
}

// Validate implements [stages.Validator].
func (s *sinkOf[T]) Validate() error {
	err := async.Check(s.inFlight)
	if s.publish == nil {
		err = errors.Join(err, errors.New("publish function is nil"))
	}
	return err
}

func (s *sinkOf[T]) Run(ctx context.Context, in *stages.Inlet[T]) error {
	async.Run(ctx, in, s.inFlight, func(ctx context.Context, it stages.Item[T], done func(error)) {
		m, err := s.config.Seal(ctx, s.topic, in, it)
		if err != nil {
			done(err)
			return
		}
		s.publish(ctx, m, done)
	})
	return nil
}
