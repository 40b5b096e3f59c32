package sink

import (
	"context"
	"errors"

	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/internal/async"
)

// Async is a sink for values that are confirmed later than they are sent. publish sends a value to
// a broker, and done is called when the broker has confirmed the value.
//
//	in:       --a--b--c---------|
//	publish:  --a--b--c---------
//	done:     -------a----c-b---
//
// publish is called in order, from one goroutine. It must have done called once, from any
// goroutine; publish may call done before it returns. Later calls of done do nothing. While
// inFlight values are not done, publish is not called. Values can be done in any order. An error
// given to done fails the item: the run stops with it, unless it is [stages.HandBack] or
// [stages.ErrDrop]. A panic of publish fails the item. If publish ends its goroutine, the item
// fails and the run is aborted, with [stages.ErrGoexit].
//
// ctx is that of the item. It ends when the flow is aborted, and when done is called. The sink
// waits for all calls of done, so publish must ensure that done is called when ctx ends. If done gets
// the error of ctx then, the item goes back to a source that has ended ctx to hand it back.
func Async[T any](inFlight int, publish func(ctx context.Context, v T, done func(error))) stages.Sink[T] {
	return &asyncSink[T]{inFlight, publish}
}

type asyncSink[T any] struct {
	inFlight int
	publish  func(context.Context, T, func(error))
}

// Validate implements [stages.Validator].
func (s *asyncSink[T]) Validate() error {
	err := async.Check(s.inFlight)
	if s.publish == nil {
		err = errors.Join(err, errors.New("function is nil"))
	}
	return err
}

func (s *asyncSink[T]) Run(ctx context.Context, in *stages.Inlet[T]) error {
	async.Run(ctx, in, s.inFlight, func(ctx context.Context, it stages.Item[T], done func(error)) {
		s.publish(ctx, it.Value, done)
	})
	return nil
}
