package breaker

import (
	"slices"
	"time"
)

// epoch is what the rules with a window remember of one closed generation. It is
// not emptied for the next one, but left to whoever still holds it: a pointer
// brings the counts together with the stamp that they belong to, so an outcome
// that comes too late can only be added to counts that nobody reads any more.
type epoch struct {
	stamp word
	rings []*ring
	lasts []*last
	only  *ring // where a Rate rule is the only one that watches calls; nil otherwise
}

// newEpoch returns nil where no rule has a window.
func newEpoch(rules []rule, stamp word, now time.Duration) *epoch {
	e := &epoch{stamp: stamp}
	for _, r := range rules {
		switch r.kind {
		case rate, slow:
			e.rings = append(e.rings, newRing(r, now))
		case outOf:
			e.lasts = append(e.lasts, newLast(r))
		}
	}
	if e.rings == nil && e.lasts == nil {
		return nil
	}
	watching := slices.DeleteFunc(slices.Clone(rules), func(r rule) bool { return r.kind == inARow })
	if len(watching) == 1 && watching[0].kind == rate {
		e.only = e.rings[0]
	}
	return e
}

// measured is a call that has ended, as the rules see it.
type measured struct {
	failed bool
	timed  bool // took is known
	took   time.Duration
}

// add counts m for all rules, and returns the rule that it met, or nil.
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
	return met
}
