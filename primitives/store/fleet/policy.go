package fleet

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/weir-go/weir/primitives/store"
)

// policy is the sum of the options.
type policy struct {
	node    string
	timeout time.Duration
	every   time.Duration
	onEvent func(Event)

	// Of a Breaker.
	local  bool
	quorum int
	lease  time.Duration // of the fleet's one probe; 0 if every node probes for itself
	once   bool

	// Of a Dedup.
	strict bool
	claim  time.Duration
	wait   time.Duration

	// Of a Limiter.
	shares int
	term   time.Duration

	kind    kind
	misfits []string // options that belong to the other kind
	nilOpt  bool
}

// An Option changes what [NewBreaker], [NewDedup] or [NewLimiter] makes. Of two options that set the
// same thing the later one wins.
type Option struct {
	set  func(*policy)
	kind kind
	name string
}

// kind is the kind of primitive that an option is for.
type kind uint8

const (
	both kind = iota
	forBreaker
	forDedup
	forLimiter
)

// Node sets the name under which a process votes and claims. No two nodes may have the
// same name, so the default is a random one.
func Node(name string) Option {
	return Option{set: func(p *policy) { p.node = name }}
}

// Timeout sets how long one call to the store may take before the store counts as down;
// the default is 50 ms. No call of a [Breaker] waits for the store. A call of a [Dedup]
// waits at most this long for each answer.
func Timeout(d time.Duration) Option {
	return Option{set: func(p *policy) { p.timeout = d }}
}

// Every sets how often the store is asked for news, and while it is down, whether it is
// back; the default is 500 ms. A store that is a [store.Watcher] tells its news at once.
// Then the questions only make up for events that it loses.
func Every(d time.Duration) Option {
	return Option{set: func(p *policy) { p.every = d }}
}

// OnEvent sets the hook that gets each [Event], one after the other. It runs without a lock, in the
// goroutine that found out, or in one that is still running the hook for an earlier event. A panic
// of the hook is contained. Nil means no hook.
func OnEvent(hook func(Event)) Option {
	return Option{set: func(p *policy) { p.onEvent = hook }}
}

// Local makes a [Breaker] that shares nothing and makes no call to the store. It is for
// tests, and for configurations that switch the sharing off.
func Local() Option {
	return Option{set: func(p *policy) { p.local = true }, kind: forBreaker, name: "Local"}
}

// AnyNode opens the breakers of all nodes when the breaker of any node opens. It is the
// default, and is Quorum(1). It is the quickest, and one sick node stops all nodes.
func AnyNode() Option { return Quorum(1) }

// Quorum opens the breakers of all nodes when the breakers of n nodes have opened by
// themselves. So up to n-1 sick nodes in front of a healthy service stop only themselves.
// n must be at least 1.
func Quorum(n int) Option {
	return Option{set: func(p *policy) { p.quorum, p.local = n, false }, kind: forBreaker, name: "Quorum"}
}

// ProbeOnce lets one node in the whole fleet probe after the breakers of all were opened.
// Its result, the verdict, closes or opens them all. Without ProbeOnce every node probes
// for itself. lease is how long the node may take before another may probe, at least
// 1 ms. It should be longer than the slowest answer of the service. A node whose probe
// has failed stands back for one [Every], so that a sick node does not do all the probing.
func ProbeOnce(lease time.Duration) Option {
	return Option{set: func(p *policy) { p.lease, p.once = lease, true }, kind: forBreaker, name: "ProbeOnce"}
}

// Strict makes a [Dedup] return an error, [ErrStore], [ErrBusy] or [ErrClaim], when another node
// may be doing the same work. Without it the dedup does the work then. Strict is for work that must
// not be done twice. It makes the work only as available as the store. It is not a transaction: see
// [NewDedup].
func Strict() Option {
	return Option{set: func(p *policy) { p.strict = true }, kind: forDedup, name: "Strict"}
}

// Claim sets how long a node that does the work for a key may be silent before another
// may do it; the default is 5 s. The claim is renewed three times in a term while the work
// lasts. So term needs to be longer than a pause of a process and its store, not longer
// than the work. The work of a [Strict] dedup has the last tenth of the term to stop. term
// must be above twice the [Timeout].
func Claim(term time.Duration) Option {
	return Option{set: func(p *policy) { p.claim = term }, kind: forDedup, name: "Claim"}
}

// Wait sets how long a caller waits for the result of another node; the default is a
// minute. Then it does the work itself, or if [Strict] returns [ErrBusy].
func Wait(d time.Duration) Option {
	return Option{set: func(p *policy) { p.wait = d }, kind: forDedup, name: "Wait"}
}

// Shares sets into how many equal shares the rate of a [Limiter] is cut; the default is 32. It bounds
// how many nodes get a part of the rate, and how evenly. The fleet makes as many writes in a third
// of a [Term].
func Shares(n int) Option {
	return Option{set: func(p *policy) { p.shares = n }, kind: forLimiter, name: "Shares"}
}

// Term sets for how long a node of a [Limiter] has its shares without a renewal; the default is 10 s.
// The shares of a node that dies are unused for that long. It must be above ten times the
// [Timeout].
func Term(d time.Duration) Option {
	return Option{set: func(p *policy) { p.term = d }, kind: forLimiter, name: "Term"}
}

const defaultTimeout = 50 * time.Millisecond

func newPolicy(k kind, opts []Option) policy {
	p := policy{
		node: rand.Text(), timeout: defaultTimeout, every: 500 * time.Millisecond,
		quorum: 1, claim: 5 * time.Second, wait: time.Minute,
		shares: 32, term: 10 * time.Second, kind: k,
	}
	for _, opt := range opts {
		switch {
		case opt.set == nil:
			p.nilOpt = true
		case opt.kind != both && opt.kind != k:
			p.misfits = append(p.misfits, opt.name)
		default:
			opt.set(&p)
		}
	}
	return p
}

// validate returns all faults, including further.
func (p *policy) validate(name string, s store.Store, further ...error) error {
	faults := slices.Clone(further)
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	check(s != nil, "the store is nil")
	check(!p.nilOpt, "an option is the zero Option")
	check(p.node != "", "the node's name is empty")
	check(p.timeout > 0, "timeout %v is not positive", p.timeout)
	check(p.every > 0, "every %v is not positive", p.every)
	check(p.quorum >= 1, "quorum %d is below 1", p.quorum)
	check(!p.once || p.lease >= time.Millisecond, "the lease of the probe, %v, is below 1ms", p.lease)
	check(p.kind != forDedup || p.claim/2 > p.timeout, "the term of a claim, %v, is not above twice the timeout, %v", p.claim, p.timeout)
	check(p.kind != forLimiter || p.shares >= 1, "shares %d are below 1", p.shares)
	check(p.kind != forLimiter || p.term/10 > p.timeout, "the term %v is not above ten times the timeout, %v", p.term, p.timeout)
	check(p.wait > 0, "wait %v is not positive", p.wait)
	for _, m := range p.misfits {
		check(false, "the option %s does not belong here", m)
	}
	if err := errors.Join(faults...); err != nil {
		return &PolicyError{Name: name, Err: err}
	}
	return nil
}
