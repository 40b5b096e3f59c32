package handoff

import "github.com/weir-go/weir/internal/lineage"

// Column holds the values of a batch. Package typed has the only implementation. An edge moves
// values and never looks at them. The compiler makes each method anew for each type of values.
type Column interface {
	// Make returns another column of the same type, for size values.
	Make(size int) Column
	// Value returns value i in an interface.
	Value(i int) any
	// Clear zeroes the values from from up to to.
	Clear(from, to int)
	// CopyTo copies the values from from up to to into dst, from at on. dst must hold values of the
	// same type.
	CopyTo(dst Column, at, from, to int)
}

// Columns makes columns of one type.
type Columns struct {
	Column     // of the type; only for [Column.Make]
	Most   int // the largest useful size of a batch: large values get smaller batches
}

// BatchSize is the largest number of items in a batch. A mask of this many bits is a set of items
// of a batch.
const BatchSize = lineage.SlabSize

// batchBytes bounds the memory of the values of one batch.
const batchBytes = 64 << 10

// MostOf returns Columns.Most for values of this size.
func MostOf(bytes uintptr) int {
	return int(min(BatchSize, max(4, batchBytes/max(1, bytes))))
}
