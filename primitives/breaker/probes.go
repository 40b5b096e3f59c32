package breaker

import (
	"slices"
	"time"
)

// probes are the places of state HalfOpen.
//
// Guarded by: Breaker.mu.
// Invariant: all leases are equally long and are kept in the order of their beginning, so
// the first lease is the first to end.
type probes struct {
	out            []lease
	overtaken      []lease // their places were given to others
	last           uint64  // the newest id; no generation reuses it
	made           int     // in this generation
	passed, failed int     // in this generation
}

type lease struct {
	id         uint64
	begun, end time.Duration
}

// maxOvertaken bounds the memory for probes that never end.
const maxOvertaken = 64

// take gives out a place that is free or whose lease has ended. It returns 0 if there is
// none.
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
	p.made++
	p.out = append(p.out, lease{id: p.last, begun: now, end: later(now, term)})
	return p.last
}

// end takes a probe out, whether its lease is over or not. It reports false for a probe
// that was taken out before.
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

// unmade takes a probe out that was admitted and then not made. It reports false for a
// probe that was taken out before.
func (p *probes) unmade(id uint64) bool {
	_, ok := p.end(id)
	if ok {
		p.made--
	}
	return ok
}

// until returns when the last lease of the probes that are out ends, 0 if none is out.
func (p *probes) until() time.Duration {
	if len(p.out) == 0 {
		return 0
	}
	return p.out[len(p.out)-1].end
}

func (p *probes) clear() {
	p.out, p.overtaken = p.out[:0], p.overtaken[:0]
	p.made, p.passed, p.failed = 0, 0, 0
}
