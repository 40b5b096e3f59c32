package stages

import (
	"context"
	"sync/atomic"
)

// audience is who waits for a call that is shared: the callers of the item that
// leads it, and of those that follow. The context of the call ends when the last of
// them has gone. A nil audience is that of a call which waits for nobody.
type audience struct {
	waiting atomic.Int64
	end     context.CancelCauseFunc
}

// join adds a follower. It returns nil where the call has been given up: the
// follower is told so when the call has ended, and asks again.
func (a *audience) join() *audience {
	for a != nil {
		n := a.waiting.Load()
		if n == 0 {
			return nil
		}
		if a.waiting.CompareAndSwap(n, n+1) {
			break
		}
	}
	return a
}

// leave takes off one that waits no more.
func (a *audience) leave(why error) {
	if a != nil && a.waiting.Add(-1) == 0 {
		a.end(why)
	}
}

// lead is what is known of an item that leads a call for others.
type lead[K comparable] struct {
	key      K
	audience *audience
	caller   context.Context // the item's own
	unwatch  func() bool
}

// lead gives the call of a leader a context that outlives its caller's, if others
// join. It has the values of the caller's.
func (h *dedupHandler[I, K]) lead(key K, x *Exchange[I]) {
	if x.caller == nil {
		return
	}
	caller := x.caller
	a := &audience{}
	a.waiting.Store(1)
	x.caller, a.end = context.WithCancelCause(context.WithoutCancel(caller))
	if h.leads == nil {
		h.leads, h.audiences = map[int]lead[K]{}, map[K]*audience{}
	}
	h.leads[x.Slot()] = lead[K]{key, a, caller, context.AfterFunc(caller, func() { a.leave(context.Cause(caller)) })}
	if key == key { // one that is not, nobody can join, and nobody would find here
		h.audiences[key] = a
	}
}

// unlead ends what lead began.
func (h *dedupHandler[I, K]) unlead(x *Exchange[I]) {
	if len(h.leads) == 0 {
		return
	}
	l, led := h.leads[x.Slot()]
	if !led {
		return
	}
	l.unwatch()
	l.audience.end(nil)
	x.caller = l.caller
	delete(h.leads, x.Slot())
	if h.audiences[l.key] == l.audience {
		delete(h.audiences, l.key)
	}
}
