package kernel

import (
	"math/bits"

	"github.com/weir-go/weir/internal/handoff"
)

// Mask is a set of items of a batch, by place.
type Mask uint64

// Span returns the mask of the places from from up to to.
func Span(from, to int) Mask { return ^Mask(0) >> (handoff.BatchSize - (to - from)) << from }

// One returns the mask of one place.
func One(place int) Mask { return 1 << place }

// Run returns the first run of adjacent places in m. m must not be empty.
func (m Mask) Run() (from, to int) {
	from = m.First()
	return from, from + bits.TrailingZeros64(^(uint64(m) >> from))
}

// First returns the first place in m. m must not be empty.
func (m Mask) First() int { return bits.TrailingZeros64(uint64(m)) }

// Len returns the number of places in m.
func (m Mask) Len() int { return bits.OnesCount64(uint64(m)) }

// Without returns m without the places from from up to to.
func (m Mask) Without(from, to int) Mask { return m &^ Span(from, to) }
