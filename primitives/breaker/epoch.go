package breaker

import (
	"slices"
	"time"
)

// epoch is what the rules with a memory remember in one closed generation.
//
// Invariant: an epoch is never emptied for the next generation, which has its own. One
// pointer brings the counts together with their stamp, so an outcome that comes too late
// is added to counts that no call reads any more.
type epoch struct {
	stamp word
	rings []*ring
	lasts []*last
	times []*recent
	only  *ring // of a Rate rule, if no other rule watches calls; else nil
}

// newEpoch returns nil if no rule has a memory.
func newEpoch(rules []rule, stamp word, now time.Duration) *epoch {
	e := &epoch{stamp: stamp}
	for _, r := range rules {
		switch r.kind {
		case rate, slow:
			e.rings = append(e.rings, newRing(r, now))
		case outOf:
			e.lasts = append(e.lasts, newLast(r))
		case within:
			e.times = append(e.times, &recent{rule: r})
		}
	}
	if e.rings == nil && e.lasts == nil && e.times == nil {
		return nil
	}
	watching := slices.DeleteFunc(slices.Clone(rules), func(r rule) bool { return r.kind == inARow || r.kind == within })
	if len(watching) == 1 && watching[0].kind == rate {
		e.only = e.rings[0]
	}
	return e
}

// measured is an ended call as the rules see it.
type measured struct {
	failed bool
	timed  bool // took is known
	took   time.Duration
}

// add counts m for all rules, and returns a rule that m has met, or nil.
func (e *epoch) add(now time.Duration, m measured) *rule {
	var met *rule
	for _, r := range e.rings {
		bad := m.failed
		if r.rule.kind == slow {
			if !m.timed {
				continue
			}
			bad = m.took >= r.rule.slow
		}
		if r.add(now, bad) {
			met = &r.rule
		}
	}
	for _, l := range e.lasts {
		if l.add(m.failed) {
			met = &l.rule
		}
	}
	if !m.failed {
		return met
	}
	for _, r := range e.times {
		if r.add(now) {
			met = &r.rule
		}
	}
	return met
}
