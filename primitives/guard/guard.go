package guard

import (
	"context"
	"errors"
	"sync"
)

// Guard bounds how many calls are in flight. Make one with [New]; a zero Guard
// has no capacity and admits nobody. All methods may be called at any time from
// any goroutine. A Guard must not be copied. It holds no goroutine and needs no
// closing.
//
// A guard that nobody uses may be taken from one synctest bubble to another.
type Guard struct {
	name     string
	capacity int
	sheds    bool
	full     ShedError // handed out by address: a shed call allocates nothing

	mu    sync.Mutex
	depth int // slots taken: by permits, and by waiters on their way to wake up
	slots slots
	// Invariant: queue is empty while depth < capacity. A freed slot goes to
	// the head of the queue before it could count as free, so whoever sees
	// depth < capacity overtakes nobody.
	queue queue
	soft  softLimit

	admitted, shed, cancelled uint64
}

// New returns a guard that behaves as p says, or the error of [Policy.Validate].
func New(p Policy) (*Guard, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return &Guard{
		name:     p.name,
		capacity: p.capacity,
		sheds:    p.sheds,
		full:     ShedError{Name: p.name, Depth: p.capacity, Capacity: p.capacity},
		soft:     softLimit{at: p.soft, hook: p.hook},
	}, nil
}

// Acquire returns a permit, and waits for one where none is left. Waiters are
// served first come, first served.
//
// When ctx ends first it returns a [*WaitError], which wraps the context's
// error, and holds no slot. A context that is over gets no permit, also where
// one is free. Nothing else makes Acquire fail.
//
// It allocates nothing, except for a guard's first waiters after a time of
// disuse and for its error.
func (g *Guard) Acquire(ctx context.Context) (Permit, error) {
	if err := ctx.Err(); err != nil {
		return Permit{}, g.refuse(err)
	}
	g.mu.Lock()
	if g.depth < g.capacity {
		return g.admitAndUnlock(), nil
	}
	w := g.queue.join()
	g.mu.Unlock()

	select {
	case <-w.granted:
		// Both may be ready, and select throws dice.
		if err := ctx.Err(); err != nil {
			return Permit{}, g.handBack(w, err)
		}
		return g.accept(w), nil
	case <-ctx.Done():
		return Permit{}, g.leave(w, ctx.Err())
	}
}

// TryAcquire returns a permit if one is left, and a [*ShedError] otherwise. It
// never waits, and never overtakes a waiter. It allocates nothing, also when it
// sheds.
func (g *Guard) TryAcquire() (Permit, error) {
	g.mu.Lock()
	if g.depth < g.capacity {
		return g.admitAndUnlock(), nil
	}
	g.shed++
	g.mu.Unlock()
	return Permit{}, &g.full
}

// Do calls f while it holds a permit and returns what f returns. The permit is
// released when f is done, also when f panics or calls [runtime.Goexit]; the
// panic goes on.
//
// When the guard is full Do waits, as [Guard.Acquire] does, or sheds, as
// [Guard.TryAcquire] does, if the policy says [Shedding]. Then, and when ctx is
// over, f is not called and the error is a [*WaitError] or a [*ShedError].
//
// A call of Do from inside f takes a second permit, and with a capacity of 1
// waits for itself.
func (g *Guard) Do[T any](ctx context.Context, f func(context.Context) (T, error)) (T, error) {
	p, err := g.enter(ctx)
	if err != nil {
		var none T
		return none, err
	}
	defer p.Release()
	return f(ctx)
}

// enter acquires in the way the policy says.
func (g *Guard) enter(ctx context.Context) (Permit, error) {
	if !g.sheds {
		return g.Acquire(ctx)
	}
	if err := ctx.Err(); err != nil {
		return Permit{}, g.refuse(err)
	}
	return g.TryAcquire()
}

// Capacity returns the most permits there can be. It takes no lock.
func (g *Guard) Capacity() int { return g.capacity }

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

// admitAndUnlock gives a permit to a caller that holds the lock and has seen
// that a slot is free. It unlocks here because the soft limit's hook has to run
// after that and before the caller goes on.
func (g *Guard) admitAndUnlock() Permit {
	g.depth++
	g.admitted++
	p := Permit{guard: g, ticket: g.admitted, slot: g.slots.take(g.admitted)}
	if g.depth != g.soft.at {
		g.mu.Unlock()
		return p
	}
	g.soft.note()
	g.mu.Unlock()
	g.tellOrRelease(p)
	return p
}
