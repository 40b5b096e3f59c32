package flowtest

import (
	"context"
	"sync"
	"time"

	"github.com/weir-go/weir/stages"
)

// Source is a source that follows a script: its methods add the steps, in order, and
// return the source. It ends after the last step, or during the step in which the intake
// stops. Write the script before the run. Emitted and Acks may be called at any time.
//
//	src := flowtest.NewSource[int]().Emit(1, 2).Sleep(time.Second).EmitAcked(3).Fail(io.ErrUnexpectedEOF)
type Source[T any] struct {
	steps []step[T]

	mu      sync.Mutex
	emitted []T
	acks    []Ack[T]
}

// step does one thing. It returns false if the source must return, with an error or nil.
type step[T any] func(ctx context.Context, out *stages.Outlet[T]) (bool, error)

// Ack is the acknowledgement of a value: it is done, or has failed and is not tried again.
type Ack[T any] struct {
	Value T
	Err   error
}

// NewSource returns a source with an empty script, which ends at once.
func NewSource[T any]() *Source[T] { return &Source[T]{} }

// Run implements [stages.Source].
func (s *Source[T]) Run(ctx context.Context, out *stages.Outlet[T]) error {
	for _, do := range s.steps {
		if ctx.Err() != nil {
			return nil
		}
		if on, err := do(ctx, out); !on {
			return err
		}
	}
	return nil
}

func (s *Source[T]) add(do step[T]) *Source[T] {
	s.steps = append(s.steps, do)
	return s
}

// Emit brings in values. It blocks while the stage below takes none.
func (s *Source[T]) Emit(vs ...T) *Source[T] {
	return s.add(func(ctx context.Context, out *stages.Outlet[T]) (bool, error) {
		for _, v := range vs {
			if ctx.Err() != nil || !out.Emit(v) {
				return false, nil
			}
			s.note(v)
		}
		return true, nil
	})
}

// EmitAcked brings in values, each with an acknowledgement; see [Source.Acks].
func (s *Source[T]) EmitAcked(vs ...T) *Source[T] {
	return s.add(func(ctx context.Context, out *stages.Outlet[T]) (bool, error) {
		for _, v := range vs {
			if ctx.Err() != nil || !out.EmitAcked(func(err error) { s.settle(v, err) }, v) {
				return false, nil
			}
			s.note(v)
		}
		return true, nil
	})
}

// Sleep waits for d, or until the intake stops.
func (s *Source[T]) Sleep(d time.Duration) *Source[T] {
	return s.add(func(ctx context.Context, _ *stages.Outlet[T]) (bool, error) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		return true, nil
	})
}

// Await waits until signal delivers or is closed, or until the intake stops. With a nil
// signal only the end of the intake ends the wait.
func (s *Source[T]) Await(signal <-chan struct{}) *Source[T] {
	return s.add(func(ctx context.Context, _ *stages.Outlet[T]) (bool, error) {
		select {
		case <-signal:
		case <-ctx.Done():
		}
		return true, nil
	})
}

// Repeat does the script so far over and over until the intake stops, and lets a
// moment pass between: steps after it are never reached.
func (s *Source[T]) Repeat() *Source[T] {
	steps := s.steps
	s.steps = nil
	pause := (&Source[T]{}).Sleep(time.Millisecond).steps[0]
	return s.add(func(ctx context.Context, out *stages.Outlet[T]) (bool, error) {
		for ctx.Err() == nil {
			for _, do := range append(steps[:len(steps):len(steps)], pause) {
				if on, err := do(ctx, out); !on {
					return false, err
				}
			}
		}
		return false, nil
	})
}

// Fail ends the source with an error, which stops the run.
func (s *Source[T]) Fail(err error) *Source[T] {
	return s.add(func(context.Context, *stages.Outlet[T]) (bool, error) { return false, err })
}

// Panic makes the source panic, which stops the run with a *[stages.PanicError].
func (s *Source[T]) Panic(value any) *Source[T] {
	return s.add(func(context.Context, *stages.Outlet[T]) (bool, error) { panic(value) })
}

func (s *Source[T]) note(v T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.emitted = append(s.emitted, v)
}

func (s *Source[T]) settle(v T, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acks = append(s.acks, Ack[T]{v, err})
}

// Emitted returns the values that the flow has taken so far, in order.
func (s *Source[T]) Emitted() []T {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]T(nil), s.emitted...)
}

// Acks returns the acknowledgements so far, in the order in which they came.
func (s *Source[T]) Acks() []Ack[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Ack[T](nil), s.acks...)
}
