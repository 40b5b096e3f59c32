package sink

import (
	"context"
	"errors"
	"fmt"

	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
)

// Into is a sink that sends the values to ch, and closes ch at the end of the stream. It blocks
// until each value is received or has room in ch, which is backpressure. An abort of the flow
// ends the wait, and the value fails. If other code closes ch, the values fail, and the run
// stops with that.
func Into[T any](ch chan<- T) stages.Sink[T] { return &into[T]{ch} }

type into[T any] struct{ ch chan<- T }

// Validate implements [stages.Validator].
func (s *into[T]) Validate() error {
	if s.ch == nil {
		return errors.New("channel is nil")
	}
	return nil
}

func (s *into[T]) Run(ctx context.Context, in *stages.Inlet[T]) error {
	sending := sending[T]{in: kernel.Of(in), ch: s.ch}
	defer sending.close()
	for {
		if _, ok, _ := sending.in.Next(nil); !ok {
			return nil
		}
		sending.at, sending.to = sending.in.Neighbours(handoff.BatchSize)
		for sending.at < sending.to {
			sending.some(ctx)
		}
	}
}

// sending is a running Into.
type sending[T any] struct {
	in     *kernel.Inlet
	ch     chan<- T
	at, to int // places at hand that are not accounted for
	sent   int // how many of them were sent
}

// some sends the values at hand, until one fails.
func (s *sending[T]) some(ctx context.Context) {
	run := s.in.Node().Run()
	err := s.in.Node().Protect(func() error { return s.all(ctx) })
	s.done()
	switch {
	case run.Aborted():
		for ; s.at < s.to; s.at++ {
			s.in.FailAt(s.at, run.AbortError(), 0)
		}
	case err != nil:
		s.in.FailAt(s.at, fmt.Errorf("the channel was closed before the end of the stream: %w", err), 1)
		s.at++
	}
}

// all sends the values at hand. It returns early if the run is aborted.
func (s *sending[T]) all(ctx context.Context) error {
	values := typed.Values[T](s.in.B)[s.at:s.to]
	for s.sent < len(values) && ctx.Err() == nil {
		select {
		case s.ch <- values[s.sent]:
			s.sent++
			continue
		default:
		}
		values = values[s.done():] // before it waits for the receiver
		select {
		case s.ch <- values[0]:
			s.sent++
		case <-ctx.Done():
		}
	}
	return nil
}

// done accounts for the values that were sent, and returns their number.
func (s *sending[T]) done() (n int) {
	n, s.sent = s.sent, 0
	if n > 0 {
		s.in.DoneRun(s.at, s.at+n)
		s.at += n
	}
	return n
}

// close closes the channel. If it was closed already, the items fail.
func (s *sending[T]) close() {
	_ = s.in.Node().Protect(func() error { close(s.ch); return nil })
}
