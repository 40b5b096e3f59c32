package breaker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Registry keeps one breaker for each key, such as each host that is called. All
// are made of one [Policy], each when its key is first used, and each is named
// after the policy and its key: "hosts/a.example". A Registry is used by any
// number of goroutines at the same time, and must not be copied.
//
// It keeps a limited number of breakers. One that is pinned, which it is while a
// call is under way, is never forgotten, nor one whose mode was set by hand. Of
// the others it forgets
//
//   - to make room for another: one that is closed and has counted nothing bad,
//     those first that have not been used for longest;
//   - with time: one that nobody has used for the idle time and that is not open.
//
// So a flood of other keys can not make it forget a key that fails. Where that
// leaves no room, a call is guarded by a breaker that is forgotten with the call.
type Registry[K comparable] struct {
	policy Policy
	limit  int
	idle   time.Duration
	base   time.Time

	mu      sync.Mutex // never held while a call, a hook or a method of K runs
	entries map[K]*entry[K]
	root    entry[K] // of the ring of entries: next has not been used for longest
	made    uint64
	unkept  uint64
	gone    tally // of those that were forgotten
}

// entry is a breaker that is kept.
type entry[K comparable] struct {
	key        K
	breaker    *Breaker
	pins       int
	used       time.Duration // since base
	prev, next *entry[K]
}

// NewRegistry returns an empty registry that makes breakers of p and keeps at most
// limit of them, idle ones as long as told; or a [*PolicyError] that tells
// everything that is wrong. limit must be at least 1 and idle more than 0. A
// breaker that is kept takes about a kilobyte. Nothing runs in the background.
func NewRegistry[K comparable](p Policy, limit int, idle time.Duration) (*Registry[K], error) {
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
		return nil, &PolicyError{Name: p.name, Err: errors.Join(faults...)}
	}
	r := &Registry[K]{policy: p.completed(), limit: limit, idle: idle, base: time.Now(), entries: map[K]*entry[K]{}}
	r.root.prev, r.root.next = &r.root, &r.root
	return r, nil
}

// Do is [Breaker.Do] of the breaker of key. What the registry adds is two short
// locks, a look into a map and two at the clock, and it does not allocate, but for
// the first call of a key.
func (r *Registry[K]) Do[T any](ctx context.Context, key K, f func(context.Context) (T, error)) (T, error) {
	p := r.Pin(key)
	defer p.Release()
	return p.Breaker.Do(ctx, f)
}

// Pin is a breaker of a [Registry] in use.
type Pin[K comparable] struct {
	// Breaker is the breaker of the key. It must not be used after Release.
	Breaker *Breaker

	registry *Registry[K]
	entry    *entry[K] // nil: it is not kept, or the pin has been released
}

// Pin returns the breaker of key, to look at it, to set its mode, or to call it in
// two steps, and makes it if it is not there. It returns at once. Until the pin
// is released, all who ask for key get the same breaker; one that is not kept for
// want of room, or because its key is not equal to itself (NaN) or can not be
// hashed, is for the caller alone.
func (r *Registry[K]) Pin(key K) Pin[K] {
	now := time.Since(r.base)
	r.mu.Lock()
	r.retireIdle(now)
	e, sound := r.find(key)
	if e != nil {
		r.pin(e, now)
		r.mu.Unlock()
		return Pin[K]{e.breaker, r, e}
	}
	r.mu.Unlock()
	return r.add(&entry[K]{key: key, breaker: r.build(key)}, now, sound)
}

// build is called without the lock, since a key may have a method String.
func (r *Registry[K]) build(key K) *Breaker {
	p := r.policy
	p.name = fmt.Sprintf("%s/%v", p.name, key)
	return build(p)
}

// add keeps e, if there is room and nobody came first.
func (r *Registry[K]) add(e *entry[K], now time.Duration, sound bool) Pin[K] {
	r.mu.Lock()
	defer r.mu.Unlock()
	if sound {
		if other := r.entries[e.key]; other != nil {
			r.pin(other, now)
			return Pin[K]{other.breaker, r, other}
		}
	}
	if !sound || !r.room() {
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

// find returns the entry of key, or nil, and whether it is a key that can be found
// again. Called with mu held; hashing runs no code of the user.
func (r *Registry[K]) find(key K) (e *entry[K], sound bool) {
	defer func() {
		if recover() != nil {
			e, sound = nil, false // an interface that holds what can not be compared
		}
	}()
	same := key
	return r.entries[key], key == same
}

// pin makes e the one that was used last. Called with mu held.
func (r *Registry[K]) pin(e *entry[K], now time.Duration) {
	e.pins++
	e.used = now
	r.last(e)
}

// last moves e, which may be new, to the end of the ring. Called with mu held.
func (r *Registry[K]) last(e *entry[K]) {
	if e.next != nil {
		e.prev.next, e.next.prev = e.next, e.prev
	}
	e.prev, e.next = r.root.prev, &r.root
	e.prev.next, r.root.prev = e, e
}
