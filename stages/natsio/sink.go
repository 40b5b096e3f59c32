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
)

// Sink is a sink that publishes messages to a stream. It publishes without waiting, in order, and
// an item is settled when the server has confirmed its message.
//
// A message that cannot be published goes back to its source after 1 s, as by [stages.HandBack].
// If its source waits for no acknowledgement, the run stops with the error. The message may still
// be in the stream, because a confirmation can be lost. Set [jetstream.MsgIDHeader] in its
// header, for example to [ID], and the stream drops the repeat.
func Sink(js jetstream.JetStream, opts ...SinkOption) stages.Sink[*nats.Msg] {
	s := &publisher{js: js, settings: settings{inFlight: DefaultInFlight, confirm: 10 * time.Second, ends: lasts}}
	for _, opt := range opts {
		opt.sink(&s.settings)
	}
	return s
}

type publisher struct {
	js       jetstream.JetStream
	settings settings
}

// published is an item whose message is not confirmed yet.
type published struct {
	item   stages.Item[*nats.Msg]
	future jetstream.PubAckFuture
	since  time.Time
}

// Validate implements [stages.Validator].
func (s *publisher) Validate() error {
	if s.js == nil {
		return errors.New("no JetStream")
	}
	return s.settings.validate()
}

// Run implements [stages.Sink].
func (s *publisher) Run(ctx context.Context, in *stages.Inlet[*nats.Msg]) error {
	waiting := make(chan published, s.settings.inFlight)
	var settling sync.WaitGroup
	defer settling.Wait()
	defer close(waiting)
	settling.Go(func() {
		for p := range waiting {
			settle(in, p.item, s.settings.confirmed(ctx, p.future, p.since))
		}
	})
	for it := range in.All() {
		future, err := s.settings.publish(ctx, s.js, it.Value)
		if err != nil {
			settle(in, it, unpublished(err))
			continue
		}
		waiting <- published{it, future, time.Now()}
	}
	return nil
}

// publish publishes a message, without waiting for its confirmation. If the client has the most
// messages that it lets wait for theirs, publish waits until one of them is confirmed, for as long as
// a confirmation may take.
func (s settings) publish(ctx context.Context, js jetstream.JetStream, m *nats.Msg) (jetstream.PubAckFuture, error) {
	for begun := time.Now(); ; {
		future, err := js.PublishMsgAsync(m) // waits for 200 ms
		if !errors.Is(err, jetstream.ErrTooManyStalledMsgs) || ctx.Err() != nil || time.Since(begun) > s.confirm {
			return future, err
		}
	}
}

// confirmed waits for the confirmation of a message. Earlier messages must be confirmed already.
func (s settings) confirmed(ctx context.Context, future jetstream.PubAckFuture, since time.Time) error {
	select {
	case <-future.Ok():
		return nil
	default:
	}
	late := time.NewTimer(time.Until(since.Add(s.confirm)))
	defer late.Stop()
	select {
	case <-future.Ok():
		return nil
	case err := <-future.Err():
		return unpublished(err)
	case <-late.C:
		return unpublished(fmt.Errorf("no confirmation within %v", s.confirm))
	case <-ctx.Done():
		return unpublished(context.Cause(ctx))
	}
}

// unpublished returns an error that hands back an item whose message is not confirmed.
func unpublished(err error) error {
	return &stages.HandBackError{After: time.Second, Err: fmt.Errorf("natsio: publish: %w", err)}
}

// settle accounts for an item. Done and Fail may be called concurrently with the inlet's goroutine.
func settle(in *stages.Inlet[*nats.Msg], it stages.Item[*nats.Msg], err error) {
	if err != nil {
		in.Fail(it, err)
		return
	}
	in.Done(it)
}
