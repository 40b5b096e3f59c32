package breaker

import "iter"

// RegistrySnapshot is the condition of all breakers of a [Registry] together.
type RegistrySnapshot struct {
	// Name is the name of the policy.
	Name string
	// Limit is how many breakers are kept at most, Kept how many are. Kept is the sum
	// of Closed, Open and HalfOpen.
	Limit, Kept int
	// Closed, Open and HalfOpen are how many are in that state.
	Closed, Open, HalfOpen int
	// Pinned is how many are in use.
	Pinned int
	// Made and Forgotten are how many breakers were made to be kept, and forgotten,
	// since NewRegistry. Unkept is how often there was no room.
	Made, Forgotten, Unkept uint64
	// Rejected, Stale and HookPanics are the sums of what [Snapshot] tells, with the
	// breakers that were forgotten.
	Rejected, Stale, HookPanics uint64
}

// Snapshot returns the roll-up. It looks at each breaker on its own, so calls go
// on meanwhile, and what it returns may never have been so at any one instant. It
// takes some ten nanoseconds for each breaker.
func (r *Registry[K]) Snapshot() RegistrySnapshot {
	s := RegistrySnapshot{Name: r.policy.name, Limit: r.limit}
	r.mu.Lock()
	sum := r.gone
	s.Made, s.Forgotten, s.Unkept = r.made, r.gone.number, r.unkept
	kept := r.kept()
	for _, e := range kept {
		if e.pins > 0 {
			s.Pinned++
		}
	}
	r.mu.Unlock()
	s.Kept = len(kept)
	for _, e := range kept {
		switch e.breaker.State() {
		case Closed:
			s.Closed++
		case Open:
			s.Open++
		case HalfOpen:
			s.HalfOpen++
		}
		sum.add(e.breaker)
	}
	s.Rejected, s.Stale, s.HookPanics = sum.rejected, sum.stale, sum.panics
	return s
}

// All yields the key of each breaker that was kept when it began, and its
// snapshot, in no particular order. No lock is held meanwhile.
func (r *Registry[K]) All() iter.Seq2[K, Snapshot] {
	return func(yield func(K, Snapshot) bool) {
		r.mu.Lock()
		kept := r.kept()
		r.mu.Unlock()
		for _, e := range kept {
			if !yield(e.key, e.breaker.Snapshot()) {
				return
			}
		}
	}
}

// kept is called with mu held.
func (r *Registry[K]) kept() []*entry[K] {
	all := make([]*entry[K], 0, len(r.entries))
	for e := r.root.next; e != &r.root; e = e.next {
		all = append(all, e)
	}
	return all
}

// tally is what adds up.
type tally struct{ number, rejected, stale, panics uint64 }

func (t *tally) add(b *Breaker) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t.rejected += b.rejected.Load()
	t.stale += b.stale.Load()
	t.panics += b.changes.panics
}
