package typed

import (
	"github.com/weir-go/weir/internal/lineage"
)

// remembered holds a value that an item remembers.
type remembered[T any] struct{ v T }

// Value implements lineage.Memory.
func (r *remembered[T]) Value() any { return r.v }

// Memory returns a value for an item to remember.
func Memory[T any](v T) lineage.Memory { return &remembered[T]{v} }
