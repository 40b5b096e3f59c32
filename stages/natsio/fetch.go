package natsio

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// answer is the time that the server may take to tell whether the consumer exists.
	answer = time.Second
	// pause is the time between tries while something is wrong.
	pause = 50 * time.Millisecond
)

// fetch requests and holds messages, until ctx ends or an error ends the run.
func (s *source) fetch(ctx context.Context) error {
	var away absence
	for {
		n, ok := s.held.room(ctx, s.settings.inFlight)
		if !ok {
			return nil
		}
		ends, err := s.pull(ctx, n)
		if err == nil {
			away = absence{}
			continue
		}
		if s.missing(ctx, err) {
			err = away.over(err)
		}
		if ctx.Err() != nil {
			return nil // Finish reports what matters now
		}
		if ends || s.settings.ends(err) {
			return fmt.Errorf("consumer %q: %w", s.consumer.CachedInfo().Name, err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
	}
}

// pull makes a request for n messages, and holds them as they arrive, until there are n or ctx
// ends. An endless consumption would fetch more than the source can hold. ends says that the error
// ends the run.
func (s *source) pull(ctx context.Context, n int) (ends bool, failed error) {
	type failure struct {
		err  error
		ends bool
	}
	first := make(chan failure, 1)
	most, within := requestOf(s.consumer.CachedInfo().Config, n)
	cc, err := s.consumer.Consume(s.held.hold, jetstream.PullMaxMessages(most), jetstream.PullExpiry(within), jetstream.StopAfter(n),
		jetstream.ConsumeErrHandler(func(cc jetstream.ConsumeContext, err error) {
			s.trouble(err)
			f := failure{err: err}
			if !interrupts(err) { // fetch handles errors that interrupt a request
				if f.ends = s.settings.ends(err); !f.ends {
					return
				}
			}
			select {
			case first <- f:
			default:
			}
			cc.Stop()
		}))
	if err != nil {
		s.trouble(err)
		return false, err
	}
	closed := cc.Closed()
	select {
	case <-closed:
	case <-ctx.Done():
		if s.js.Conn().IsConnected() {
			cc.Drain() // messages that the server has sent are still held
		} else {
			cc.Stop() // a drain would wait for the server
		}
		<-closed
	}
	select {
	case f := <-first:
		return f.ends, f.err
	default:
		return false, nil
	}
}

// requestOf returns how many messages a single request asks for, to get n of them, and how long it
// waits. The server refuses requests above the bounds of the consumer.
func requestOf(c jetstream.ConsumerConfig, n int) (most int, within time.Duration) {
	most, within = n, jetstream.DefaultExpires
	if c.MaxRequestBatch > 0 {
		most = min(most, c.MaxRequestBatch)
	}
	if c.MaxRequestExpires > 0 {
		within = min(within, c.MaxRequestExpires)
	}
	return most, within
}

// missing asks the server whether the consumer exists, after an error.
func (s *source) missing(ctx context.Context, err error) bool {
	if errors.Is(err, jetstream.ErrConsumerDeleted) {
		return true
	}
	if !errors.Is(err, nats.ErrNoResponders) {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	_, err = s.consumer.Info(ctx)
	return errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrStreamNotFound)
}
