package bulk

import (
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
)

// Values is the values of a batch.
type Values[T any] struct {
	In  *kernel.Inlet
	all []T
}

// Take implements [Batch].
func (v *Values[T]) Take() { v.all = append(v.all, typed.At[T](v.In)) }

// Value implements [Batch].
func (v *Values[T]) Value(i int) any { return v.all[i] }

// Copy returns the values at the indices in live. They belong to the caller.
func (v *Values[T]) Copy(live []int) []T {
	values := make([]T, len(live))
	for at, i := range live {
		values[at] = v.all[i]
	}
	return values
}
