package retry

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

// race is one try of a policy with [Hedge]: several copies of the same call. The first copy
// runs in the goroutine of the caller, which has to wait for it in any case. Each further
// copy runs in the goroutine of the timer that began it.
//
// A race does not know the type of the answer, so it is compiled once and not for each type.
//
// The race is over when a copy has an answer, or when no copy is running. Then no copy
// begins, and the timer is stopped.
//
// Owner: the caller waits for all copies that have begun.
type race struct {
	*Retrier
	ctx  context.Context // of the copies; ends when the race is over
	stop context.CancelFunc
	f    func(context.Context) (keep func(), err error) // keep makes the value the answer
	wg   sync.WaitGroup                                 // for the armed timer and its goroutines

	mu      sync.Mutex // never held while f or a classifier runs
	timer   *time.Timer
	begun   int
	running int
	over    bool
	err     error       // of the answer, or of the last failure
	broken  *PanicError // of a copy in another goroutine than the caller's
	exited  bool        // such a copy called runtime.Goexit
}

// hedged is a try of a policy with more than one copy. Its race cannot live on the stack, so
// it allocates. Calls of other policies do not come here.
func (r *Retrier) hedged[T any](ctx context.Context, f func(context.Context) (T, error)) (T, error) {
	var value T
	c := &race{Retrier: r, begun: 1, running: 1}
	c.f = func(ctx context.Context) (keep func(), err error) {
		v, err := f(ctx)
		return func() { value = v }, err
	}
	c.ctx, c.stop = context.WithCancel(ctx)
	c.arm()
	c.runHere()
	switch {
	case c.broken != nil:
		panic(c.broken)
	case c.exited:
		runtime.Goexit()
	}
	return value, c.err
}

// runHere runs the first copy and waits for the others, also if the first does not return.
func (c *race) runHere() {
	defer c.wg.Wait()
	returned := false
	defer func() {
		if !returned {
			c.abandon(nil, false)
		}
	}()
	keep, err := c.f(c.ctx)
	c.settle(keep, err)
	returned = true
}

// arm sets the timer for the next copy.
//
// Ordering: under the lock, since the timer can fire before its field is written.
// Invariant: an armed timer counts in wg. The code that stops it in time counts it out.
func (c *race) arm() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wg.Add(1)
	c.timer = time.AfterFunc(c.policy.hedge, c.runThere)
}

// runThere begins another copy, unless the race is over or the budget is used up, and runs
// it.
func (c *race) runThere() {
	defer c.wg.Done()
	if !c.begin() {
		return
	}
	returned := false
	defer func() {
		if returned {
			return
		}
		// Here a panic would end the process, so it goes on in the goroutine of the
		// caller, which can be prepared for it. After Goexit, recover returns nil.
		if p := recover(); p != nil {
			c.abandon(&PanicError{Value: p, Stack: debug.Stack()}, false)
		} else {
			c.abandon(nil, true)
		}
	}()
	keep, err := c.f(c.ctx)
	c.settle(keep, err)
	returned = true
}

// begin counts a copy in and sets the timer for the next one. The budget is asked last, so a
// race that is over takes no token.
func (c *race) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || c.ctx.Err() != nil || !c.policy.budget.withdraw() {
		return false
	}
	c.begun++
	c.running++
	c.counts.hedges.Add(1)
	if c.begun < c.policy.copies {
		c.wg.Add(1)
		c.timer.Reset(c.policy.hedge)
	}
	return true
}

// settle takes the result of a copy. A rejection does not take the place of a failure, which
// says more about the service.
func (c *race) settle(keep func(), err error) {
	kind := outcome.Success
	if err != nil {
		kind = c.policy.classify(c.ctx, err).Kind
	}
	c.leave(func() bool {
		if !c.over && (c.err == nil || kind != outcome.Ignored) {
			keep()
			c.err = err
		}
		return kind == outcome.Success || kind == outcome.Permanent
	})
}

// abandon takes note of a copy that did not return.
func (c *race) abandon(p *PanicError, exited bool) {
	c.leave(func() bool {
		if p != nil {
			c.broken = p
		}
		c.exited = c.exited || exited
		return true
	})
}

// leave counts a copy out. decided runs under the lock and reports whether the copy ends the
// race.
//
// Must not: cancel the copies under the lock, since that can call methods of the context of
// the caller.
func (c *race) leave(decided func() bool) {
	c.mu.Lock()
	c.running--
	c.over = decided() || c.over || c.running == 0
	over := c.over
	if over && c.timer.Stop() {
		c.wg.Done()
	}
	c.mu.Unlock()
	if over {
		c.stop()
	}
}
