package breaker

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

// Breaker guards the calls of one service. [New] and [Of] make one. Any number of
// goroutines use it at the same time. It must not be copied.
type Breaker struct {
	// Read by every call, written by transitions.
	word      atomic.Uint64             // a word
	epoch     atomic.Pointer[epoch]     // nil: no rule has a window
	reject    atomic.Pointer[OpenError] // valid until its time is over
	blind     atomic.Pointer[OpenError] // valid without a look at the clock
	mode      atomic.Uint32             // a Mode
	threshold int                       // failures in a row; 0: no such rule
	slow      *rule                     // the shortest Slow rule, or nil
	hung      *rule                     // the Hung rule, or nil
	recalls   bool                      // there is a Within rule
	base      time.Time                 // origin of all times in here: monotonic, cheaper than time.Now
	policy    Policy
	fault     error // what is wrong with the policy, or nil
	ramp      ramp

	rejected, stale atomic.Uint64

	mu       sync.Mutex // never held while a hook, a gate, a classifier or a call runs
	until    time.Duration
	told     time.Duration // when the service wants to be called again; 0: it did not say
	closedAt time.Duration
	openings int // in a row, without a healthy period
	opened   why
	alarm    time.Duration
	probes   probes
	flights  flights
	changes  changes
}

// A Source gives a [Breaker] to a section or a stack. A [Policy] makes a new breaker. A
// *Breaker is shared as it is, with its other users and with the code that observes it.
type Source interface {
	Breaker() (*Breaker, error)
}

// New returns a breaker, closed unless the policy says otherwise (see [Start]). If p is
// invalid, it returns a [*PolicyError] that tells everything that is wrong.
func New(p Policy) (*Breaker, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return build(p.completed()), nil
}

// Of is [New] for a policy that is written in the program: it returns a breaker even if
// p is invalid. [Breaker.Err] tells what is wrong with p, and each call fails with that.
func Of(p Policy) *Breaker {
	b, err := New(p)
	if err != nil {
		return unusable(p.name, err)
	}
	return b
}

// unusable is a breaker whose calls fail with err.
func unusable(name string, err error) *Breaker {
	return &Breaker{policy: Policy{name: name}, fault: err}
}

// Err returns nil if b can be used. Otherwise it returns the error that each call fails
// with. It is a [*PolicyError] if the policy given to [Of] was invalid or b is the zero
// Breaker. It is a [*KeyError] if a [Registry] refuses the key of b. The state of such a
// breaker is Closed, and all methods but Do, Run and Allow do nothing.
func (b *Breaker) Err() error {
	if b.fault == nil && b.load() == 0 {
		return errUnmade
	}
	return b.fault
}

var errUnmade = &PolicyError{Err: errors.New("the breaker was not made by New or Of")}

// build makes a breaker of a policy that is valid and complete.
func build(p Policy) *Breaker {
	if p.classify == nil {
		p.classify = outcome.Classify
	}
	b := &Breaker{policy: p, base: time.Now(), threshold: p.threshold()}
	b.slow, b.hung = b.policy.shortest(slow), b.policy.shortest(hung)
	b.recalls = slices.ContainsFunc(p.rules, func(r rule) bool { return r.kind == within })
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

// Breaker returns b itself; a *Breaker is a [Source]. It returns an error if b is nil,
// and [Breaker.Err] if that is not nil.
func (b *Breaker) Breaker() (*Breaker, error) {
	if b == nil {
		return nil, errors.New("breaker: nil *Breaker")
	}
	if err := b.Err(); err != nil {
		return nil, err
	}
	return b, nil
}

// Do calls f if b admits the call, and records the outcome. It returns the value and the
// error that f returned. In two cases it does not call f and returns:
//
//   - an [*OpenError], if b rejects the call;
//   - ctx.Err(), if ctx has already ended. This counts for nothing. If b is open as
//     well, Do returns either error.
//
// If b cannot be used, Do returns [Breaker.Err].
//
// f runs in the goroutine of the caller and gets ctx. A panic of f, and runtime.Goexit
// (as t.FailNow calls it), go through and count as a failure, unless the caller has
// cancelled ctx. f may call any method of b, Do included.
//
// With the rule [InARow] alone, Do adds a few nanoseconds to f in state Closed. The
// docs of the other rules tell what they add. Do does not allocate.
func (b *Breaker) Do[T any](ctx context.Context, f func(context.Context) (T, error)) (T, error) {
	// This look comes before ctx, whose lock is a quarter of the cost of a rejection.
	if r := b.refused(); r != nil {
		var zero T
		return zero, r
	}
	return b.call(ctx, f)
}

// call is Do if b is not plainly open. It is a function of its own, so that a rejection
// has a small frame.
func (b *Breaker) call[T any](ctx context.Context, f func(context.Context) (T, error)) (T, error) {
	var zero T
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	t, err := b.Allow()
	if err != nil {
		return zero, err
	}
	// Record empties the token. Only a call that does not return leaves it full.
	defer b.forsake(ctx, &t)
	v, err := f(ctx)
	if err == nil {
		// Record does the same. The look here saves a quarter of the cost.
		if spent := t.spend(); !b.settled(spent) {
			b.succeeded(spent)
		}
		return v, nil
	}
	b.Record(ctx, &t, err)
	return v, err
}

// Run is [Breaker.Do] for a function that returns nothing but an error.
func (b *Breaker) Run(ctx context.Context, f func(context.Context) error) error {
	_, err := b.Do(ctx, func(ctx context.Context) (struct{}, error) { return struct{}{}, f(ctx) })
	return err
}

// Allow asks for admission of one call and returns at once. The caller hands the [Token]
// to [Breaker.Record] when the call has ended, however it ended. If Allow returns an
// [*OpenError], or [Breaker.Err], the call must not be made.
//
// The first Allow after the recovery window makes the breaker half-open. A token that is
// never recorded holds nothing in state Closed (but see [Hung]). In state HalfOpen it
// holds the place of a probe until its [Lease] ends.
func (b *Breaker) Allow() (Token, error) {
	if w := b.load(); w.plain() {
		return Token{stamp: w.stamp()}, nil
	}
	return b.admit()
}

// Record ends the call that t was given for, with the error it returned, nil for none.
// ctx is the context that the caller brought; the classifier needs it to see a
// cancellation. Record empties t. A zero or nil token stands for no call, and Record
// does nothing.
//
// Record returns at once unless the outcome changes the state and there is a hook (see
// [OnChange]). If the state has changed since the token was given, the outcome changes
// nothing and is counted in [Snapshot.Stale]. If the classifier panics, the call counts
// as a failure and the panic propagates.
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
// that the token was made from, closed, free, not watched and without failures. This
// is all that a healthy call costs.
func (b *Breaker) settled(t Token) bool { return b.load() == t.stamp|freeBit }

func (b *Breaker) recordError(ctx context.Context, t *Token, err error) {
	defer b.forsake(ctx, t)
	o := b.policy.classify(ctx, err)
	switch spent := t.spend(); o.Kind {
	case outcome.Success:
		b.count(spent, nil)
	case outcome.Ignored, outcome.Permanent:
		b.ignore(spent)
	case outcome.Throttled:
		b.hear(spent, o.After)
		b.count(spent, err)
	default:
		b.count(spent, err)
	}
}

// forsake ends a call whose token was not spent, because user code has panicked
// or called runtime.Goexit. It counts a failure, unless the caller has cancelled
// the call. It does not recover: the panic propagates with its stack.
func (b *Breaker) forsake(ctx context.Context, t *Token) {
	switch {
	case t.stamp == 0:
	case outcome.Cancelled(ctx):
		b.ignore(t.spend())
	default:
		b.count(t.spend(), errForsaken)
	}
}

// State returns what b does with the next call. It agrees with what Allow would do now,
// even if no call has asked since the recovery window ended or calls have hung for too
// long. In mode [Shadow] it is what b would do. It returns at once and changes nothing.
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
	case w.state() == Closed && b.hanging(now), w.state() == HalfOpen && b.undecided(now):
		if b.policy.recovery == 0 && b.told <= now {
			return HalfOpen // the opening has no duration
		}
		return Open
	}
	return w.state()
}

// bits returns the two bits of a word of state Closed, without regard to a ramp.
func (b *Breaker) bits() word {
	if b.inMode() == Disabled {
		return 0
	}
	bits := freeBit
	for _, r := range b.policy.rules {
		switch r.kind {
		case outOf, rate:
			bits |= watchedBit
		case slow, hung:
			return watchedBit
		}
	}
	return bits
}

func (b *Breaker) load() word         { return word(b.word.Load()) }
func (b *Breaker) now() time.Duration { return time.Since(b.base) }
