package breaker

import (
	"slices"
	"time"
)

// probes are the slots of state HalfOpen. Guarded by Breaker.mu.
//
// All leases are equally long and are kept in the order of their beginning, so
// the first is always the first to end.
type probes struct {
	out  []lease
	last uint64 // the newest id; never reused, also not in a later generation
}

type lease struct {
	id  uint64
	end time.Duration
}

// take gives out a slot: a free one, or one whose lease has ended. It returns 0
// where there is none.
func (p *probes) take(now time.Duration, limit int, term time.Duration) uint64 {
	if len(p.out) >= limit {
		if p.out[0].end > now {
			return 0
		}
		p.out = slices.Delete(p.out, 0, 1)
	}
	p.last++
	p.out = append(p.out, lease{id: p.last, end: later(now, term)})
	return p.last
}

// free gives a slot back and reports whether id still held one. It did not if
// it was given back before or if its lease ended and another probe has the slot.
func (p *probes) free(id uint64) bool {
	i := slices.IndexFunc(p.out, func(l lease) bool { return l.id == id })
	if i < 0 {
		return false
	}
	p.out = slices.Delete(p.out, i, i+1)
	return true
}

func (p *probes) clear() { p.out = p.out[:0] }
