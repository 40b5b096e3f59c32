package limiter

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

// Limiter admits units at a rate. Make one with [New]; a zero Limiter has no burst
// and refuses every call that costs something. All methods may be called at any
// time from any goroutine. A Limiter must not be copied. It holds no goroutine and
// no timer of its own, and needs no closing.
type Limiter struct {
	mu     sync.Mutex // never held while user code runs, or while blocking
	policy Policy
	base   time.Time
	last   time.Duration // the latest time seen, since base
	bucket bucket
	pace   pace
	line   line

	admitted, refused, cancelled, units, penalties uint64
}

// Source is what a [Limiter] can be had from: a [Policy] makes a new one, a
// *Limiter is shared as it is, with other users of it and with whoever observes it
// from outside.
type Source interface {
	Limiter() (*Limiter, error)
}

// New returns a limiter whose burst is there to be used, or a [*PolicyError] that
// tells everything that is wrong with p.
func New(p Policy) (*Limiter, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return &Limiter{
		policy: p, base: time.Now(), pace: pace{rate: p.rate()},
		bucket: newBucket(p.interval, p.size()),
	}, nil
}

// Limiter returns l itself; a *Limiter is a [Source]. A nil one is refused.
func (l *Limiter) Limiter() (*Limiter, error) {
	if l == nil {
		return nil, errors.New("limiter: nil *Limiter")
	}
	return l, nil
}

// Wait takes cost units and returns nil; it blocks until they are there and it is
// the caller's turn. It returns a [*WaitError] when ctx ends, and at once where ctx
// has a deadline that would come first, at the rate of the moment; then nothing
// was taken. It returns a [*CostError] for a cost that cannot be met. A cost of 0
// takes nothing and waits for nobody.
//
// Where it does not have to wait it costs a look at the clock and no allocation; a
// wait costs four, of 400 bytes in all. At some thousand waits a second, timers wake
// up later than they should; a burst, see [Burst], makes up for that.
func (l *Limiter) Wait(ctx context.Context, cost int) error {
	if err := ctx.Err(); err != nil {
		return l.cancel(nil, err)
	}
	l.mu.Lock()
	if ok, err := l.enter(cost); ok || err != nil {
		l.mu.Unlock()
		return err
	}
	l.mu.Unlock()
	return l.wait(ctx, cost)
}

// Try takes cost units and returns nil if they are there and nobody waits. It never
// blocks. Otherwise it takes nothing and returns a [*LimitError] that tells after
// which time to try again, or a [*CostError]. A refusal costs an allocation.
func (l *Limiter) Try(cost int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ok, err := l.enter(cost); ok || err != nil {
		return err
	}
	l.refused++
	// Where the first in line could go, and has not yet been scheduled, nothing is
	// left to wait for but that.
	return &LimitError{Name: l.policy.name, After: max(l.expected(cost), 1)}
}

// Do waits for cost units, calls f, and passes on what it returned; see
// [Limiter.Wait] and [Limiter.Record]. f runs in the goroutine of the caller and
// gets ctx. A panic of f goes through, as does runtime.Goexit.
func (l *Limiter) Do[T any](ctx context.Context, cost int, f func(context.Context) (T, error)) (T, error) {
	if err := l.Wait(ctx, cost); err != nil {
		var none T
		return none, err
	}
	v, err := f(ctx)
	l.Record(ctx, err)
	return v, err
}

// Record tells how a call ended. An error that means throttled, such as one marked
// by [outcome.AsThrottled], is a penalty for the time that it tells; see
// [Limiter.Penalize]. All others change nothing. ctx is what the call ran under.
// It returns at once.
func (l *Limiter) Record(ctx context.Context, err error) {
	if err == nil {
		return
	}
	if o := l.classifier()(ctx, err); o.Kind == outcome.Throttled {
		l.Penalize(o.After)
	}
}

// Penalize admits nobody for d, but at most [MaxPause], from now: also not those
// who wait already. It takes the burst away, too: after the pause there is one
// unit, and further ones come at the rate. Of overlapping pauses the one that ends
// last holds. With d = 0, or less, only the burst goes. It returns at once.
func (l *Limiter) Penalize(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.advance()
	l.penalties++
	until := l.last + min(max(d, 0), l.policy.pause())
	l.slow(until)
	l.bucket.pause(until)
}

// Set has l go on with policy p: its rate, its burst and the rest. Those who wait
// keep their places and get what they wait for at the new rate, or a [*CostError]
// when it is their turn and the new burst is below what they want. Units that are
// there remain, up to the new burst; a larger burst fills up with time. A pause
// remains, and a rate that [Adaptive] had lowered is whole again. It returns a
// [*PolicyError], and changes nothing, where p is invalid.
func (l *Limiter) Set(p Policy) error {
	if err := p.Validate(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.advance()
	l.policy = p
	l.pace = pace{rate: p.rate()}
	l.bucket.reprice(p.interval, p.size())
	l.line.call()
	return nil
}

// enter takes cost units if that can be done at once, or tells that it never can.
// The lock is held.
func (l *Limiter) enter(cost int) (bool, error) {
	if cost < 0 || int64(cost) > l.bucket.burst {
		return false, &CostError{Name: l.policy.name, Cost: cost, Burst: int(l.bucket.burst)}
	}
	if cost == 0 {
		l.admitted++
		return true, nil
	}
	l.advance()
	return l.line.head == nil && l.take(cost), nil
}

// take takes cost units, at most a burst, if they are there. The lock is held, and
// the time is now.
func (l *Limiter) take(cost int) bool {
	if l.bucket.after(l.last, int64(cost)) > 0 {
		return false
	}
	l.bucket.debt += int64(cost) * l.bucket.price
	l.admitted++
	l.units += uint64(cost)
	return true
}

// expected returns how long it takes until a call that comes now is admitted. The
// lock is held, and the time is now.
func (l *Limiter) expected(cost int) time.Duration {
	if l.line.head == nil {
		return l.bucket.after(l.last, int64(cost))
	}
	return l.bucket.expected(l.last, l.line.units+float64(cost))
}

// advance brings the account up to now. The lock is held.
//
// The clock cannot go back, but a limiter can be taken from one synctest bubble
// to another, where it is earlier: then no time has passed.
func (l *Limiter) advance() {
	now := time.Since(l.base)
	if now < l.last {
		l.base, now = l.base.Add(now-l.last), l.last
	}
	l.last = now
	l.recover(now)
	l.bucket.settle(now)
}

func (l *Limiter) classifier() outcome.Classifier {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.policy.classify == nil {
		return outcome.Classify
	}
	return l.policy.classify
}
