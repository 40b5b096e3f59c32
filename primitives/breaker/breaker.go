package breaker

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

// Breaker guards the calls of one service. It is made by [New], is used by any
// number of goroutines at the same time, and must not be copied.
type Breaker struct {
	// Read by every call, written by transitions.
	word      atomic.Uint64             // a word
	epoch     atomic.Pointer[epoch]     // nil: no rule has a window
	reject    atomic.Pointer[OpenError] // good until its time is over
	blind     atomic.Pointer[OpenError] // good without a look at the clock
	mode      atomic.Uint32             // a Mode
	threshold int                       // failures in a row; 0: no such rule
	slow      *rule                     // the shortest Slow rule, or nil
	hung      *rule                     // the Hung rule, or nil
	base      time.Time                 // origin of all times in here: monotonic, cheaper than time.Now
	policy    Policy
	ramp      ramp

	rejected, stale atomic.Uint64

	mu       sync.Mutex // never held while a hook, a gate, a classifier or a call runs
	until    time.Duration
	told     time.Duration // when the service asked to be called again; 0: it did not
	closedAt time.Duration
	openings int // in a row, without a healthy period
	alarm    time.Duration
	probes   probes
	flights  flights
	changes  changes
}

// Source is what a [Breaker] can be had from: a [Policy] makes a new one, a
// *Breaker is shared as it is, with other users of it and with whoever observes
// it from outside.
type Source interface {
	Breaker() (*Breaker, error)
}

// New returns a breaker, closed unless the policy says otherwise (see [Start]),
// or a [*PolicyError] that tells everything that is wrong with p.
func New(p Policy) (*Breaker, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return build(p.completed()), nil
}

// build makes a breaker of a policy that is valid and complete.
func build(p Policy) *Breaker {
	if p.classify == nil {
		p.classify = outcome.Classify
	}
	b := &Breaker{policy: p, base: time.Now(), threshold: p.threshold()}
	b.slow, b.hung = b.policy.shortest(slow), b.policy.shortest(hung)
	b.ramp.held = &OpenError{Name: p.name, State: Closed, pause: max(p.ramp/100, 1)}
	b.mode.Store(uint32(p.mode))
	b.word.Store(uint64(firstWord | b.bits()))
	b.remember(firstWord, 0)
	if p.mode == ForcedOpen {
		b.word.Store(uint64(firstWord | word(Open)))
		b.lockOpen()
	}
	return b
}

// Breaker returns b itself; a *Breaker is a [Source]. A nil one is refused.
func (b *Breaker) Breaker() (*Breaker, error) {
	if b == nil {
		return nil, errors.New("breaker: nil *Breaker")
	}
	return b, nil
}

// Do calls f if b admits the call, and records the outcome. It returns what f
// returned, the error as it is. It returns without having called f:
//
//   - the [*OpenError], where b rejects the call;
//   - ctx.Err(), where ctx has already ended. This counts for nothing: callers
//     who come too late say nothing about the service. Where b is open as well, it
//     may be either.
//
// f runs in the goroutine of the caller and gets ctx. If f panics or calls
// runtime.Goexit (as t.FailNow does), that counts as a failure and goes on. f
// may call any method of b, Do included.
//
// With the rule [InARow] alone, Do adds a few nanoseconds to f in state Closed;
// what other rules add is told there. It does not allocate.
func (b *Breaker) Do[T any](ctx context.Context, f func(context.Context) (T, error)) (T, error) {
	// Before ctx, whose lock would be a quarter of what a rejection costs.
	if r := b.refused(); r != nil {
		var zero T
		return zero, r
	}
	return b.call(ctx, f)
}

// call is Do where b is not plainly open. It is apart so that a rejection has a
// small frame.
func (b *Breaker) call[T any](ctx context.Context, f func(context.Context) (T, error)) (T, error) {
	var zero T
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	t, err := b.Allow()
	if err != nil {
		return zero, err
	}
	// Record empties the token; only a call that never came back leaves it full.
	defer b.forsake(&t)
	v, err := f(ctx)
	if err == nil {
		// Record would do the same; to ask here saves a quarter of the cost.
		if spent := t.spend(); !b.settled(spent) {
			b.succeeded(spent)
		}
		return v, nil
	}
	b.Record(ctx, &t, err)
	return v, err
}

// Allow asks for admission of one call. It returns at once, with a [Token] that
// is to be handed to [Breaker.Record] when the call has ended, however it
// ended; or with an [*OpenError], where the call must not be made.
//
// The first Allow after the recovery window makes the breaker half-open. A
// token that is never recorded holds nothing in state Closed (but see [Hung]),
// and a probe slot until its [Lease] ends in state HalfOpen.
func (b *Breaker) Allow() (Token, error) {
	if w := b.load(); w.plain() {
		return Token{stamp: w.stamp()}, nil
	}
	return b.admit()
}

// Record ends the call that t was given for, with the error it returned, nil
// for none. ctx is the one that the caller brought; with it the classifier can
// tell the caller's own cancellation. Record empties t; a zero or nil token is
// no call and does nothing.
//
// It returns at once unless the outcome changes the state and there is a hook
// (see [OnChange]). Where the state has changed since the token was given, the
// outcome changes nothing and is counted in [Snapshot.Stale]. If the classifier
// panics, the call counts as a failure and the panic goes on.
func (b *Breaker) Record(ctx context.Context, t *Token, err error) {
	if t == nil || t.stamp == 0 {
		return
	}
	if err == nil {
		if spent := t.spend(); !b.settled(spent) {
			b.succeeded(spent)
		}
		return
	}
	b.recordError(ctx, t, err)
}

// settled reports that a success of t changes nothing: the word is still the one
// that the token was made from, closed, with neither bit and without failures. This is
// all that a healthy call costs. A probe's word has the same form; its mark
// tells it apart.
func (b *Breaker) settled(t Token) bool { return b.load() == t.stamp && t.mark == 0 }

func (b *Breaker) recordError(ctx context.Context, t *Token, err error) {
	defer b.forsake(t)
	o := b.policy.classify(ctx, err)
	switch spent := t.spend(); o.Kind {
	case outcome.Success:
		b.count(spent, false)
	case outcome.Ignored, outcome.Permanent:
		b.ignore(spent)
	case outcome.Throttled:
		b.hear(spent, o.After)
		b.count(spent, true)
	default:
		b.count(spent, true)
	}
}

// forsake counts a failure if t was not spent, which is so where user code has
// panicked or called runtime.Goexit. It does not recover: the panic goes on with
// its stack.
func (b *Breaker) forsake(t *Token) {
	if t.stamp != 0 {
		b.count(t.spend(), true)
	}
}

// State returns what b does with the next call, as of now; it agrees with what
// Allow would do, also where the recovery window is over, or calls have hung for
// too long, and nobody has asked yet. In mode [Shadow] it is what b would do. It
// returns at once and changes nothing.
func (b *Breaker) State() State {
	if b.load().plain() {
		return Closed
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stateAt(b.load(), b.now())
}

// stateAt is called with mu held.
func (b *Breaker) stateAt(w word, now time.Duration) State {
	switch {
	case w.state() == Open && now >= b.until:
		return HalfOpen
	case w.state() == Closed && b.hanging(now):
		if b.policy.recovery == 0 && b.told <= now {
			return HalfOpen // it opens for no time
		}
		return Open
	}
	return w.state()
}

// bits returns what the word of state Closed has to remind of, whatever the ramp.
func (b *Breaker) bits() (bits word) {
	if b.inMode() == Disabled {
		return gatedBit
	}
	for _, r := range b.policy.rules {
		switch r.kind {
		case outOf, rate:
			bits |= watchedBit
		case slow, hung:
			bits |= watchedBit | gatedBit
		}
	}
	return bits
}

func (b *Breaker) load() word         { return word(b.word.Load()) }
func (b *Breaker) now() time.Duration { return time.Since(b.base) }
