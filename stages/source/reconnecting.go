package source

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
)

// Reconnecting restarts src when it fails. It calls Run of src again after the delay of
// the policy, until Run returns nil, the intake stops, or the policy gives up.
//
//	src:  --a-b-X   --c-X   -X     --d--|     X: an error
//	out:  --a-b-------c--------------d--|
//	wait:        1 s     1 s   2 s
//
// Attempts count from the last time that src has brought something in. So a policy such as
// retry.Exponential(10, time.Second) ends the run after 10 attempts in a row that brought
// nothing. The outcome of the error decides as in package retry: a permanent error (see
// [github.com/weir-go/weir/primitives/outcome]) and an ignored one end the run at once. So
// does the error of a client that has tried again by a retrier of its own, unless the
// policy has [retry.RetryNested]. [retry.Classify] decides otherwise. After the intake has
// stopped, only a permanent error is an error of the run.
//
// src must be able to run again: Run opens what it needs, and continues from its last
// position. Values that it brought before are not affected. Finish of src is called once,
// at the end. The health is that of src, and counts each new beginning as a reconnect.
func Reconnecting[T any](src stages.Source[T], policy retry.Source) stages.Source[T] {
	return &reconnecting[T]{src: src, policy: policy}
}

type reconnecting[T any] struct {
	src    stages.Source[T]
	policy retry.Source

	mu    sync.Mutex // Guarded by: mu, all fields below
	again int64
	err   error
	at    time.Time
}

// Validate implements [stages.Validator].
func (s *reconnecting[T]) Validate() error {
	if s.src == nil {
		return errors.New("source is nil")
	}
	var err error
	if v, ok := s.src.(stages.Validator); ok {
		err = v.Validate()
	}
	if s.policy == nil {
		return errors.Join(err, errors.New("policy is nil"))
	}
	_, fault := s.policy.Retrier()
	return errors.Join(err, fault)
}

func (s *reconnecting[T]) Run(ctx context.Context, out *stages.Outlet[T]) error {
	retrier, err := s.policy.Retrier()
	if err != nil {
		return err
	}
	node := kernel.OutletOf(out).Node()
	try := retry.Try{Attempt: 1, Began: retrier.Begin()}
	for {
		before := node.Ledger().Out
		err := s.src.Run(ctx, out)
		if err == nil {
			return nil
		}
		if node.Ledger().Out > before {
			try = retry.Try{Attempt: 1, Began: retrier.Begin()}
		}
		try.Err = err
		verdict := retrier.Next(ctx, try)
		switch {
		case !verdict.Retry && ctx.Err() != nil && verdict.Reason != retry.Permanent:
			s.trouble(err, 0) // it does not matter any more
			return nil
		case !verdict.Retry:
			return verdict.Err
		}
		if !verdict.Free {
			try.Attempt, try.Waited = try.Attempt+1, verdict.Delay
		}
		s.trouble(err, 1)
		if !sleep(ctx, verdict.Delay) {
			return nil
		}
	}
}

// trouble records an error that does not end the run.
func (s *reconnecting[T]) trouble(err error, again int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.again += again
	s.err, s.at = err, time.Now()
}

// sleep returns false if ctx has ended.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Finish implements [stages.Finisher].
func (s *reconnecting[T]) Finish(ctx context.Context) error {
	if f, ok := s.src.(stages.Finisher); ok {
		return f.Finish(ctx)
	}
	return nil
}

// Health implements [stages.HealthReporter].
func (s *reconnecting[T]) Health() stages.Health {
	h := stages.Health{Lag: -1}
	if r, ok := s.src.(stages.HealthReporter); ok {
		h = r.Health()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	h.Reconnects += s.again
	if s.err != nil && !h.At.After(s.at) {
		h.Err, h.At = s.err, s.at
	}
	return h
}

// Describe implements [stages.Describer].
func (s *reconnecting[T]) Describe() string {
	if d, ok := s.src.(stages.Describer); ok {
		return fmt.Sprintf("reconnecting, %s", d.Describe())
	}
	return "reconnecting"
}
