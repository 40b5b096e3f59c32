package guard

import (
	"context"

	"github.com/weir-go/weir/primitives/outcome"
)

// Enlist is [Guard.Acquire] for a caller that does not block, such as an event loop. It
// returns at once, with one of
//
//   - a permit, if one is free and no call waits;
//   - an error, the same as that of Acquire;
//   - a [Place] in the queue. [Place.Waits] tells it from the zero Place.
//
// A call with a place waits like a call of Acquire: in the same queue and order, under
// the same [MaxQueue], [CoDel] and [Deadlines]. When its wait ends, the guard calls
// then, once, with the permit or with the error of Acquire. If [Place.Leave] gives the
// place up, the guard never calls then.
//
// Enlist reads ctx and does not watch it. If ctx has ended, Enlist returns a
// [*WaitError]. A guard with [Deadlines] looks at the deadline of ctx. If ctx ends
// later, the caller leaves.
//
// The guard calls then without a lock, in the goroutine whose operation has freed the
// units or ended the wait. This may happen before Enlist returns. The operation does
// not return before then does, so then must not block: it hands longer work to another
// goroutine. It may use the guard. If then panics or calls [runtime.Goexit], the guard
// releases its permit, and the panic propagates in that goroutine. A nil then is refused
// with a [*CallError].
//
// A permit or an error at once costs what it costs [Guard.TryAcquire]. A wait allocates
// only for the first waiters after a time of disuse.
func (g *Guard) Enlist(ctx context.Context, then func(Permit, error), opts ...CallOption) (Permit, Place, error) {
	if err := ctx.Err(); err != nil {
		return Permit{}, Place{}, g.refuse(err)
	}
	if then == nil {
		return Permit{}, Place{}, &CallError{Name: g.name, Weight: 1, Capacity: g.MaxCapacity(), Err: errNilThen}
	}
	if len(opts) == 0 {
		if p, ok := g.takeFirst(); ok {
			return p, Place{}, nil
		}
		if p, ok := g.takeFast(); ok {
			return p, Place{}, nil
		}
	}
	c, err := g.request(ctx, opts)
	if err != nil {
		return Permit{}, Place{}, err
	}
	c.then = then
	return g.admitOrJoin(c)
}

// Place is the place of a call in the queue of a guard, see [Guard.Enlist]. It is a
// small value. It may be copied, and used by any goroutine. The zero Place is the place
// of no call.
type Place struct {
	guard  *Guard
	waiter *waiter
	use    uint64 // of the waiter; its later uses belong to other calls
}

// Waits reports whether Enlist has put the call into the queue. The answer does not
// change when the wait ends.
func (p Place) Waits() bool { return p.waiter != nil }

// Leave gives the place up, and reports whether the call was still waiting. If it was,
// the guard never calls the call's function, and the [Snapshot] counts the call as
// cancelled. If not, the guard has called the function or will do so soon, and the
// caller has to release the permit that the function gets. Leave does not wait and
// allocates nothing.
func (p Place) Leave() bool {
	g, w := p.guard, p.waiter
	if w == nil {
		return false
	}
	now := g.clock()
	g.mu.Lock()
	if w.use != p.use || !w.queued {
		g.mu.Unlock()
		return false
	}
	w.then = nil
	g.queue.remove(w)
	g.queue.exits.retire(w)
	g.cancelled++
	g.finish(now) // a call behind a heavy one may fit
	return true
}

// resume ends the wait of a call that does not block. After gone is set, the waiter may
// be in use again.
func (w *waiter) resume() {
	then, p, err := w.then, w.permit, w.err
	w.then = nil
	if err == nil {
		w.gone.Store(accepted)
	} else {
		w.gone.Store(declined)
	}
	returned := false
	defer func() {
		if !returned && err == nil {
			p.guard.release(p, outcome.Ignored)
		}
	}()
	then(p, err)
	returned = true
}
