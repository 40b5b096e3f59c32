package handoff

import (
	"sync/atomic"

	"github.com/weir-go/weir/internal/fault"
	"github.com/weir-go/weir/internal/lineage"
)

// Marks of a batch say what any of its items has. The sender sets them before it publishes the
// item. They stay until the batch is used again.
const (
	HasFault uint32 = 1 << iota // an item has failed
	HasLimit                    // an item has a deadline or a context
	HasTrail                    // an item has a trail
)

// Batch has up to BatchSize items as columns. The sender appends items, and publishes them by
// storing filled. The receiver reads published items in place.
//
//	Owner: places below filled belong to the receiver, the others to the sender.
type Batch struct {
	Vals   Column
	Trails []*lineage.Trail // nil for an item without a trail; all are nil unless HasTrail
	Left   []int64          // time at which the item left the stage before; only in a timed run
	Faults []*fault.Fault   // only if HasFault

	first  int64 // position of place 0 in the stream
	Marks  atomic.Uint32
	filled atomic.Int64 // position behind the last published place
	next   atomic.Pointer[Batch]
}

// NewBatch returns a batch that belongs to no edge.
func NewBatch(columns Columns, size int) *Batch {
	return &Batch{Vals: columns.Make(size), Trails: make([]*lineage.Trail, size), Left: make([]int64, size)}
}

// Size returns the number of places.
func (b *Batch) Size() int { return len(b.Trails) }

// count returns how many places are published.
func (b *Batch) count() int { return int(b.filled.Load() - b.first) }

// Has reports whether the batch has any of the marks.
func (b *Batch) Has(mark uint32) bool { return b.Marks.Load()&mark != 0 }

// Mark sets marks. The sender calls it before it publishes the item.
func (b *Batch) Mark(marks uint32) {
	if old := b.Marks.Load(); old&marks != marks {
		b.Marks.Store(old | marks)
	}
}

// Fault returns the failure of place i, nil if the item is healthy.
func (b *Batch) Fault(i int) *fault.Fault {
	if !b.Has(HasFault) {
		return nil
	}
	return b.Faults[i]
}

// Plain counts the healthy places from from on, up to the first failed one or to.
func (b *Batch) Plain(from, to int) int {
	if !b.Has(HasFault) {
		return to - from
	}
	for i := from; i < to; i++ {
		if b.Faults[i] != nil {
			return i - from
		}
	}
	return to - from
}

// Trail returns the trail of place i, nil if the item has none.
func (b *Batch) Trail(i int) *lineage.Trail {
	if !b.Has(HasTrail) {
		return nil
	}
	return b.Trails[i]
}

// Spoil gives place i a failure. The place must not be published yet.
func (b *Batch) Spoil(i int, f *fault.Fault) {
	if b.Faults == nil {
		b.Faults = make([]*fault.Fault, b.Size())
	}
	b.Faults[i] = f
	b.Mark(HasFault)
}

// SetTrail sets the trail of place i, which may be nil. The place must not be published yet.
func (b *Batch) SetTrail(i int, t *lineage.Trail) {
	b.Trails[i] = t
	if t != nil {
		b.Mark(MarksOf(t))
	}
}

// Take copies the places from from up to to of src to the places from at on.
func (b *Batch) Take(at int, src *Batch, from, to int) {
	src.Vals.CopyTo(b.Vals, at, from, to)
	marks := src.Marks.Load()
	if marks&HasTrail != 0 {
		copy(b.Trails[at:], src.Trails[from:to])
		copy(b.Left[at:], src.Left[from:to])
	} else if b.Has(HasTrail) {
		clear(b.Trails[at : at+to-from])
	}
	if marks&HasFault != 0 {
		for i := from; i < to; i++ {
			if f := src.Faults[i]; f != nil {
				b.Spoil(at+i-from, f)
			}
		}
	}
	b.Mark(marks &^ HasFault)
}

// Reset clears the batch but keeps its memory. The caller must own the whole batch.
func (b *Batch) Reset() {
	marks := b.Marks.Load()
	if marks == 0 {
		return
	}
	if marks&HasFault != 0 {
		clear(b.Faults)
	}
	if marks&HasTrail != 0 {
		clear(b.Trails)
	}
	b.Marks.Store(0)
}

// MarksOf returns the marks that t requires of its batch.
func MarksOf(t *lineage.Trail) uint32 {
	if t.Limited() {
		return HasTrail | HasLimit
	}
	return HasTrail
}
