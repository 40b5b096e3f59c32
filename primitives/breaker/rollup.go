package breaker

import "iter"

// RegistrySnapshot is the condition of all breakers of a [Registry] together.
type RegistrySnapshot struct {
	// Name is the name of the policy.
	Name string
	// Limit is the most breakers that are kept. Kept is how many are, the sum of Closed,
	// Open and HalfOpen.
	Limit, Kept int
	// Closed, Open and HalfOpen are how many breakers are in that state.
	Closed, Open, HalfOpen int
	// Pinned is how many breakers are in use.
	Pinned int
	// Made and Forgotten are how many breakers were kept and forgotten since NewRegistry.
	// Unkept is how often there was no room.
	Made, Forgotten, Unkept uint64
	// Rejected, Stale and HookPanics are the sums of what [Snapshot] tells, the breakers
	// included that were forgotten.
	Rejected, Stale, HookPanics uint64
}

// Snapshot returns the sums over all breakers. It looks at one breaker after the other
// while calls continue, so its numbers need not belong to one instant. It takes some ten
// nanoseconds for each breaker.
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

// All yields the key and the snapshot of each breaker that was kept when the iteration
// began, in no particular order. It holds no lock while it yields.
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

// kept returns all entries.
//
// Guarded by: mu.
func (r *Registry[K]) kept() []*entry[K] {
	if r.entries == nil {
		return nil
	}
	all := make([]*entry[K], 0, len(r.entries))
	for e := r.root.next; e != &r.root; e = e.next {
		all = append(all, e)
	}
	return all
}

// tally is the sum of the counts of breakers.
type tally struct{ number, rejected, stale, panics uint64 }

func (t *tally) add(b *Breaker) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t.rejected += b.rejected.Load()
	t.stale += b.stale.Load()
	t.panics += b.changes.panics
}
