package typed

import (
	"unsafe"

	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/lineage"
)

type column[T any] struct{ v []T }

func (*column[T]) Make(size int) handoff.Column { return &column[T]{make([]T, size)} }
func (c *column[T]) Value(i int) any            { return c.v[i] }
func (c *column[T]) Clear(from, to int)         { clear(c.v[from:to]) }

func (c *column[T]) CopyTo(dst handoff.Column, at, from, to int) {
	copy(dst.(*column[T]).v[at:], c.v[from:to])
}

// Of returns a maker of columns of T.
func Of[T any]() handoff.Columns {
	return handoff.Columns{Column: (*column[T])(nil), Most: handoff.MostOf(unsafe.Sizeof(*new(T)))}
}

// Values returns the values of a batch of T. It costs one type assertion a batch.
func Values[T any](b *handoff.Batch) []T { return b.Vals.(*column[T]).v }

// ColumnValues returns the values of a column of T.
func ColumnValues[T any](c handoff.Column) []T { return c.(*column[T]).v }

// At returns the value of the current item.
func At[T any](in *kernel.Inlet) T { return Values[T](in.B)[in.Pos] }

// Next returns the next item of in.
func Next[T any](in *kernel.Inlet) (v T, m kernel.Meta, ok bool) {
	if m, ok, _ = in.Next(nil); ok {
		v = At[T](in)
	}
	return v, m, ok
}

// Send sends an item on.
func Send[T any](out *kernel.Outlet, m *kernel.Meta, v T) {
	if b, at, ok := out.Send(m); ok {
		Values[T](b)[at] = v
		out.Publish()
	}
}

// Bring sends a new value from a source, with what the source says about it.
func Bring[T any](out *kernel.Outlet, e lineage.Entry, v T) {
	out.Bring([]lineage.Entry{e}, func(b *handoff.Batch, at, _, _ int) { Values[T](b)[at] = v })
}

// Emit sends a new value from a source. It returns false if the run was aborted.
func Emit[T any](out *kernel.Outlet, v T) bool {
	b, at, ok := out.Emit()
	if ok {
		Values[T](b)[at] = v
		out.Publish()
	}
	return ok
}
