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
	seed   maphash.Seed
	guess  bool // K may hold an interface, so hashing a key may panic
	early  bool // see Early
	shift  uint // how far the hash is shifted to leave the number of the shard
	shards []shard[K, V]
	start  time.Time // the monotonic zero that all times count from
	ttl    time.Duration
	ages   int64 // how long before it expires a value is stale
	clone  func(V) V
	weigh  func(V) int64
	policy Policy
}

// New returns an empty deduplicator, or a [*PolicyError] that lists what is
// wrong with p and hooks. There is at most one value of [Hooks].
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
		guess:  mayPanic[K](),
	}
	if p.weight > 0 {
		d.weigh = h.Weigh
	}
	d.divide()
	return d, nil
}

// Policy returns the policy d was made from. It makes d a [Source].
func (d *Dedup[K, V]) Policy() Policy { return d.policy }

// Do returns the result kept for key or, if there is none, that of the one run
// of f that all present callers of key share. A result is kept if f returned a
// nil error; errors are shared by those who wait for them and not kept, unless the
// policy has an [ErrorTTL].
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
// A value that is due for renewal, see [ServeStale] and [Early], is renewed by the
// caller that finds it so: it leads a run as above, while all others are served what
// is kept. If the renewal fails, its leader gets what is kept, too, and no error.
//
// f must not use its context after it has returned: that may serve the next run
// of a caller with the same ctx. A kept result costs no allocation, and neither
// does a run for a ctx that calls again and again; one for a new ctx costs one, of
// 72 bytes, for its context. The first follower of a run costs two more.
func (d *Dedup[K, V]) Do(ctx context.Context, key K, f func(context.Context) (V, error), opts ...CallOption) (V, error) {
	var zero V
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	h, ok := d.hash(key)
	if !ok {
		return zero, d.fault(ErrKey)
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

// lead runs f in the caller's goroutine and ends the flight, however f ends.
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
			return // with nobody to tell, the panic goes on untouched
		}
		// Only recover tells a panic from Goexit, and only here in the deferred
		// function itself. The stack is still that of the panic.
		var zero V
		p := recover()
		if p == nil {
			l.tell(zero, d.fault(ErrGoexit), nil)
			return
		}
		defer panic(p) // also if a follower panics
		l.tell(zero, &PanicError{Name: d.policy.name, Value: p, Stack: debug.Stack()}, nil)
	}()
	v, err = f(run)
	if err != nil {
		err = run.explain(err)
	}
	end := ending[V]{value: v, err: err}
	if d.clone != nil && err == nil {
		end.value = d.clone(v)
	}
	d.decide(&end, run.caller, c)
	returned = true
	run.end()
	d.finish(t, &end)
	return v, err
}

// renew leads a run for a value that is kept meanwhile, and falls back on it.
func (d *Dedup[K, V]) renew(run *runContext, t Token, kept V, f func(context.Context) (V, error), c call) (V, error) {
	v, err := d.lead(run, t, f, c)
	if err != nil {
		return d.share(kept), nil
	}
	return v, nil
}

// follow waits for the run t that somebody else leads.
func (d *Dedup[K, V]) follow(ctx context.Context, s *shard[K, V], t Token, r *result[V]) (V, error) {
	var zero V
	if ctx.Value(runKey{s, t.gen}) != nil {
		s.leave(t)
		return zero, d.fault(ErrReentrant)
	}
	select {
	case <-r.done:
		return d.told(r)
	case <-ctx.Done():
	}
	s.leave(t)
	select {
	case <-r.done: // both at once: a result that is there is not thrown away
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

// fault wraps a sentinel of this package with the name of d.
func (d *Dedup[K, V]) fault(err error) error { return &Error{Name: d.policy.name, Err: err} }
