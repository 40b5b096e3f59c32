package dedup

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"
	"time"
)

// runContext is the context that a function runs with: the values of the caller
// that leads, and an end of its own. Most functions that are quick enough for
// it to matter never ask for Done, so all that costs is made when they do.
//
// One that nobody has asked for Done serves the next run of a caller with the
// same ctx, and no other: whoever has kept it past its run, against the rules, sees
// the values that he saw before, and never a stranger's.
type runContext struct {
	caller context.Context
	who    identity                            // of the caller
	home   interface{ leaderLeft(Token) bool } // the shard
	flight uint32
	shard  uint32
	gen    atomic.Uint64 // of the flight; 0 once the function has returned
	inner  atomic.Pointer[inner]
}

// inner is what Done needs: a context of the standard library, so that those
// derived from it cost no goroutine.
type inner struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	stop   func() bool // stops watching the caller's context
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
		if run.inner.Load() == nil { // and whoever makes it now sees that the run goes on
			return run
		}
		run.end() // it was made too late for the run before
	}
	f.run = &runContext{caller: ctx, who: who, home: s, flight: t.flight, shard: t.shard}
	f.run.gen.Store(t.gen)
	return f.run
}

// retire is called when a flight becomes free. Its context stays if its caller
// came twice in a row: one that comes once, as the ctx of a request does, is not
// kept from the garbage collector.
func (f *flight[V]) retire() {
	who := f.run.who
	if !who.is(f.lately) || f.run.inner.Load() != nil {
		f.run = nil
	}
	f.lately = who
}

// identity tells contexts apart without holding them: to compare two with ==
// panics for some types. While one of them is held, its identity is that of no
// other. The zero identity is that of one that cannot be told apart.
type identity struct {
	kind reflect.Type
	at   uintptr
}

var background = context.Background()

func identify(ctx context.Context) identity {
	if ctx == background { // of which there is one, of a type that can be compared
		return identity{at: 1}
	}
	v := reflect.ValueOf(ctx)
	if v.Kind() != reflect.Pointer {
		return identity{}
	}
	return identity{v.Type(), v.Pointer()}
}

// is reports that both are known to be one and the same.
func (id identity) is(other identity) bool { return id == other && id.at != 0 }

func (c *runContext) token() Token {
	return Token{gen: c.gen.Load(), flight: c.flight, shard: c.shard}
}

// Deadline returns none: the caller's does not bind those who follow it.
func (c *runContext) Deadline() (time.Time, bool) { return time.Time{}, false }

func (c *runContext) Done() <-chan struct{} { return c.open().ctx.Done() }

func (c *runContext) Err() error {
	if in := c.inner.Load(); in != nil {
		return in.ctx.Err()
	}
	if c.gen.Load() == 0 {
		return context.Canceled
	}
	if c.caller.Err() == nil || !c.home.leaderLeft(c.token()) {
		return nil
	}
	in := c.open()
	in.cancel(context.Cause(c.caller))
	return in.ctx.Err()
}

// Value goes by inner where there is one, which leads the context package to it.
func (c *runContext) Value(key any) any {
	if k, ok := key.(runKey); ok && k.gen == c.gen.Load() && k.home == c.home {
		return c
	}
	if in := c.inner.Load(); in != nil {
		return in.ctx.Value(key)
	}
	return context.WithoutCancel(c.caller).Value(key)
}

// open makes inner. Of several at once, one wins and the others clean up.
func (c *runContext) open() *inner {
	if in := c.inner.Load(); in != nil {
		return in
	}
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(c.caller))
	// The closure must not go by c.inner, which may not be set yet when it runs.
	stop := context.AfterFunc(c.caller, func() {
		if c.home.leaderLeft(c.token()) {
			cancel(context.Cause(c.caller))
		}
	})
	in := &inner{ctx, cancel, stop}
	won := c.inner.CompareAndSwap(nil, in)
	// Either end finds inner, or this finds that it has been there.
	if !won || c.gen.Load() == 0 {
		stop()
		cancel(context.Canceled)
	}
	return c.inner.Load()
}

// cancel ends the context because the last follower has left. That the leader
// has left is known only once inner is being made, or from Err; where inner is
// not there yet, whoever makes it finds out that nobody waits.
func (c *runContext) cancel() {
	if in := c.inner.Load(); in != nil {
		in.cancel(context.Canceled)
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

// explain makes the error of a run that was given up after its caller's deadline
// say so. The function saw its context cancelled, since a deadline that does not
// bind it cannot have passed; the caller knows only the deadline.
func (c *runContext) explain(err error) error {
	in := c.inner.Load()
	if in == nil || in.ctx.Err() == nil || !errors.Is(err, context.Canceled) {
		return err
	}
	if cause := c.caller.Err(); errors.Is(cause, context.DeadlineExceeded) {
		return fmt.Errorf("%w (%w)", cause, err)
	}
	return err
}
