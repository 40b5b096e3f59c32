package source

import (
	"context"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
)

// Slice is a source of the values of a slice, in order. The slice must not be changed while
// the flow runs. It can be run again.
func Slice[T any](values []T) stages.Source[T] { return sliceSource[T](values) }

type sliceSource[T any] []T

func (s sliceSource[T]) Run(_ context.Context, out *stages.Outlet[T]) error {
	src := kernel.NewSource(kernel.OutletOf(out))
	defer src.End()
	for rest := s; len(rest) > 0; {
		if src.Room == 0 && !src.More() {
			return nil
		}
		n := copy(typed.Values[T](src.B)[src.At:src.At+src.Room], rest)
		rest = rest[n:]
		if !src.Publish(n) {
			return nil
		}
	}
	return nil
}
