package pgio

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/ack"
)

// Source returns a source of the rows of the queue. It is for one run at a time; call Source again
// for another one. Errors that can heal, such as a server that restarts, do not end the run:
// [stages.Health] shows them.
//
// A row that is done is deleted. A row that is handed back or aborted is handed out again, after
// the delay if one was asked for. So is a row whose failure stops the run. While a row is in the
// flow its lease is renewed. If the lease is lost, the context of the row ends.
func (q *Queue) Source() *Source { return &Source{queue: q} }

// Source is a [stages.Source] of rows.
type Source struct {
	queue *Queue

	mu      sync.Mutex
	intake  *intake // of the last run; nil before the first
	refused int     // runs that were refused and have not called Finish
	health  stages.Health
}

var (
	_ stages.Source[Row]    = (*Source)(nil)
	_ stages.Finisher       = (*Source)(nil)
	_ stages.HealthReporter = (*Source)(nil)
	_ stages.Validator      = (*Source)(nil)
	_ stages.Describer      = (*Source)(nil)
	_ stages.Bounded        = (*Source)(nil)
)

// Validate implements [stages.Validator].
func (s *Source) Validate() error { return s.queue.Validate() }

// Describe implements [stages.Describer].
func (s *Source) Describe() string { return "PostgreSQL queue " + s.queue.name }

// MaxUnsettled implements [stages.Bounded], by [InFlight].
func (s *Source) MaxUnsettled() int { return s.queue.inFlight }

// Health implements [stages.HealthReporter]. Lag counts the rows that are due, up to 100,000.
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

// Run implements [stages.Source].
func (s *Source) Run(ctx context.Context, out *stages.Outlet[Row]) error {
	return s.run(ctx, func(rs []stages.Receipt, vs []Row) int { return out.DeliverAll(rs, vs) })
}

// emit sends values into the flow. It returns how many the flow has taken: see
// [stages.Outlet.DeliverAll].
type emit func([]stages.Receipt, []Row) (taken int)

func (s *Source) run(ctx context.Context, out emit) error {
	r, err := s.begin()
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wg.Go(func() { r.listen(ctx) })
	for ctx.Err() == nil {
		n := r.room(ctx)
		rows, err := r.next(ctx, n)
		if err != nil {
			return fmt.Errorf("pgio: queue %q: %w", s.queue.name, err)
		}
		r.deliver(out, rows)
		if len(rows) < n {
			r.idle(ctx)
		} else {
			r.count(ctx)
		}
	}
	return nil
}

func (s *Source) begin() (*intake, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.intake != nil {
		s.refused++
		return nil, errors.New("pgio: the source is in another run")
	}
	s.health = stages.Health{Lag: -1}
	s.intake = newIntake(s)
	return s.intake, nil
}

// Finish implements [stages.Finisher]: it settles what waits for that.
func (s *Source) Finish(ctx context.Context) error {
	r := s.ending()
	if r == nil {
		return nil
	}
	err := errors.Join(r.done.Close(ctx), r.back.Close(ctx))
	r.leases.Close()
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

// note records the number of waiting rows.
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

// settleSize is the largest number of rows that one statement settles.
const settleSize = 1000

func newIntake(s *Source) *intake {
	r := &intake{Source: s, wake: make(chan struct{}, 1), freed: make(chan struct{}, 1)}
	r.done = &ack.Batch[held]{Size: settleSize, Delay: settleDelay, Send: r.remove, Nack: r.handBack}
	r.back = &ack.Batch[returned]{Size: settleSize, Send: r.release}
	r.leases = &ack.Leases[token]{Term: s.queue.term - s.queue.term/10, Every: s.queue.term / 3, Size: settleSize, Renew: r.renew}
	return r
}
