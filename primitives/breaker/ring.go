package breaker

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// buckets is a power of two, so that a tick finds its bucket by a mask.
	buckets = 16
	// minWindow leaves a bucket 10 ns, less than a read of the clock takes. Shorter
	// buckets mean nothing, and with 0 the width would be a division by zero.
	minWindow = buckets * 10 * time.Nanosecond
)

// ring counts bad and all outcomes over a sliding window of time.
//
// Both counts of a bucket share a word, so an outcome is one atomic addition, and no
// reader sees one count without the other. Only bad outcomes sum the buckets, so a
// success costs the same whatever their number.
type ring struct {
	rule  rule
	width int64        // of a bucket, in ns
	head  atomic.Int64 // the tick of the newest bucket: its start is head*width
	mu    sync.Mutex   // turns the ring
	count [buckets]atomic.Uint64
}

const (
	badUnit   = 1
	totalUnit = 1 << 32
)

func newRing(of rule, now time.Duration) *ring {
	r := &ring{rule: of, width: int64((of.window-1)/buckets) + 1}
	r.head.Store(int64(now) / r.width)
	return r
}

// add counts one outcome, and reports whether it met the rule. A good outcome never does.
func (r *ring) add(now time.Duration, bad bool) bool {
	h := r.head.Load()
	// A multiplication costs less than the division that gives the tick of now. If another call has
	// turned the ring since the clock was read, now is before the head.
	if int64(now)-h*r.width >= r.width {
		h = r.turn(int64(now) / r.width)
	}
	one := uint64(totalUnit)
	if bad {
		one += badUnit
	}
	c := &r.count[h&(buckets-1)]
	if v := c.Add(one); int64(v) < 0 {
		halve(c)
	}
	return bad && r.rule.met(r.sum(now))
}

// turn makes tick the newest, and empties the buckets of the ticks since the last one.
//
// Ordering: the buckets are empty before head names them. A goroutine may load the old head, and
// then not run for a whole window. It then adds to a bucket of a later time, and its outcome stays
// for up to one window longer. This is the cost of adding without a lock.
func (r *ring) turn(tick int64) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.head.Load()
	if tick <= h {
		return h
	}
	for i := max(h+1, tick-buckets+1); i <= tick; i++ {
		r.count[i&(buckets-1)].Store(0)
	}
	r.head.Store(tick)
	return tick
}

// halve keeps the share of a bucket that has 2^31 calls, so that no count runs into the
// other.
func halve(c *atomic.Uint64) {
	v := c.Load()
	if int64(v) < 0 {
		c.CompareAndSwap(v, v>>33<<32|v&(totalUnit-1)/2) // if it fails, the next call does it
	}
}

// sum is what the window holds now. It writes nothing. It leaves out the buckets that are
// too old, also after an idle time in which no call has turned the ring.
func (r *ring) sum(now time.Duration) (bad, total int64) {
	h := r.head.Load()
	oldest := int64(now)/r.width - buckets + 1
	for tick := max(oldest, h-buckets+1); tick <= h; tick++ {
		v := r.count[tick&(buckets-1)].Load()
		bad += int64(v & (totalUnit - 1))
		total += int64(v / totalUnit)
	}
	return bad, total
}
