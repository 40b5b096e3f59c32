package fleet

import (
	"slices"
	"time"

	"github.com/weir-go/weir/primitives/store"
)

// A store must not use a revision twice. But a store that is flushed, or restarts without its disk,
// often does, because its counter begins at 1 again. Then all its entries look older than the
// known ones, and the nodes would ignore them.
//
// The ages of entries show such a loss. A replica that lags behind has entries of lower revisions,
// and all of them were written before the entry that the node knows. If an entry of a lower
// revision was written after that, the counter must have begun again.

// seesWipe looks at the answer to a List that was asked at the given time. If the store
// has lost its data, the node forgets the revisions that it knows and raises an event.
func (l *loop) seesWipe(all []store.Entry, asked time.Duration) {
	l.mu.Lock()
	wiped := slices.ContainsFunc(all, func(e store.Entry) bool { return l.contradicts(e, asked) })
	if wiped {
		l.wiped++
		l.view.rebase()
		if l.mine != 0 {
			l.told = unsure // the store has lost the vote as well
		}
	}
	l.mu.Unlock()
	if wiped {
		l.client.raise(Event{Kind: Wiped})
	}
}

// contradicts reports whether e is a later write than the entry that the node knows, but has no
// higher revision. The List that returned e was asked at the given time. So e was written at that
// time less its age, or later. Guarded by: mu.
func (b *Breaker) contradicts(e store.Entry, asked time.Duration) bool {
	had := b.view.votes[e.Key]
	if e.Key == b.verdictKey() {
		had = b.view.verdict
	}
	if had.revision == 0 || e.Revision == 0 || e.Revision > had.revision {
		return false
	}
	if e.Revision < had.revision {
		return asked-max(e.Age, 0) > after(had.from, b.policy.timeout) // ages are not exact
	}
	var r record
	return unseal(e.Value, &r) == nil && (r.Epoch != had.epoch || r.For != had.told)
}

// rebase forgets all revisions, so that the next entry of each key counts as new. The effect of the
// old entries lasts until their time is over.
func (v *view) rebase() {
	v.verdict.revision = 0
	for key, s := range v.votes {
		s.revision = 0
		v.votes[key] = s
	}
}
