package redisio

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/ack"
)

// Source returns a source of the entries of the stream: a member of the group. It is for one run at
// a time. Errors that can heal, such as a server that restarts or fails over, do not end the run:
// [stages.Health] shows them. A group that is lost with the server's data is made again.
//
// DeliveredCount of an entry tells how often it was handed out, this time included. An entry that is
// done is acknowledged. An entry that is handed back or aborted is handed out again, after the
// delay if one was asked for. So is an entry whose failure stops the run. If the lease of an entry
// is lost, its context ends.
func (s *Stream) Source() *Source { return &Source{stream: s} }

// Source is a [stages.Source] of entries.
type Source struct {
	stream *Stream

	mu      sync.Mutex
	intake  *intake // of the last run; nil before the first
	refused int     // runs that were refused and have not called Finish
	health  stages.Health
}

var (
	_ stages.Source[redis.XMessage] = (*Source)(nil)
	_ stages.Finisher               = (*Source)(nil)
	_ stages.HealthReporter         = (*Source)(nil)
	_ stages.Validator              = (*Source)(nil)
	_ stages.Describer              = (*Source)(nil)
	_ stages.Bounded                = (*Source)(nil)
)

// Validate implements [stages.Validator].
func (s *Source) Validate() error { return s.stream.Validate() }

// Describe implements [stages.Describer].
func (s *Source) Describe() string {
	return "Redis stream " + s.stream.key + ", group " + s.stream.group
}

// MaxUnsettled implements [stages.Bounded], by [InFlight].
func (s *Source) MaxUnsettled() int { return s.stream.inFlight }

// Health implements [stages.HealthReporter]. Lag counts the entries that no member has had.
func (s *Source) Health() stages.Health {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.health
	if s.intake != nil {
		h.Unsettled = s.intake.unsettled.Load()
	}
	return h
}

// trouble records an error that does not end the run.
func (s *Source) trouble(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.health.Err, s.health.At = err, time.Now()
}

func (s *Source) note(lag int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.health.Lag = lag
}

func (s *Source) reconnected() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.health.Reconnects++
}

// Run implements [stages.Source].
func (s *Source) Run(ctx context.Context, out *stages.Outlet[redis.XMessage]) error {
	return s.run(ctx, func(rs []stages.Receipt, vs []redis.XMessage) int { return out.DeliverAll(rs, vs) })
}

// emit sends values into the flow. It returns how many the flow has taken: see
// [stages.Outlet.DeliverAll].
type emit func([]stages.Receipt, []redis.XMessage) (taken int)

func (s *Source) run(ctx context.Context, out emit) error {
	r, err := s.begin()
	if err != nil {
		return err
	}
	reader, end := s.stream.reader()
	defer end()
	r.reader = reader
	err = r.call(ctx, s.stream.open)
	for err == nil && ctx.Err() == nil {
		n := r.room(ctx)
		var messages []redis.XMessage
		if messages, err = r.next(ctx, n); err == nil {
			r.deliver(out, messages)
		}
	}
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("redisio: stream %q: %w", s.stream.key, err)
	}
	return nil
}

func (s *Source) begin() (*intake, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.intake != nil {
		s.refused++
		return nil, errors.New("redisio: the source is in another run")
	}
	s.health = stages.Health{Lag: -1}
	s.intake = newIntake(s)
	return s.intake, nil
}

// Finish implements [stages.Finisher]: it acknowledges what waits for that, and leaves the group. If
// it cannot leave, [stages.Health] shows the error, and others remove the member later.
func (s *Source) Finish(ctx context.Context) error {
	r := s.ending()
	if r == nil {
		return nil
	}
	err := errors.Join(r.done.Close(ctx), r.back.Close(ctx))
	r.leases.Close()
	if err == nil {
		if err := s.stream.leave(ctx, r.me); err != nil {
			s.trouble(err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.intake = nil
	return err
}

// ending returns the intake of the run that calls Finish, nil if the run has none.
func (s *Source) ending() *intake {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refused > 0 {
		s.refused--
		return nil
	}
	return s.intake
}

const (
	// settleSize is the largest number of entries that one command acknowledges. settleDelay is how
	// long a done entry waits for others.
	settleSize  = 1000
	settleDelay = 5 * time.Millisecond
)

func newIntake(s *Source) *intake {
	r := &intake{Source: s, me: s.stream.member(), freed: make(chan struct{}, 1)}
	r.done = &ack.Batch[held]{Size: settleSize, Delay: settleDelay, Send: r.acknowledge, Nack: r.handBack}
	r.back = &ack.Batch[returned]{Size: settleSize / 2, Send: r.release}
	r.leases = &ack.Leases[token]{Term: s.stream.term - s.stream.term/10, Every: s.stream.term / 3, Size: settleSize / 2, Renew: r.renew}
	return r
}
