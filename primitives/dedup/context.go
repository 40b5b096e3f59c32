package dedup

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"time"
)

// runContext is the context that a function runs with. It has the values of the
// caller that leads, the deadline of the waiter with the latest one, and it ends when
// the last waiter has left. Most functions that are quick enough for it to matter
// never ask for Done, so all that costs is made when they do.
//
// A context that was not asked for Done serves the next run of a caller with the same
// ctx, and no other. Code that has kept it past its run, against the rules, sees the
// values that it saw before, and never the values of another caller.
type runContext struct {
	caller context.Context
	who    identity // of the caller
	home   flights  // the shard
	flight uint32
	shard  uint32
	gen    atomic.Uint64 // of the flight; 0 once the function has returned
	why    atomic.Pointer[reason]
	inner  atomic.Pointer[inner]
}

// flights is what a context asks its shard.
type flights interface {
	leaderLeft(Token) bool
	patience(Token) (latest time.Time, followers patience)
}

// reason is why the last waiter has left.
type reason struct{ err, cause error }

func reasonOf(ctx context.Context) *reason { return &reason{ctx.Err(), context.Cause(ctx)} }

// inner is what Done needs: a context of the standard library, so that the contexts
// derived from it cost no goroutine.
type inner struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	expiry *expiry     // above ctx
	once   sync.Once   // of finish
	stop   func() bool // stops watching the caller's context
}

func (in *inner) finish(why *reason) {
	in.once.Do(func() {
		if errors.Is(why.err, context.DeadlineExceeded) {
			in.expiry.pass(why.cause)
			return
		}
		in.cancel(why.cause)
	})
}

// runKey is the key under which a run is found in contexts derived from its own.
type runKey struct {
	home any
	gen  uint64
}

// context gives the flight t the context that its function runs with.
func (s *shard[K, V]) context(ctx context.Context, t Token) *runContext {
	f := &s.flights[t.flight]
	run, who := f.run, identify(ctx)
	if run != nil && who.is(run.who) {
		run.gen.Store(t.gen)
		if run.inner.Load() == nil { // open sees from now on that a run goes on
			return run
		}
		run.end() // inner was made too late for the run before
	}
	f.run = &runContext{caller: ctx, who: who, home: s, flight: t.flight, shard: t.shard}
	f.run.gen.Store(t.gen)
	return f.run
}

// retire is called when a flight becomes free. Its context stays if its caller came
// twice in a row. A caller's ctx that comes once, such as that of a request, is not kept
// from the garbage collector. One exception is harmless: lately holds nothing, so a ctx at
// the address of a collected one looks like it, and stays until the next run of the flight.
func (f *flight[V]) retire() {
	who := f.run.who
	if !who.is(f.lately) || f.run.inner.Load() != nil {
		f.run = nil
	}
	f.lately = who
}

// identity tells contexts apart without holding them; == panics for some types of them.
// While a context is held, no other has its identity. The zero identity is that of a
// context that cannot be told apart.
type identity struct {
	kind reflect.Type
	at   uintptr
}

var background = context.Background()

func identify(ctx context.Context) identity {
	if ctx == background { // its type can be compared
		return identity{at: 1}
	}
	v := reflect.ValueOf(ctx)
	if v.Kind() != reflect.Pointer {
		return identity{}
	}
	return identity{v.Type(), v.Pointer()}
}

// is reports whether both are known to be of the same context.
func (id identity) is(other identity) bool { return id == other && id.at != 0 }

func (c *runContext) token() Token {
	return Token{gen: c.gen.Load(), flight: c.flight, shard: c.shard}
}

// Deadline returns the latest deadline of the waiters, or none if one of them has
// none. It moves when a waiter joins or leaves.
func (c *runContext) Deadline() (time.Time, bool) {
	own, bounded := c.caller.Deadline()
	left := c.caller.Err() != nil
	if !left && !bounded {
		return time.Time{}, false
	}
	latest, followers := c.home.patience(c.token())
	switch {
	case followers == endless:
		return time.Time{}, false
	case followers == none:
		return own, bounded
	case !left && own.After(latest):
		return own, true
	}
	return latest, true
}

func (c *runContext) Done() <-chan struct{} { return c.open().ctx.Done() }

func (c *runContext) Err() error {
	if in := c.inner.Load(); in != nil {
		return in.ctx.Err()
	}
	if c.why.Load() == nil && c.caller.Err() != nil && c.home.leaderLeft(c.token()) {
		c.finish(reasonOf(c.caller))
	}
	if why := c.why.Load(); why != nil {
		return why.err
	}
	if c.gen.Load() == 0 {
		return context.Canceled
	}
	return nil
}

// Value goes by inner if there is one, which leads the context package to it. A context
// that has ended has one: it knows the cause.
func (c *runContext) Value(key any) any {
	if k, ok := key.(runKey); ok && k.gen == c.gen.Load() && k.home == c.home {
		return c
	}
	in := c.inner.Load()
	if in == nil && c.why.Load() != nil {
		in = c.open()
	}
	if in != nil {
		return in.ctx.Value(key)
	}
	return context.WithoutCancel(c.caller).Value(key)
}

// open makes inner. Of several goroutines at once, one wins and the others clean up.
func (c *runContext) open() *inner {
	if in := c.inner.Load(); in != nil {
		return in
	}
	in := &inner{expiry: newExpiry(context.WithoutCancel(c.caller))}
	in.ctx, in.cancel = context.WithCancelCause(in.expiry)
	in.stop = context.AfterFunc(c.caller, func() {
		if c.home.leaderLeft(c.token()) {
			c.finish(reasonOf(c.caller))
		}
	})
	won := c.inner.CompareAndSwap(nil, in)
	// Ordering: with finish and end. Either they find inner, or open finds what they have
	// stored before they looked.
	if why := c.why.Load(); why != nil {
		in.finish(why)
	}
	if !won || c.gen.Load() == 0 {
		in.stop()
		in.cancel(context.Canceled)
	}
	return c.inner.Load()
}

// finish ends the context because the last waiter has left. Of several reasons the
// first counts.
func (c *runContext) finish(why *reason) {
	c.why.CompareAndSwap(nil, why)
	if in := c.inner.Load(); in != nil {
		in.finish(c.why.Load())
	}
}

// end is called when the function has returned.
func (c *runContext) end() {
	c.gen.Store(0)
	if in := c.inner.Load(); in != nil {
		in.stop()
		in.cancel(context.Canceled)
	}
}

// explain makes the error of a run that was given up tell the end of its caller, if
// that was a deadline. The run's own end may have been a cancellation, of a follower
// that has waited for longer.
func (c *runContext) explain(err error) error {
	if c.why.Load() == nil || !errors.Is(err, context.Canceled) {
		return err
	}
	if cause := c.caller.Err(); errors.Is(cause, context.DeadlineExceeded) {
		return fmt.Errorf("%w (%w)", cause, err)
	}
	return err
}
