package buckets

import (
	"math"
	"math/bits"
	"sync"
	"sync/atomic"
)

const (
	// Schema is the number of the layout: there are 2^Schema buckets for each power of two.
	Schema = 3
	// First is the number, in the layout, of the bucket with index 1. Its upper bound is 2^(First /
	// 2^Schema) seconds, about a nanosecond.
	First = -30 << Schema
	last  = 14 << Schema // 4.5 hours

	// Len is the number of buckets. The bucket with index 0 is for durations of 0.
	Len = last - First + 2

	steps = 16 // linear steps of the table for each power of two
)

// Histogram holds counts of durations. Any goroutine may add and read. Only [New] makes one.
type Histogram struct{ counts [Len]atomic.Uint64 }

// New returns an empty histogram.
func New() *Histogram {
	fill()
	return new(Histogram)
}

// Add adds n durations to the bucket with an index. It neither blocks nor allocates.
func (h *Histogram) Add(index int, n uint64) { h.counts[index].Add(n) }

// Read returns the counts by index.
func (h *Histogram) Read() []uint64 {
	counts := make([]uint64, Len)
	for i := range counts {
		counts[i] = h.counts[i].Load()
	}
	return counts
}

var (
	upper [Len]int64        // the longest duration of a bucket, in nanoseconds
	start [63 * steps]int16 // the bucket of the shortest duration of a step
	fill  = sync.OnceFunc(func() {
		for i := 1; i < Len; i++ {
			upper[i] = int64(math.Exp2(float64(First+i-1)/(1<<Schema)) * 1e9)
		}
		upper[Len-1] = math.MaxInt64
		for at, i := 0, 1; at < len(start); at++ {
			e, step := at/steps, uint64(at%steps)
			shortest := int64((steps | step) << 59 >> (63 - e)) // a step of less than 1 ns begins below its only duration
			for upper[i] < shortest {
				i++
			}
			start[at] = int16(i)
		}
	})
)

// Index returns the index of the bucket of a duration in nanoseconds. [New] must have been called
// before.
//
// A step of the table is at most 1/16 of its durations wide, and a bucket 9 %. So a step overlaps
// at most two buckets, and one comparison decides between them.
func Index(ns int64) int {
	if ns <= 0 {
		return 0
	}
	e := bits.Len64(uint64(ns)) - 1
	i := int(start[e*steps+int(uint64(ns)<<(63-e)>>59&(steps-1))])
	if ns > upper[i] {
		i++
	}
	return i
}

// Upper returns the longest duration of a bucket in nanoseconds.
func Upper(index int) int64 {
	fill()
	return upper[index]
}

// Quantile returns an estimate of the duration below which a share q of the counted durations lies.
// q is from 0 to 1. The estimate is the geometric middle of a bucket. It is 0 if nothing was
// counted.
func Quantile(counts []uint64, q float64) int64 {
	total := uint64(0)
	for _, n := range counts {
		total += n
	}
	if total == 0 {
		return 0
	}
	rank := max(uint64(math.Ceil(q*float64(total))), 1)
	for i, n := range counts {
		if rank > n {
			rank -= n
			continue
		}
		if i == 0 {
			return 0
		}
		return int64(math.Round(math.Exp2((float64(First+i-1)-0.5)/(1<<Schema)) * 1e9))
	}
	return 0
}
