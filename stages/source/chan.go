package source

import (
	"context"
	"errors"

	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
)

// Chan is a source of the values that arrive on ch, until ch is closed. What is still in ch
// when the intake stops stays there.
func Chan[T any](ch <-chan T) stages.Source[T] { return &chanSource[T]{ch} }

type chanSource[T any] struct{ ch <-chan T }

// Validate implements [stages.Validator].
func (s *chanSource[T]) Validate() error {
	if s.ch == nil {
		return errors.New("channel is nil")
	}
	return nil
}

func (s *chanSource[T]) Run(ctx context.Context, out *stages.Outlet[T]) error {
	p := newPen[T](out)
	defer p.end()
	for ctx.Err() == nil {
		v, ok, waited := s.receive(ctx)
		if waited {
			p.waited()
		}
		if !ok || !p.emit(v) {
			return nil
		}
	}
	return nil
}

// receive returns the next value. ok is false if the channel was closed or ctx has ended. waited
// reports whether it had to wait.
func (s *chanSource[T]) receive(ctx context.Context) (v T, ok, waited bool) {
	select {
	case v, ok = <-s.ch:
		return v, ok, false
	default:
	}
	select {
	case v, ok = <-s.ch:
	case <-ctx.Done():
	}
	return v, ok, true
}

// pen sends the values of a source that has one goroutine.
type pen[T any] struct {
	out    *stages.Outlet[T]
	k      *kernel.Outlet
	src    *kernel.Source // nil if the run can leave the source behind
	batch  *handoff.Batch
	values []T
}

func newPen[T any](out *stages.Outlet[T]) *pen[T] {
	p := &pen[T]{out: out, k: kernel.OutletOf(out)}
	if !p.k.Node().Run().Detached() { // a source that was left behind may continue later
		p.src = kernel.NewSource(p.k)
	}
	return p
}

func (p *pen[T]) end() {
	if p.src != nil {
		p.src.End()
	}
}

// waited says that the source had to wait for its next value.
func (p *pen[T]) waited() {
	if p.src != nil {
		p.src.Waited()
	}
}

// emit sends v. It blocks while there is no room or the source is paused. It reports whether the
// source should continue.
func (p *pen[T]) emit(v T) bool {
	if p.src == nil {
		return p.out.Emit(v) && !p.k.Node().Stopping()
	}
	if p.src.Room == 0 && !p.src.More() || p.src.Paused() {
		return false
	}
	if p.src.B != p.batch {
		p.batch, p.values = p.src.B, typed.Values[T](p.src.B)
	}
	p.values[p.src.At] = v
	return p.src.Publish(1)
}
