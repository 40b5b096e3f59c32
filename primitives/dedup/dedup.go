package dedup

import (
	"context"
	"hash/maphash"
	"runtime/debug"
	"time"
)

// Dedup runs a function once per key for all who ask while it runs, and keeps
// the result for the ttl of its [Policy]. It is made by [New] and is safe for
// concurrent use. It has no goroutine, no timer and nothing to close.
//
// Values are shared, not copied: all callers of a key get the same V, so one
// that holds pointers, slices or maps must not be changed by those who get it.
type Dedup[K comparable, V any] struct {
	policy Policy
	ttl    time.Duration
	start  time.Time // the monotonic zero that all times count from
	seed   maphash.Seed
	guess  bool // K may hold an interface, so hashing a key may panic
	shift  uint // how far the hash is shifted to leave the number of the shard
	shards []shard[K, V]
}

// New returns an empty deduplicator, or a [*PolicyError] that lists what is
// wrong with p.
func New[K comparable, V any](p Policy) (*Dedup[K, V], error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	d := &Dedup[K, V]{
		policy: p,
		ttl:    p.ttl,
		start:  time.Now(),
		seed:   maphash.MakeSeed(),
		guess:  mayPanic[K](),
	}
	d.divide()
	return d, nil
}

// Policy returns the policy d was made from. It makes d a [Source].
func (d *Dedup[K, V]) Policy() Policy { return d.policy }

// Do returns the result kept for key or, if there is none, that of the one run
// of f that all present callers of key share. A result is kept if f returned a
// nil error; errors are shared by those who wait for them and not kept.
//
// The first caller leads: f runs in its goroutine, and its Do returns when f
// does, with what f returned. The others follow: they wait for the leader's
// result, or until their own ctx ends and Do returns ctx.Err() at once. A ctx
// that has ended before the call is returned as its error too, also where a
// result is kept.
//
// f must use the context it is given. It carries the values of the leader's ctx
// but not its deadline, and it ends when nobody waits for the result any more:
// when the ctx of the leader has ended and so have those of all followers. So a
// leader that gives up while others wait poisons nobody; it works on for them,
// and its own Do returns when the work is done. When nobody waits, the key is
// free at the moment the context ends: a newcomer starts a run of its own, and
// the result of the old one goes only to its leader. The context also ends when
// f has returned.
//
// If f panics, the panic goes on in the leader, and the followers get a
// [*PanicError]; if f calls runtime.Goexit, they get [ErrGoexit]. Do for a key
// from inside its own run, recognised by the context, returns [ErrReentrant].
// Two runs that ask for each other's keys are not recognised and wait until a
// ctx ends. An unhashable key returns [ErrKey].
//
// A kept result costs no allocation. A run costs one, of 64 bytes, for its
// context; its first follower costs two more.
func (d *Dedup[K, V]) Do(ctx context.Context, key K, f func(context.Context) (V, error), opts ...CallOption) (V, error) {
	var zero V
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	h, ok := d.hash(key)
	if !ok {
		return zero, d.fault(ErrKey)
	}
	s := d.shard(h)
	v, i, hit := d.find(s, tag(h), key)
	if hit {
		return v, nil
	}
	if i == 0 {
		t := s.begin(tag(h), key)
		run := s.context(ctx, t)
		s.mu.Unlock()
		return d.lead(run, f, d.keep(opts))
	}
	t, r := s.wait(i)
	s.mu.Unlock()
	return d.follow(ctx, s, t, r)
}

// lead runs f in the caller's goroutine and ends the flight, however f ends.
func (d *Dedup[K, V]) lead(run *runContext, f func(context.Context) (V, error), keep time.Duration) (v V, err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		run.end()
		var zero V
		l, _ := d.land(run.token, zero, errUnfinished, 0)
		if l.empty() {
			return // with nobody to tell, the panic goes on untouched
		}
		// Only recover tells a panic from Goexit, and only here in the deferred
		// function itself. The stack is still that of the panic.
		p := recover()
		if p == nil {
			l.tell(zero, d.fault(ErrGoexit))
			return
		}
		defer panic(p) // also if a follower panics
		l.tell(zero, &PanicError{Name: d.policy.name, Value: p, Stack: debug.Stack()})
	}()
	v, err = f(run)
	returned = true
	if err != nil {
		err = run.explain(err)
	}
	run.end()
	d.finish(run.token, v, err, keep)
	return v, err
}

// follow waits for the run t that somebody else leads.
func (d *Dedup[K, V]) follow(ctx context.Context, s *shard[K, V], t Token, r *result[V]) (V, error) {
	var zero V
	if ctx.Value(runKey{s, t}) != nil {
		s.leave(t)
		return zero, d.fault(ErrReentrant)
	}
	select {
	case <-r.done:
		return r.value, r.err
	case <-ctx.Done():
	}
	s.leave(t)
	select {
	case <-r.done: // both at once: a result that is there is not thrown away
		return r.value, r.err
	default:
		return zero, ctx.Err()
	}
}

// keep returns how long the result of a call with opts is kept.
func (d *Dedup[K, V]) keep(opts []CallOption) time.Duration {
	ttl := d.ttl
	for _, o := range opts {
		if o.set {
			ttl = o.ttl
		}
	}
	return ttl
}

// now is the age of d. It is read outside the locks: it costs as much as all
// else in a hit together.
func (d *Dedup[K, V]) now() int64 { return int64(time.Since(d.start)) }

// fault wraps a sentinel of this package with the name of d.
func (d *Dedup[K, V]) fault(err error) error { return &Error{Name: d.policy.name, Err: err} }
