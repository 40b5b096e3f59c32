package handoff

import "github.com/weir-go/weir/internal/lineage"

// Column holds the values of a batch. Package typed has the only implementation. An edge moves
// values and never looks at them.
type Column interface {
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
	// Make returns a column of size values.
	Make func(size int) Column
	// Most is the largest useful size of a batch: large values get smaller batches.
	Most int
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
