package stages

import "context"

// Chan is a source of what arrives on ch, until ch is closed. What is still in
// ch when the intake stops stays there.
func Chan[T any](ch <-chan T) Source[T] { return &chanSource[T]{ch} }

type chanSource[T any] struct{ ch <-chan T }

func (s *chanSource[T]) Validate() error { return needs(s.ch == nil, "channel is nil") }

func (s *chanSource[T]) Run(ctx context.Context, out *Outlet[T]) error {
	for ctx.Err() == nil {
		select {
		case v, ok := <-s.ch:
			if !ok || !out.Emit(v) {
				return nil
			}
		case <-ctx.Done():
		}
	}
	return nil
}

// Into is a sink that sends the values to ch and closes it at the end of the
// stream. It blocks while nobody receives, which is backpressure; an abort of
// the flow ends the wait, and the value fails.
func Into[T any](ch chan<- T) Sink[T] { return &chanSink[T]{ch} }

type chanSink[T any] struct{ ch chan<- T }

func (s *chanSink[T]) Validate() error { return needs(s.ch == nil, "channel is nil") }

func (s *chanSink[T]) Run(ctx context.Context, in *Inlet[T]) error {
	defer close(s.ch)
	for it := range in.All() {
		select {
		case s.ch <- it.Value:
			in.Done(it)
		case <-ctx.Done():
			in.Fail(it, in.rt.abortError())
		}
	}
	return nil
}
