package limiter

import (
	"math"
	"time"
)

// longest is the longest time that a bucket can count: about 36 years. A whole burst
// must fit into it, so that no sum of two overflows.
const longest = 1 << 60

// largest is the largest burst. With it, the price of a unit still has some 9 bits at
// the highest rate, so that it is right to a 1000th.
const largest = 1 << 50

// bucket is the account of what was admitted: a debt that each unit raises by its price
// and that time pays back. A full bucket has no debt. Times count from the base of the
// limiter.
//
// All figures are integers. As floating point numbers, a part in 2^52 of a unit could
// be missing for a call that has waited exactly as long as it must.
type bucket struct {
	shift uint  // price and debt are in 2^-shift ns
	price int64 // of a unit; 0 only in the zero bucket
	burst int64
	debt  int64         // 0..burst*price
	last  time.Duration // when debt was settled last
	until time.Duration // the end of the pause: before it nothing is admitted or paid back
}

// newBucket returns a full bucket. interval is the time between two units, in ns.
func newBucket(interval float64, burst int64) bucket {
	b := bucket{burst: burst, shift: 20}
	for b.shift > 0 && math.Ldexp(interval, int(b.shift))*float64(burst) > longest {
		b.shift--
	}
	b.price = max(int64(math.Round(math.Ldexp(interval, int(b.shift)))), 1)
	return b
}

// settle pays back for the time up to now.
func (b *bucket) settle(now time.Duration) {
	paid := int64(now - max(b.last, b.until))
	b.last = max(b.last, now)
	if paid <= 0 {
		return
	}
	if paid > b.debt>>b.shift { // else the shift below could overflow
		b.debt = 0
		return
	}
	b.debt -= paid << b.shift
}

// after returns the time until so many units are there, at most a burst. The bucket
// must be settled.
func (b *bucket) after(now time.Duration, units int64) time.Duration {
	wait := max(b.until-now, 0)
	if short := b.debt - (b.burst-units)*b.price; short > 0 {
		wait += time.Duration((short-1)>>b.shift + 1)
	}
	return wait
}

// expected is after for any number of units, taken one by one.
func (b *bucket) expected(now time.Duration, units float64) time.Duration {
	short := float64(b.debt) + (units-float64(b.burst))*float64(b.price)
	wait := math.Ceil(math.Ldexp(max(short, 0), -int(b.shift)))
	return max(b.until-now, 0) + time.Duration(min(wait, longest))
}

// pause admits no unit before until, and leaves at most one for that time.
func (b *bucket) pause(until time.Duration) {
	b.until = max(b.until, until)
	b.debt = max(b.debt, (b.burst-1)*b.price)
}

// reprice changes rate and burst of the settled bucket. The units that are there
// remain.
func (b *bucket) reprice(interval float64, burst int64) {
	old := *b
	*b = newBucket(interval, burst)
	b.last, b.until = old.last, old.until
	gone := float64(burst) - old.units()
	b.debt = int64(min(max(gone, 0)*float64(b.price), float64(burst*b.price)))
}

// units returns how many units are there, ignoring a pause.
func (b *bucket) units() float64 {
	return float64(b.burst) - float64(b.debt)/float64(max(b.price, 1))
}
