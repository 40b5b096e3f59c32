package natsio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/weir-go/weir/stages"
)

// Source is a source of the messages of a pull consumer. js is the connection that the consumer
// was made with.
//
// A message is acknowledged when all that was made of it has left the flow. A message that fails,
// or is handed back, is negatively acknowledged, with the delay of [stages.HandBack]. See
// [Terminate] for a message that must not come again. While the source holds a message, it tells
// the server that the message is in progress, so a slow message does not come again. If it could
// not tell the server for 9 tenths of AckWait, another member may get the message. Then the context
// of the item ends, with a cause that matches [ack.ErrLost] and [stages.ErrHandedBack].
//
// The source continues when the connection is lost, for as long as the connection tries. Errors
// that cannot heal end the run: the consumer or its stream is gone, or the connection is closed.
// [Ends] decides otherwise.
//
// The source implements [stages.Finisher] and [stages.HealthReporter]. It is for one run at a time.
func Source(js jetstream.JetStream, c jetstream.Consumer, opts ...SourceOption) stages.Source[jetstream.Msg] {
	s := &source{js: js, consumer: c, settings: settings{inFlight: DefaultInFlight, confirm: time.Second, ends: lasts}}
	for _, opt := range opts {
		opt.source(&s.settings)
	}
	s.lag.Store(-1)
	return s
}

type source struct {
	js       jetstream.JetStream
	consumer jetstream.Consumer
	settings settings

	held     leases
	lag      atomic.Int64
	answered atomic.Bool // the server was sent an answer in this run

	mu    sync.Mutex
	err   error
	at    time.Time
	since uint64 // number of reconnects before the run
}

// Validate implements [stages.Validator].
func (s *source) Validate() error {
	if s.js == nil || s.consumer == nil {
		return errors.New("no JetStream, or no consumer")
	}
	return s.settings.validate()
}

// Describe implements [stages.Describer].
func (s *source) Describe() string {
	if s.consumer == nil {
		return "jetstream" // it is not valid
	}
	info := s.consumer.CachedInfo()
	return fmt.Sprintf("jetstream %s/%s, at most %d in flight", info.Stream, info.Name, s.settings.inFlight)
}

// Run implements [stages.Source].
func (s *source) Run(ctx context.Context, out *stages.Outlet[jetstream.Msg]) error {
	return s.run(ctx, func(l *lease, r stages.Receipt) bool { return out.Deliver(r, l.msg) })
}

// run sends messages into a flow by deliver, which returns false if it has not taken the message.
// One goroutine fetches and holds messages, and the goroutine of run delivers them. So messages
// that wait for room in the flow are also held.
func (s *source) run(ctx context.Context, deliver func(*lease, stages.Receipt) bool) error {
	config := s.consumer.CachedInfo().Config
	if config.AckPolicy != jetstream.AckExplicitPolicy {
		return fmt.Errorf("natsio: consumer %q does not have explicit acknowledgements", s.consumer.CachedInfo().Name)
	}
	s.mu.Lock()
	s.since, s.err, s.at = s.js.Conn().Stats().Reconnects, nil, time.Time{}
	s.mu.Unlock()
	term := termOf(config)
	s.held.start(s.js.Conn(), cmp.Or(s.settings.renew, term/3), term*9/10, s.trouble)
	fetched := make(chan error, 1)
	go func() {
		defer s.held.close()
		fetched <- s.fetch(ctx)
	}()
	s.bring(deliver)
	return <-fetched
}

// termOf returns how long the server waits before it delivers a message again.
func termOf(config jetstream.ConsumerConfig) time.Duration {
	term := config.AckWait
	for _, d := range config.BackOff {
		term = min(term, d)
	}
	if term <= 0 {
		term = 30 * time.Second // the default of the server
	}
	return term
}

// bring sends the queued messages into the flow, until the queue is closed and empty.
func (s *source) bring(deliver func(*lease, stages.Receipt) bool) {
	var batch []*lease
	for {
		var ok bool
		if batch, ok = s.held.take(batch[:0]); !ok {
			return
		}
		for _, l := range batch {
			if l.Err() != nil { // lost while it waited for room
				s.held.release(l)
				continue
			}
			r := stages.Receipt{Ack: func(err error) { s.settle(l, err) }, Context: l}
			if meta, err := l.msg.Metadata(); err == nil {
				r.Deliveries, r.ID = int(meta.NumDelivered), id(meta)
				s.lag.Store(int64(meta.NumPending))
			}
			if !deliver(l, r) {
				s.settle(l, stages.ErrAborted)
			}
		}
	}
}

// Finish implements [stages.Finisher]: the server has all acknowledgements.
func (s *source) Finish(ctx context.Context) error {
	s.held.stop()
	if !s.answered.Swap(false) {
		return nil // the server may never have been there
	}
	if err := s.js.Conn().FlushWithContext(ctx); err != nil {
		return fmt.Errorf("natsio: the last acknowledgements may not have reached the server: %w", err)
	}
	return nil
}

// Health implements [stages.HealthReporter]. The lag is that of the message fetched last.
func (s *source) Health() stages.Health {
	s.mu.Lock()
	defer s.mu.Unlock()
	return stages.Health{
		Unsettled:  int64(s.held.count()),
		Lag:        s.lag.Load(),
		Reconnects: int64(s.js.Conn().Stats().Reconnects - s.since),
		Err:        s.err,
		At:         s.at,
	}
}

// trouble records an error that does not end the run.
func (s *source) trouble(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.at = err, time.Now()
}
