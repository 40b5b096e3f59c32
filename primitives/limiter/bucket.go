package limiter

import (
	"math"
	"time"
)

// longest is the longest time a bucket can count: about 36 years. A whole burst
// must fit in, so that no sum of two overflows.
const longest = 1 << 60

// largest is the largest burst: with it the price of a unit still has some 9 bits,
// however high the rate, so that it is right to a 1000th.
const largest = 1 << 50

// bucket is the account of what was admitted: a debt that each unit raises by its
// price and that time pays back. No debt is a full bucket. Times are since the
// base of the limiter.
//
// All of it is integers. As floating point numbers, a call that waits exactly as
// long as it must could find that a part in 2^52 of a unit is missing.
type bucket struct {
	shift uint  // price and debt are in 2^-shift ns
	price int64 // of a unit; below 1 only in the zero bucket
	burst int64
	debt  int64         // 0..burst*price
	last  time.Duration // when debt was right
	until time.Duration // nothing is admitted, and nothing paid back, before
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

// settle pays back what the time up to now has paid.
func (b *bucket) settle(now time.Duration) {
	paid := int64(now - max(b.last, b.until))
	b.last = max(b.last, now)
	if paid <= 0 {
		return
	}
	if paid > b.debt>>b.shift { // and so that the shift cannot overflow
		b.debt = 0
		return
	}
	b.debt -= paid << b.shift
}

// after returns how long it takes until so many units are there, at most a burst.
// The bucket is settled.
func (b *bucket) after(now time.Duration, units int64) time.Duration {
	wait := max(b.until-now, 0)
	if short := b.debt - (b.burst-units)*b.price; short > 0 {
		wait += time.Duration((short-1)>>b.shift + 1)
	}
	return wait
}

// expected is after for any number of units, which would be taken one by one.
func (b *bucket) expected(now time.Duration, units float64) time.Duration {
	short := float64(b.debt) + (units-float64(b.burst))*float64(b.price)
	wait := math.Ceil(math.Ldexp(max(short, 0), -int(b.shift)))
	return max(b.until-now, 0) + time.Duration(min(wait, longest))
}

// pause admits nobody until then, and leaves one unit for that time.
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

// units returns how many units are there, also during a pause.
func (b *bucket) units() float64 {
	return float64(b.burst) - float64(b.debt)/float64(max(b.price, 1))
}
