package dedup

import (
	"context"
	"errors"
	"hash/maphash"
	"reflect"
	"time"
)

// Dedup runs a function once per key for all callers that ask while it runs, and keeps
// the result for the ttl of its [Policy]. It is made by [New] or [Of] and is safe for
// concurrent use. It has no goroutine, no timer and nothing to close.
//
// Values are shared, not copied: all callers of a key get the same V. A caller must not
// change a value that holds pointers, slices or maps, unless [Hooks] copy it.
type Dedup[K comparable, V any] struct {
	seed   maphash.Seed
	fault  error // every call fails with it, see Of
	plain  bool  // all keys can be hashed and are equal to themselves
	early  bool  // see Early
	shift  uint  // how far the hash is shifted to leave the number of the shard
	shards []shard[K, V]
	start  time.Time // the monotonic zero of all times
	ttl    time.Duration
	ages   int64 // how long before it expires a value is stale
	clone  func(V) V
	weigh  func(V) int64
	policy Policy
}

// New returns an empty deduplicator, or a [*PolicyError] that lists what is wrong with
// p and hooks. At most one value of [Hooks] can be given.
func New[K comparable, V any](p Policy, hooks ...Hooks[V]) (*Dedup[K, V], error) {
	var h Hooks[V]
	for _, given := range hooks {
		h = given
	}
	if err := p.validate(len(hooks), h.Weigh != nil); err != nil {
		return nil, err
	}
	d := &Dedup[K, V]{
		policy: p,
		ttl:    p.ttl,
		early:  p.early > 0,
		clone:  h.Clone,
		start:  time.Now().Add(-1), // so that no time is 0
		ages:   int64(p.stale),
		seed:   maphash.MakeSeed(),
		plain:  !mayFail(reflect.TypeFor[K]()),
	}
	if p.weight > 0 {
		d.weigh = h.Weigh
	}
	d.divide()
	return d, nil
}

// Of is [New] for a policy that is written in the program: it returns a deduplicator even
// if p or hooks are invalid. [Dedup.Err] tells what is wrong with them, and each call
// fails with that.
func Of[K comparable, V any](p Policy, hooks ...Hooks[V]) *Dedup[K, V] {
	d, err := New[K](p, hooks...)
	if err != nil {
		return &Dedup[K, V]{policy: Policy{name: p.name}, fault: err}
	}
	return d
}

// Err returns nil if d can be used. Otherwise it returns the [*PolicyError] that each
// call fails with: the policy given to [Of] was invalid, or d is the zero Dedup. All
// checks of such a deduplicator are [Invalid], and its other methods do nothing.
func (d *Dedup[K, V]) Err() error {
	switch {
	case d == nil:
		return errNil
	case d.fault == nil && d.shards == nil:
		return errUnmade
	}
	return d.fault
}

var (
	errNil    = &PolicyError{Err: errors.New("the deduplicator is nil")}
	errUnmade = &PolicyError{Err: errors.New("the deduplicator was not made by New or Of")}
)

// Policy returns the policy d was made from. It makes d a [Source].
func (d *Dedup[K, V]) Policy() Policy { return d.policy }

// Do returns the result that is kept for key. If there is none, it returns the result
// of the one run of f that all present callers of key share. A result is kept if f
// returned a nil error. An error is shared by the callers that wait for it, and is kept
// only if the policy has an [ErrorTTL].
//
// The first caller leads: f runs in its goroutine, and its Do returns when f does, with
// what f returned. The others follow: they wait for the leader's result, or until their
// own ctx ends and Do returns ctx.Err() at once. If ctx has ended before the call, Do
// returns ctx.Err() even if a result is kept.
//
// f must use the context it is given. It has the values of the leader's ctx, and the
// latest deadline of the callers that wait; it has none if one of them has none. This
// deadline moves when callers join and leave. The context ends when the last caller has
// left, and as that caller did: with context.DeadlineExceeded if its deadline passed,
// with context.Canceled if it was cancelled. So a leader that gives up while others wait
// harms no other caller. It works on for them, and its own Do returns when the work is
// done. The context also ends when f has returned. When it ends earlier, the key is free.
// The next caller starts a run of its own, and only the leader gets the result of the old
// run.
//
// The context package sets no timer for a timeout that is later than the deadline of
// the parent. So a context.WithTimeout in f that is longer than the leader's patience
// does not hold if a more patient caller joins. A time.AfterFunc that cancels does.
//
// If f panics, the panic propagates in the leader, and the followers get a [*PanicError].
// If f calls runtime.Goexit, the followers get [ErrGoexit]. If Do is called for a key
// inside the run of that key, it returns [ErrReentrant]; the context tells. Two runs that
// ask for each other's keys are not recognised and wait until a ctx ends. A key that
// cannot be hashed, or is not equal to itself, returns [ErrKey].
//
// A value that is due for renewal, see [ServeStale] and [Early], is renewed by the
// caller that finds it so. That caller leads a run as above, and all others are served
// what is kept. If the renewal fails, its leader gets what is kept and no error.
//
// f must not use its context after it has returned: the context may serve the next run
// of a caller with the same ctx. A kept result costs no allocation, and neither does a
// run for a ctx that calls repeatedly. A run for a new ctx costs one allocation of 96
// bytes, for its context. The first follower of a run costs two more.
func (d *Dedup[K, V]) Do(ctx context.Context, key K, f func(context.Context) (V, error), opts ...CallOption) (V, error) {
	var zero V
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	h, ok := d.hash(key)
	if !ok {
		return zero, d.refusal(key)
	}
	c := d.call(opts)
	now := d.asked(c)
	s := d.shard(h)
	var v V
	found := absent
	s.mu.Lock()
	i := s.table.find(uint32(h), key)
	if i != 0 {
		var err error
		v, i, found, err = d.find(s, h, key, i, now)
		if found == hit {
			if err == nil {
				v = d.share(v)
			}
			return v, err
		}
	}
	switch found {
	case flying:
		t, r := s.wait(i)
		s.mu.Unlock()
		return d.follow(ctx, s, t, r)
	case absent:
		i = s.add(uint32(h), key)
	}
	t := s.begin(i, now)
	run := s.context(ctx, t)
	s.mu.Unlock()
	c.now = 0 // the run takes its time
	if found == due {
		return d.renew(run, t, v, f, c)
	}
	return d.lead(run, t, f, c)
}

// Run is [Dedup.Do] for a function that returns nothing but an error. It is for a
// Dedup[K, struct{}]: to Do, the value of the run is the zero V.
func (d *Dedup[K, V]) Run(ctx context.Context, key K, f func(context.Context) error, opts ...CallOption) error {
	_, err := d.Do(ctx, key, func(ctx context.Context) (v V, err error) { return v, f(ctx) }, opts...)
	return err
}

// lead runs f in the caller's goroutine, and ends the flight however f ends.
func (d *Dedup[K, V]) lead(run *runContext, t Token, f func(context.Context) (V, error), c call) (v V, err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		run.end()
		s := &d.shards[t.shard]
		s.mu.Lock()
		l, _ := s.land(t, &ending[V]{err: errUnfinished})
		s.mu.Unlock()
		if l.empty() {
			return // without followers the panic goes on untouched
		}
		p := recover()
		if p != nil {
			defer panic(p) // also if a follower panics
		}
		var zero V
		d.tell(l, zero, d.left(p))
	}()
	v, err = f(run)
	if err != nil {
		err = run.explain(err)
	}
	end := ending[V]{value: v, err: err}
	if d.clone != nil && err == nil {
		end.value = d.clone(v)
	}
	d.decide(&end, run, c)
	returned = true
	run.end()
	d.finish(t, &end)
	return v, err
}

// renew leads a run for a value that is still kept, and falls back on that value.
func (d *Dedup[K, V]) renew(run *runContext, t Token, kept V, f func(context.Context) (V, error), c call) (V, error) {
	v, err := d.lead(run, t, f, c)
	if err != nil {
		return d.share(kept), nil
	}
	return v, nil
}

// follow waits for the run t of another caller.
func (d *Dedup[K, V]) follow(ctx context.Context, s *shard[K, V], t Token, r *result[V]) (V, error) {
	var zero V
	if ctx.Value(runKey{s, t.gen}) != nil {
		s.leave(t, noSeat, &reason{context.Canceled, ErrReentrant})
		return zero, d.named(ErrReentrant)
	}
	at := noSeat
	if by, ok := ctx.Deadline(); ok {
		at = s.hurry(t, by)
	}
	select {
	case <-r.done:
		return d.told(r)
	case <-ctx.Done():
	}
	s.leave(t, at, reasonOf(ctx))
	select {
	case <-r.done: // both at once: the result counts
		return d.told(r)
	default:
		return zero, ctx.Err()
	}
}

// told returns what a follower gets of a result.
func (d *Dedup[K, V]) told(r *result[V]) (V, error) {
	if r.err == nil {
		return d.share(r.value), nil
	}
	return r.value, r.err
}

// named wraps a sentinel of this package with the name of d.
func (d *Dedup[K, V]) named(err error) error { return &Error{Name: d.policy.name, Err: err} }
