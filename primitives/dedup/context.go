package dedup

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// runContext is the context that a function runs with: the values of the caller
// that leads, and an end of its own. Most functions that are quick enough for
// it to matter never ask for Done, so all that costs is made when they do.
//
// It is the one allocation of a run. To reuse it would show the values of another
// caller to whoever has kept it past its run; to allocate several together saves
// nothing that can be measured, and lets each keep its neighbours' values alive.
type runContext struct {
	caller context.Context
	home   interface{ leaderLeft(Token) bool } // the shard
	token  Token
	inner  atomic.Pointer[inner]
	ended  atomic.Bool // the function has returned
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
	home  any
	token Token
}

// Deadline returns none: the caller's does not bind those who follow it.
func (c *runContext) Deadline() (time.Time, bool) { return time.Time{}, false }

func (c *runContext) Done() <-chan struct{} { return c.open().ctx.Done() }

func (c *runContext) Err() error {
	if in := c.inner.Load(); in != nil {
		return in.ctx.Err()
	}
	if c.ended.Load() {
		return context.Canceled
	}
	if c.caller.Err() == nil || !c.home.leaderLeft(c.token) {
		return nil
	}
	in := c.open()
	in.cancel(context.Cause(c.caller))
	return in.ctx.Err()
}

// Value goes by inner where there is one, which leads the context package to it.
func (c *runContext) Value(key any) any {
	if k, ok := key.(runKey); ok && k.token == c.token && k.home == c.home {
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
		if c.home.leaderLeft(c.token) {
			cancel(context.Cause(c.caller))
		}
	})
	in := &inner{ctx, cancel, stop}
	won := c.inner.CompareAndSwap(nil, in)
	// Either end finds inner, or this finds ended.
	if !won || c.ended.Load() {
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
	c.ended.Store(true)
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
