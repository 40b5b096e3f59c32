package guard

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

// Guard bounds how many calls are in flight. Make one with [New] or [Of]. A zero Guard
// has no capacity: every call fails at once with the error of [Guard.Err]. All methods
// may be called at any time from any goroutine. A Guard must not be copied. It holds
// no goroutine and needs no closing.
//
// A guard without calls may be taken from one synctest bubble to another.
type Guard struct {
	gate  atomic.Uint32 // how many cells may be tried; 0 while the guard is closed
	calm  atomic.Bool   // no two calls have met at the first cell
	limit atomic.Int64  // the capacity; written under the lock

	ready bool  // it has been made from a valid policy
	fault error // why not, if [Of] or a [Registry] has made it

	// What the policy says.
	name      string
	sheds     bool
	deadlines bool
	measures  bool // how long permits are held
	pinned    bool // the guard stays closed: it must see each call
	timed     bool // the guard reads the clock for each call that waits
	maxQueue  int  // below 0: no bound
	looks     int  // at the cells, before a call waits
	classify  outcome.Classifier
	base      time.Time

	cells [cells]atomic.Uint64 // see cells.go

	mu      sync.Mutex
	spare   int    // units to give; below 0 more units are in use than the capacity
	away    uint64 // the cells that have neither a unit nor a permit
	closed  bool
	span    int  // how many cells are in use
	resized bool // by Resize: a [Registry] keeps the guard
	rest    int  // operations until a closed guard may open
	slots   slots
	queue   queue
	stale   stale
	holds   holds
	adapt   *adaptation // nil: the capacity is fixed
	soft    softLimit
	shared  [Late + 1]*ShedError // handed out by address: a shed call allocates nothing

	tickets, admitted, shed, cancelled uint64
	counted                            uint64 // permits of cells that admitted counts too
}

// New returns a guard that behaves as p says, or the error of [Policy.Validate].
func New(p Policy) (*Guard, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	g := &Guard{
		ready:     true,
		name:      p.name,
		sheds:     p.sheds,
		deadlines: p.deadlines,
		measures:  p.deadlines || p.adaptive,
		timed:     p.deadlines || p.adaptive || p.hasAhead || p.hasStale || p.order == AdaptiveLIFO,
		maxQueue:  p.bound(),
		classify:  p.classifier(),
		base:      time.Now(),
		stale:     p.stale,
		soft:      softLimit{at: p.soft, hook: p.hook},
		queue:     queue{order: p.order, ahead: p.ahead, stands: p.stands()},
		adapt:     p.adaptation(),
	}
	g.calm.Store(true)
	g.pinned = g.measures || g.soft.at > 0
	g.closed = true
	if !g.measures {
		g.away = 1<<cells - 1
	}
	for i := range g.cells {
		g.cells[i].Store(shut)
	}
	g.setCapacity(p.capacity)
	g.looks = 1
	if runtime.GOMAXPROCS(0) > 1 { // or else no owner could run meanwhile
		g.looks += cells / g.span
	}
	if !g.pinned {
		g.open()
	}
	return g, nil
}

// Of is [New] for a policy that is written in the program: it returns no error to
// handle. If p is invalid, the guard admits no call. [Guard.Err] tells what is wrong,
// and every call fails at once with that error. A flow that is given such a guard
// reports the error before it runs.
func Of(p Policy) *Guard {
	g, err := New(p)
	if err != nil {
		return unusable(p.name, err)
	}
	return g
}

// unusable is a guard whose calls fail with err.
func unusable(name string, err error) *Guard { return &Guard{name: name, fault: err} }

// Err returns nil if the guard can be used, and otherwise the error with which every
// call fails. It is a [*PolicyError] if the policy given to [Of] is invalid, or if
// neither [New] nor Of has made the guard. It is a [*KeyError] if a [Registry] refuses
// the key of the guard.
func (g *Guard) Err() error {
	switch {
	case g == nil:
		return &PolicyError{Err: errors.New("the guard is nil")}
	case g.ready:
		return nil
	case g.fault != nil:
		return g.fault
	}
	return errUnmade
}

var errUnmade = &PolicyError{Err: errors.New("the guard was not made by New or Of")}

// Acquire returns a permit. If none is left, it waits for one. Waiters are served first
// come, first served, or in the order that the policy's [Queue] and the call's
// [Priority] give.
//
// Acquire fails in these cases only, and then holds nothing:
//
//   - ctx has ended, before the call or during the wait: a [*WaitError] that wraps the
//     context's error. A context that has ended gets no permit even if one is free.
//   - The policy sheds the call, or ends its wait: a [*ShedError]; see [MaxQueue],
//     [CoDel] and [Deadlines].
//   - The options cannot be met by a guard of this capacity: a [*CallError].
//   - The guard cannot be used: the error of [Guard.Err].
//
// Acquire allocates nothing, except for its error and for the first waiters after a
// time of disuse.
func (g *Guard) Acquire(ctx context.Context, opts ...CallOption) (Permit, error) {
	if err := ctx.Err(); err != nil {
		return Permit{}, g.refuse(err)
	}
	if len(opts) == 0 {
		if p, ok := g.takeFirst(); ok { // most calls end here
			return p, nil
		}
	}
	return g.acquire(ctx, opts)
}

// TryAcquire returns a permit if one is left. If not, it returns a [*ShedError], or a
// [*CallError] as Acquire does. It never waits, and never overtakes a waiter. It
// allocates nothing, not even to shed a call, unless the guard measures: see
// [ShedError].
func (g *Guard) TryAcquire(opts ...CallOption) (Permit, error) {
	if len(opts) == 0 {
		if p, ok := g.takeFirst(); ok {
			return p, nil
		}
		if p, ok := g.takeFast(); ok {
			return p, nil
		}
	}
	return g.try(opts)
}

// Do calls f while it holds a permit, and returns what f returns. It releases the
// permit when f returns, panics or calls [runtime.Goexit]. A panic propagates. An
// [Adaptive] guard learns how the call ended, except that a panic tells it nothing.
//
// If the guard is full, Do waits as [Guard.Acquire] does, or sheds as
// [Guard.TryAcquire] does if the policy is [Shedding]. If it gets no permit, it does
// not call f and returns the error of Acquire or TryAcquire.
//
// A call of Do inside f takes a second permit. With a capacity of 1 it waits for
// itself.
func (g *Guard) Do[T any](ctx context.Context, f func(context.Context) (T, error), opts ...CallOption) (T, error) {
	p, err := g.enter(ctx, opts)
	if err != nil {
		var none T
		return none, err
	}
	if g.adapt == nil {
		defer p.Release()
		return f(ctx)
	}
	defer g.release(p, outcome.Ignored) // after Done it changes nothing
	v, err := f(ctx)
	p.Done(ctx, err)
	return v, err
}

// Run is [Guard.Do] for a function that returns nothing but an error.
func (g *Guard) Run(ctx context.Context, f func(context.Context) error, opts ...CallOption) error {
	_, err := g.Do(ctx, func(ctx context.Context) (struct{}, error) { return struct{}{}, f(ctx) }, opts...)
	return err
}

// enter acquires in the way that the policy says.
func (g *Guard) enter(ctx context.Context, opts []CallOption) (Permit, error) {
	if !g.sheds {
		return g.Acquire(ctx, opts...)
	}
	if err := ctx.Err(); err != nil {
		return Permit{}, g.refuse(err)
	}
	return g.TryAcquire(opts...)
}

// Capacity returns the most units that may be in use now. It takes no lock.
func (g *Guard) Capacity() int { return g.capacity() }

func (g *Guard) capacity() int { return int(g.limit.Load()) }

// MaxCapacity returns the greatest capacity that the guard can have without
// [Guard.Resize]: the upper bound of an [Adaptive] guard, the capacity of any other. It
// takes no lock.
func (g *Guard) MaxCapacity() int {
	if g.adapt != nil {
		return g.adapt.max
	}
	return g.capacity()
}

// Sheds reports whether the guard's policy was made with [Shedding].
func (g *Guard) Sheds() bool { return g.sheds }

// Guard returns g itself, so that a guard can be shared by all that take a [Source].
// If [Guard.Err] is not nil, it returns that error.
func (g *Guard) Guard() (*Guard, error) {
	if err := g.Err(); err != nil {
		return nil, err
	}
	return g, nil
}
