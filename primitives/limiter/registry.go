package limiter

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/weir-go/weir/primitives/internal/keyed"
)

// Registry keeps a limiter for each key, such as each client or each host. It makes all
// of them from one [Policy], each when its key is first used. It names each after the
// policy and its key: "hosts/a.example". Any number of goroutines may use a Registry at
// the same time. It must not be copied.
//
// A registry keeps a limited number of limiters. It never forgets a limiter that
//
//   - is pinned, as it is while a call is under way, or has calls in line;
//   - has less than a whole burst;
//   - pauses after a penalty, or has not got its whole rate back;
//   - was given a policy by [Limiter.Set].
//
// So a flood of other keys cannot renew the burst of a key, or end its pause. The
// registry forgets other limiters to make room for a new one, the least recently used
// first. It also forgets a limiter that was not used for the idle time.
//
// Keys that find no room share one limiter, whose name ends in "/*". So a flood of keys
// is bounded too, by one rate for all of them.
type Registry[K comparable] struct {
	policy Policy
	fault  error // what is wrong with the arguments; nil: nothing
	limit  int
	table  *keyed.Table[K, *Limiter, tally]
}

// NewRegistry returns an empty registry of limiters that behave as p says. It keeps at
// most limit limiters, and idle ones for the idle time. limit must be at least 1 and
// idle above 0. If an argument is invalid, NewRegistry returns a [*PolicyError] that
// tells all faults. A limiter takes about half a kilobyte. Nothing runs in the
// background.
func NewRegistry[K comparable](p Policy, limit int, idle time.Duration) (*Registry[K], error) {
	r := RegistryOf[K](p, limit, idle)
	if r.fault != nil {
		return nil, r.fault
	}
	return r, nil
}

// RegistryOf is [NewRegistry] for arguments that are written in the program: it returns
// a registry even if one of them is invalid. [Registry.Err] tells what is wrong, and
// every call fails with that error.
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
	r.table = keyed.New(limit, idle, keyed.Kind[K, *Limiter, tally]{
		Build:  func(key K) *Limiter { return r.build(fmt.Sprint(key)) },
		Shared: func() *Limiter { return r.build("*") },
		Needed: (*Limiter).needed,
		Add:    (*tally).add,
	})
	return r
}

// build makes the limiter of a key.
func (r *Registry[K]) build(key string) *Limiter {
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

// Do is [Limiter.Do] of the limiter of key, or fails with a [*KeyError]. The registry
// adds two short locks, a look into a map and two readings of the clock. It allocates
// only for the first call of a key.
func (r *Registry[K]) Do[T any](ctx context.Context, key K, cost int, f func(context.Context) (T, error)) (T, error) {
	p := r.Pin(key)
	defer p.Release()
	return p.Limiter.Do(ctx, cost, f)
}

// Run is [Registry.Do] for a function that returns nothing but an error.
func (r *Registry[K]) Run(ctx context.Context, key K, cost int, f func(context.Context) error) error {
	p := r.Pin(key)
	defer p.Release()
	return p.Limiter.Run(ctx, cost, f)
}

// Pin is a limiter of a [Registry] in use.
type Pin[K comparable] struct {
	// Limiter is the limiter of the key. It must not be used after Release.
	Limiter *Limiter

	registry *Registry[K]
	entry    *keyed.Entry[K, *Limiter] // nil: the pin has been released, or the key refused
}

// Pin returns the limiter of key, and makes it if there is none. Use it to look at the
// limiter, to change its policy, or to take units. Pin returns at once. Until the pin
// is released, every user of key gets the same limiter.
//
// A key that cannot be hashed, or that is not equal to itself (NaN), could not be found
// again. Its limiter is kept nowhere and cannot be used: [Limiter.Err] is a
// [*KeyError].
func (r *Registry[K]) Pin(key K) Pin[K] {
	if err := r.Err(); err != nil {
		return Pin[K]{Limiter: unusable(r.policy.name, err)}
	}
	e, err := r.table.Pin(key)
	if err != nil {
		return Pin[K]{Limiter: unusable(r.policy.name, &KeyError{Name: r.policy.name, Err: err})}
	}
	return Pin[K]{e.Value, r, e}
}

// Release ends the use of the limiter. Releasing again does nothing. A copy is a pin of
// its own: do not release both.
func (p *Pin[K]) Release() {
	if e := p.entry; e != nil {
		p.entry = nil
		p.registry.table.Release(e)
	}
}

// RegistrySnapshot is the state of all limiters of a [Registry] together.
type RegistrySnapshot struct {
	Name string // of the policy; "" if it has none
	// Limit is how many limiters are kept at most, Kept how many are, and Pinned how
	// many of those are in use.
	Limit, Kept, Pinned int
	// Made and Forgotten are how many limiters were made to be kept, and forgotten.
	// Unkept is how often there was no room.
	Made, Forgotten, Unkept uint64
	// Waiting is how many calls wait, in all lines.
	Waiting int
	// Admitted, Refused, Cancelled, Units and Penalties are the sums of what [Snapshot]
	// tells, with the limiters that were forgotten.
	Admitted, Refused, Cancelled, Units, Penalties uint64
}

// Snapshot returns the sums over all limiters. It looks at one limiter after the other
// while calls continue, so the sums may never have been true at one moment. It takes some
// hundred nanoseconds for each limiter.
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
		Waiting: sum.waiting, Admitted: sum.admitted, Refused: sum.refused, Cancelled: sum.cancelled,
		Units: sum.units, Penalties: sum.penalties,
	}
}

// All yields the key and the snapshot of each limiter that was kept when the iteration
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

// tally is what the snapshots of limiters add up to.
type tally struct {
	waiting                                        int
	admitted, refused, cancelled, units, penalties uint64
}

func (t *tally) add(l *Limiter) {
	s := l.Snapshot()
	t.waiting += s.Waiting
	t.admitted += s.Admitted
	t.refused += s.Refused
	t.cancelled += s.Cancelled
	t.units = sum(t.units, s.Units)
	t.penalties += s.Penalties
}

// sum adds, and stays at the most that can be counted.
func sum(a, b uint64) uint64 {
	if a > math.MaxUint64-b {
		return math.MaxUint64
	}
	return a + b
}

// needed reports whether a new limiter in place of l would forget units that were
// taken, a penalty, a call that waits, or a decision of the user.
func (l *Limiter) needed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.advance()
	return l.changed || l.bucket.debt > 0 || l.bucket.until > l.last || l.pace.slowed || l.line.len > 0
}
