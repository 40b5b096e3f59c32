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

// Guard bounds how many calls are in flight. Make one with [New]; a zero Guard
// has no capacity and admits nobody. All methods may be called at any time from
// any goroutine. A Guard must not be copied. It holds no goroutine and needs no
// closing.
//
// A guard that nobody uses may be taken from one synctest bubble to another.
type Guard struct {
	gate  atomic.Uint32 // how many cells may be tried; 0 while the guard is closed
	calm  atomic.Bool   // no calls have fought for the first cell
	limit atomic.Int64  // the capacity; written under the lock

	// What the policy says.
	name      string
	sheds     bool
	deadlines bool
	measures  bool // how long permits are held
	pinned    bool // the guard stays closed: each call has to be seen
	timed     bool // each call that waits has to be timed
	maxQueue  int  // below 0: no bound
	looks     int  // at the cells, before a call waits
	classify  outcome.Classifier
	base      time.Time

	cells [cells]atomic.Uint64 // see cells.go

	mu     sync.Mutex
	spare  int    // units to give; below 0 the guard holds more than it may
	away   uint64 // the cells that have neither a unit nor a permit
	closed bool
	span   int // how many cells are used
	rest   int // pieces of work until a closed guard may open
	slots  slots
	queue  queue
	stale  stale
	holds  holds
	adapt  *adaptation // nil: the capacity is fixed
	soft   softLimit
	shared [Late + 1]*ShedError // handed out by address: a shed call allocates nothing

	tickets, admitted, shed, cancelled uint64
	counted                            uint64 // permits of cells that are in admitted, too
}

// New returns a guard that behaves as p says, or the error of [Policy.Validate].
func New(p Policy) (*Guard, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	g := &Guard{
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

// Acquire returns a permit, and waits for one where none is left. Waiters are
// served first come, first served, or as the policy's [Queue] and the call's
// [Priority] say.
//
// When ctx ends first it returns a [*WaitError], which wraps the context's
// error, and holds nothing. A context that is over gets no permit, also where
// one is free. A [*ShedError] says that the policy let the call not wait, or not
// any longer: see [MaxQueue], [CoDel], [Deadlines]. A [*CallError] refuses options that no
// guard of this capacity can meet. Nothing else makes Acquire fail.
//
// It allocates nothing, except for a guard's first waiters after a time of
// disuse and for its error.
func (g *Guard) Acquire(ctx context.Context, opts ...CallOption) (Permit, error) {
	if err := ctx.Err(); err != nil {
		return Permit{}, g.refuse(err)
	}
	if len(opts) == 0 {
		if p, ok := g.takeFirst(); ok { // this is all there is to most calls
			return p, nil
		}
	}
	return g.acquire(ctx, opts)
}

// TryAcquire returns a permit if one is left, and a [*ShedError] otherwise, or a
// [*CallError] as Acquire does. It never waits, and never overtakes a waiter. It
// allocates nothing, also when it sheds, unless the guard measures (see
// [ShedError]).
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

// Do calls f while it holds a permit and returns what f returns. The permit is
// released when f is done, also when f panics or calls [runtime.Goexit]; the
// panic goes on. An [Adaptive] guard learns how the call ended, except that a
// panic tells it nothing.
//
// When the guard is full Do waits, as [Guard.Acquire] does, or sheds, as
// [Guard.TryAcquire] does, if the policy says [Shedding]. When it gets no permit f
// is not called, and the error is the one of Acquire or TryAcquire.
//
// A call of Do from inside f takes a second permit, and with a capacity of 1
// waits for itself.
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

// enter acquires in the way the policy says.
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

// MaxCapacity returns the most that the capacity can be without [Guard.Resize]: the
// upper bound of an [Adaptive] guard, the capacity of any other. It takes no lock.
func (g *Guard) MaxCapacity() int {
	if g.adapt != nil {
		return g.adapt.max
	}
	return g.capacity()
}

// Sheds reports whether the guard's policy was made with [Shedding].
func (g *Guard) Sheds() bool { return g.sheds }

// Guard returns g itself, so that a guard can be shared wherever a [Source] is
// asked for. It returns an error if g is nil.
func (g *Guard) Guard() (*Guard, error) {
	if g == nil {
		return nil, &PolicyError{Err: errors.New("the shared guard is nil")}
	}
	return g, nil
}
