package main

import (
	"math"
	"time"
)

// latency counts durations in buckets from 100 µs on, each a fifth wider than the one
// before. So its quantiles are at most a fifth too high. It is not safe for concurrent
// use.
type latency struct {
	buckets [84]int64 // the last one ends after more than five minutes
	count   int64
	longest time.Duration
}

const (
	firstBucket = 100 * time.Microsecond
	growth      = 1.2
)

func (l *latency) add(d time.Duration) {
	bucket := 0
	if d > firstBucket {
		bucket = int(math.Ceil(math.Log(float64(d)/float64(firstBucket)) / math.Log(growth)))
	}
	l.buckets[min(bucket, len(l.buckets)-1)]++
	l.count++
	l.longest = max(l.longest, d)
}

// quantile returns the duration that a share q of all durations did not exceed, or 0
// if there are none.
func (l *latency) quantile(q float64) time.Duration {
	rest := int64(math.Ceil(q * float64(l.count)))
	for i, n := range l.buckets {
		if rest -= n; rest <= 0 && l.count > 0 {
			end := float64(firstBucket) * math.Pow(growth, float64(i))
			return min(time.Duration(end), l.longest)
		}
	}
	return l.longest
}
