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
	out            []lease
	overtaken      []lease // their slot has been given to others
	last           uint64  // the newest id; never reused, also not in a later generation
	passed, failed int     // in this generation
}

type lease struct {
	id         uint64
	begun, end time.Duration
}

// maxOvertaken bounds the memory for probes that may never end.
const maxOvertaken = 64

// take gives out a slot: a free one, or one whose lease has ended. It returns 0
// where there is none.
func (p *probes) take(now time.Duration, limit int, term time.Duration) uint64 {
	if len(p.out) >= limit {
		if p.out[0].end > now {
			return 0
		}
		if len(p.overtaken) == maxOvertaken {
			p.overtaken = slices.Delete(p.overtaken, 0, 1)
		}
		p.overtaken = append(p.overtaken, p.out[0])
		p.out = slices.Delete(p.out, 0, 1)
	}
	p.last++
	p.out = append(p.out, lease{id: p.last, begun: now, end: later(now, term)})
	return p.last
}

// end takes a probe out, be its lease over or not. It reports false for one that
// was taken out before.
func (p *probes) end(id uint64) (lease, bool) {
	for _, list := range []*[]lease{&p.out, &p.overtaken} {
		if i := slices.IndexFunc(*list, func(l lease) bool { return l.id == id }); i >= 0 {
			l := (*list)[i]
			*list = slices.Delete(*list, i, i+1)
			return l, true
		}
	}
	return lease{}, false
}

func (p *probes) clear() {
	p.out, p.overtaken = p.out[:0], p.overtaken[:0]
	p.passed, p.failed = 0, 0
}
