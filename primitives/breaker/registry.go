package breaker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Registry keeps one breaker for each key, such as each host that is called. It makes
// all of them of one [Policy], each when its key is first used. The name of a breaker is
// that of the policy and its key: "hosts/a.example". Any number of goroutines use a
// Registry at the same time. It must not be copied.
//
// A Registry keeps a limited number of breakers. It never forgets one that is pinned, as
// each is while a call is under way, or one whose mode was set by hand. Of the others it
// forgets
//
//   - to make room: a breaker that is closed and has counted nothing bad, the one first
//     that was not used for longest;
//   - with time: a breaker that was not used for the idle time and is not open.
//
// So a flood of other keys does not make it forget a key that fails. If that leaves no
// room, a call is guarded by a breaker that is forgotten with the call.
type Registry[K comparable] struct {
	policy Policy
	fault  error // what is wrong with the arguments, or nil
	limit  int
	idle   time.Duration
	base   time.Time

	mu      sync.Mutex // never held while a call, a hook or a method of K runs
	entries map[K]*entry[K]
	root    entry[K] // of the ring of entries: next was not used for longest
	made    uint64
	unkept  uint64
	gone    tally // of the breakers that were forgotten
}

// entry is a breaker that is kept.
type entry[K comparable] struct {
	key        K
	breaker    *Breaker
	pins       int
	used       time.Duration // since base
	prev, next *entry[K]
}

// NewRegistry returns an empty registry that makes breakers of p and keeps at most limit
// of them, and each for the idle time after its last use. limit must be at least 1 and
// idle more than 0. If an argument is invalid, NewRegistry returns a [*PolicyError] that
// tells everything that is wrong. A breaker takes about a kilobyte. Nothing runs in the
// background.
func NewRegistry[K comparable](p Policy, limit int, idle time.Duration) (*Registry[K], error) {
	r := RegistryOf[K](p, limit, idle)
	if r.fault != nil {
		return nil, r.fault
	}
	return r, nil
}

// RegistryOf is [NewRegistry] for a policy that is written in the program: it returns a
// registry even if an argument is invalid. [Registry.Err] tells what is wrong, and each
// call fails with that.
func RegistryOf[K comparable](p Policy, limit int, idle time.Duration) *Registry[K] {
	r := &Registry[K]{policy: p.completed(), limit: limit, idle: idle, base: time.Now(), entries: map[K]*entry[K]{}}
	r.root.prev, r.root.next = &r.root, &r.root
	var faults []error
	if refused, ok := errors.AsType[*PolicyError](p.Validate()); ok {
		faults = append(faults, refused.Err)
	}
	if limit < 1 {
		faults = append(faults, fmt.Errorf("limit of the registry is %d, want at least 1", limit))
	}
	if idle <= 0 {
		faults = append(faults, fmt.Errorf("idle time of the registry is %v, want more than 0", idle))
	}
	if len(faults) > 0 {
		r.fault = &PolicyError{Name: p.name, Err: errors.Join(faults...)}
	}
	return r
}

// Err returns nil if r can be used. Otherwise it returns the [*PolicyError] that each
// call fails with: an argument of [RegistryOf] was invalid, or r is the zero Registry.
func (r *Registry[K]) Err() error {
	switch {
	case r.fault != nil:
		return r.fault
	case r.entries == nil:
		return &PolicyError{Err: errors.New("the registry was not made by NewRegistry or RegistryOf")}
	}
	return nil
}

// Do is [Breaker.Do] of the breaker of key. If the key cannot be used, it fails with a
// [*KeyError], see [Registry.Pin]. The registry adds two short locks, a look into a map
// and two looks at the clock. It allocates for the first call of a key alone.
func (r *Registry[K]) Do[T any](ctx context.Context, key K, f func(context.Context) (T, error)) (T, error) {
	p := r.Pin(key)
	defer p.Release()
	return p.Breaker.Do(ctx, f)
}

// Run is [Registry.Do] for a function that returns nothing but an error.
func (r *Registry[K]) Run(ctx context.Context, key K, f func(context.Context) error) error {
	p := r.Pin(key)
	defer p.Release()
	return p.Breaker.Run(ctx, f)
}

// Pin is a breaker of a [Registry] in use.
type Pin[K comparable] struct {
	// Breaker is the breaker of the key. It must not be used after Release.
	Breaker *Breaker

	registry *Registry[K]
	entry    *entry[K] // nil: it is not kept, or the pin has been released
}

// Pin returns the breaker of key, to look at it, to set its mode, or to call it in two
// steps. It makes the breaker if there is none, and returns at once. Until the pin is
// released, all calls with key get the same breaker. If there is no room, the breaker is
// for the caller alone.
//
// A key that cannot be hashed, or that is not equal to itself (NaN), could not be found
// again. Its breaker is kept nowhere and cannot be used: [Breaker.Err] is a [*KeyError].
func (r *Registry[K]) Pin(key K) Pin[K] {
	if err := r.Err(); err != nil {
		return Pin[K]{Breaker: unusable(r.policy.name, err)}
	}
	now := time.Since(r.base)
	r.mu.Lock()
	r.retireIdle(now)
	e, fault := r.find(key)
	if e != nil {
		r.pin(e, now)
		r.mu.Unlock()
		return Pin[K]{e.breaker, r, e}
	}
	r.mu.Unlock()
	if fault != "" {
		err := fmt.Errorf("a value of type %T %s", key, fault)
		return Pin[K]{Breaker: unusable(r.policy.name, &KeyError{Name: r.policy.name, Err: err})}
	}
	return r.add(&entry[K]{key: key, breaker: r.build(key)}, now)
}

// build makes the breaker of key.
//
// Must not: be called with mu held, since the method String of a key is user code.
func (r *Registry[K]) build(key K) *Breaker {
	p := r.policy
	p.name = fmt.Sprintf("%s/%v", p.name, key)
	return build(p)
}

// add keeps e, if there is room and no other call has kept one for its key.
func (r *Registry[K]) add(e *entry[K], now time.Duration) Pin[K] {
	r.mu.Lock()
	defer r.mu.Unlock()
	if other := r.entries[e.key]; other != nil {
		r.pin(other, now)
		return Pin[K]{other.breaker, r, other}
	}
	if !r.room() {
		r.unkept++
		return Pin[K]{Breaker: e.breaker}
	}
	r.made++
	r.entries[e.key] = e
	r.pin(e, now)
	return Pin[K]{e.breaker, r, e}
}

// Release ends the use of the breaker. Releasing again does nothing. A copy is a
// pin of its own: do not release both.
func (p *Pin[K]) Release() {
	e := p.entry
	if e == nil {
		return
	}
	p.entry = nil
	now := time.Since(p.registry.base)
	p.registry.mu.Lock()
	defer p.registry.mu.Unlock()
	e.pins--
	e.used = now
}

// find returns the entry of key, or nil, and why the key cannot be used, or "". Hashing
// runs no user code.
//
// Guarded by: mu.
func (r *Registry[K]) find(key K) (e *entry[K], fault string) {
	defer func() {
		if recover() != nil {
			e, fault = nil, "cannot be hashed" // an interface that holds a slice, say
		}
	}()
	e = r.entries[key]
	if same := key; key != same {
		return nil, "is not equal to itself"
	}
	return e, ""
}

// pin makes e the entry that was used last.
//
// Guarded by: mu.
func (r *Registry[K]) pin(e *entry[K], now time.Duration) {
	e.pins++
	e.used = now
	r.last(e)
}

// last moves e, which can be new, to the end of the ring.
//
// Guarded by: mu.
func (r *Registry[K]) last(e *entry[K]) {
	if e.next != nil {
		e.prev.next, e.next.prev = e.next, e.prev
	}
	e.prev, e.next = r.root.prev, &r.root
	e.prev.next, r.root.prev = e, e
}
