package guard

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/weir-go/weir/primitives/internal/keyed"
)

// Registry keeps a guard for each key, such as each tenant or each host. It makes all
// of them from one [Policy], each when its key is first used. It names each after the
// policy and its key: "hosts/a.example". Any number of goroutines may use a Registry at
// the same time. It must not be copied.
//
// A registry keeps a limited number of guards. It never forgets a guard that
//
//   - is pinned, as it is while a call is under way;
//   - has permits in use, or calls that wait;
//   - was given its capacity by [Guard.Resize], unless it is [Adaptive].
//
// It forgets other guards to make room for a new one, the least recently used first. It
// also forgets a guard that was not used for the idle time. What an [Adaptive] guard
// has learned is forgotten with it.
//
// Keys that find no room share one guard, whose name ends in "/*". So a flood of keys
// is bounded too, by one capacity for all of them.
type Registry[K comparable] struct {
	policy Policy
	fault  error // what is wrong with the arguments; nil: nothing
	limit  int
	table  *keyed.Table[K, *Guard, tally]
}

// NewRegistry returns an empty registry of guards that behave as p says. It keeps at
// most limit guards, and idle ones for the idle time. limit must be at least 1 and idle
// above 0. If an argument is invalid, NewRegistry returns a [*PolicyError] that tells
// all faults. A guard takes about a kilobyte. Nothing runs in the background.
func NewRegistry[K comparable](p Policy, limit int, idle time.Duration) (*Registry[K], error) {
	r := RegistryOf[K](p, limit, idle)
	if r.fault != nil {
		return nil, r.fault
	}
	return r, nil
}

// RegistryOf is [NewRegistry] for arguments that are written in the program: it returns a
// registry even if one of them is invalid. [Registry.Err] tells what is wrong, and every
// call fails with that error.
func RegistryOf[K comparable](p Policy, limit int, idle time.Duration) *Registry[K] {
	r := &Registry[K]{policy: p, limit: limit}
	var faults []error
	if refused, ok := errors.AsType[*PolicyError](p.Validate()); ok {
		faults = append(faults, refused.Err)
	}
	if limit < 1 {
		faults = append(faults, fmt.Errorf("limit of the registry %d is below 1", limit))
	}
	if idle <= 0 {
		faults = append(faults, fmt.Errorf("idle time of the registry %v is not above 0", idle))
	}
	if len(faults) > 0 {
		r.fault = &PolicyError{Name: p.name, Err: errors.Join(faults...)}
		return r
	}
	r.table = keyed.New(limit, idle, keyed.Kind[K, *Guard, tally]{
		Build:  func(key K) *Guard { return r.build(fmt.Sprint(key)) },
		Shared: func() *Guard { return r.build("*") },
		Needed: (*Guard).needed,
		Add:    (*tally).add,
	})
	return r
}

// build makes the guard of a key.
func (r *Registry[K]) build(key string) *Guard {
	p := r.policy
	if p.name != "" {
		key = p.name + "/" + key
	}
	p.name = key
	return Of(p)
}

// Err returns nil if r can be used, and otherwise the [*PolicyError] with which every
// call fails. The reason is an invalid argument of [RegistryOf], or that neither
// [NewRegistry] nor RegistryOf has made r.
func (r *Registry[K]) Err() error {
	switch {
	case r.fault != nil:
		return r.fault
	case r.table == nil:
		return &PolicyError{Err: errors.New("the registry was not made by NewRegistry or RegistryOf")}
	}
	return nil
}

// Do is [Guard.Do] of the guard of key, or fails with a [*KeyError]. The registry adds
// two short locks, a look into a map and two readings of the clock. It allocates only
// for the first call of a key.
func (r *Registry[K]) Do[T any](ctx context.Context, key K, f func(context.Context) (T, error), opts ...CallOption) (T, error) {
	p := r.Pin(key)
	defer p.Release()
	return p.Guard.Do(ctx, f, opts...)
}

// Run is [Registry.Do] for a function that returns nothing but an error.
func (r *Registry[K]) Run(ctx context.Context, key K, f func(context.Context) error, opts ...CallOption) error {
	p := r.Pin(key)
	defer p.Release()
	return p.Guard.Run(ctx, f, opts...)
}

// Pin is a guard of a [Registry] in use.
type Pin[K comparable] struct {
	// Guard is the guard of the key. It must not be asked for permits after Release.
	Guard *Guard

	registry *Registry[K]
	entry    *keyed.Entry[K, *Guard] // nil: the pin has been released, or the key refused
}

// Pin returns the guard of key, and makes it if there is none. Use it to look at the
// guard, to resize it, or to take permits. Pin returns at once. Until the pin is
// released, every user of key gets the same guard. Permits and places may outlast the
// pin.
//
// A key that cannot be hashed, or that is not equal to itself (NaN), could not be found
// again. Its guard is kept nowhere and cannot be used: [Guard.Err] is a [*KeyError].
func (r *Registry[K]) Pin(key K) Pin[K] {
	if err := r.Err(); err != nil {
		return Pin[K]{Guard: unusable(r.policy.name, err)}
	}
	e, err := r.table.Pin(key)
	if err != nil {
		return Pin[K]{Guard: unusable(r.policy.name, &KeyError{Name: r.policy.name, Err: err})}
	}
	return Pin[K]{e.Value, r, e}
}

// Release ends the use of the guard. Releasing again does nothing. A copy is a pin of
// its own: do not release both.
func (p *Pin[K]) Release() {
	if e := p.entry; e != nil {
		p.entry = nil
		p.registry.table.Release(e)
	}
}

// RegistrySnapshot is the state of all guards of a [Registry] together.
type RegistrySnapshot struct {
	Name string // of the policy; "" if it has none
	// Limit is how many guards are kept at most, Kept how many are, and Pinned how many
	// of those are in use.
	Limit, Kept, Pinned int
	// Made and Forgotten are how many guards were made to be kept, and forgotten. Unkept
	// is how often there was no room.
	Made, Forgotten, Unkept uint64
	// Waiting is how many calls wait, in all queues.
	Waiting int
	// Admitted, Shed and Cancelled are the sums of what [Snapshot] tells, with the guards
	// that were forgotten.
	Admitted, Shed, Cancelled uint64
}

// Snapshot returns the sums over all guards. It looks at one guard after the other
// while calls continue, so the sums may never have been true at one moment. It takes up to
// a microsecond for each guard.
func (r *Registry[K]) Snapshot() RegistrySnapshot {
	if r.table == nil {
		return RegistrySnapshot{Name: r.policy.name, Limit: r.limit}
	}
	kept, shared, sum, c := r.table.Look()
	if shared != nil {
		kept = append(kept, shared)
	}
	for _, e := range kept {
		sum.add(e.Value)
	}
	return RegistrySnapshot{
		Name: r.policy.name, Limit: r.limit, Kept: c.Kept, Pinned: c.Pinned,
		Made: c.Made, Forgotten: c.Forgotten, Unkept: c.Unkept,
		Waiting: sum.waiting, Admitted: sum.admitted, Shed: sum.shed, Cancelled: sum.cancelled,
	}
}

// All yields the key and the snapshot of each guard that was kept when the iteration
// began, in no particular order. It holds no lock meanwhile.
func (r *Registry[K]) All() iter.Seq2[K, Snapshot] {
	return func(yield func(K, Snapshot) bool) {
		if r.table == nil {
			return
		}
		kept, _, _, _ := r.table.Look()
		for _, e := range kept {
			if !yield(e.Key, e.Value.Snapshot()) {
				return
			}
		}
	}
}

// tally is what the snapshots of guards add up to.
type tally struct {
	waiting                   int
	admitted, shed, cancelled uint64
}

func (t *tally) add(g *Guard) {
	s := g.Snapshot()
	t.waiting += s.Waiting
	t.admitted += s.Admitted
	t.shed += s.Shed
	t.cancelled += s.Cancelled
}

// needed reports whether a new guard in place of g would forget a permit, a call that
// waits, or a decision of the user.
func (g *Guard) needed() bool {
	g.mu.Lock()
	resized := g.resized
	g.mu.Unlock()
	s := g.Snapshot()
	return resized || s.Depth > 0 || s.Waiting > 0
}
