package fleet

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/weir-go/weir/primitives/store"
)

// policy is what the options add up to.
type policy struct {
	node    string
	timeout time.Duration
	every   time.Duration
	onEvent func(Event)

	// Of a Breaker.
	local  bool
	quorum int
	lease  time.Duration // of the fleet's one probe; 0: every node probes for itself
	once   bool

	// Of a Dedup.
	strict bool
	claim  time.Duration
	wait   time.Duration

	misfits []string // options that belong to the other kind
	nilOpt  bool
}

// An Option changes what [NewBreaker] or [NewDedup] makes. Of two that set the
// same thing the later wins.
type Option struct {
	set  func(*policy)
	kind kind
	name string
}

// kind is what an option is for.
type kind uint8

const (
	both kind = iota
	forBreaker
	forDedup
)

// Node sets the name under which a process votes and claims. No two may have the
// same, so the default is a random one.
func Node(name string) Option {
	return Option{set: func(p *policy) { p.node = name }}
}

// Timeout sets how long one call to the store may take before the store counts
// as down; the default is 50 ms. No call of a [Breaker] waits for the store at
// all; a call of a [Dedup] waits at most this long for each answer.
func Timeout(d time.Duration) Option {
	return Option{set: func(p *policy) { p.timeout = d }}
}

// Every sets how often the store is asked for news, and while it is down, whether
// it is back; the default is 500 ms. A store that is a [store.Watcher] tells its
// news at once; then asking only makes up for what it loses.
func Every(d time.Duration) Option {
	return Option{set: func(p *policy) { p.every = d }}
}

// OnEvent sets the hook that hears when the store is given up, and when it is
// back, in turn. It runs without a lock, in the goroutine that found out, or in
// one that is still running the hook for an earlier event. A panic of the hook is
// contained. Nil means no hook.
func OnEvent(hook func(Event)) Option {
	return Option{set: func(p *policy) { p.onEvent = hook }}
}

// Local makes a [Breaker] that shares nothing and makes no store operation: for
// tests and for configurations that switch the sharing off.
func Local() Option {
	return Option{set: func(p *policy) { p.local = true }, kind: forBreaker, name: "Local"}
}

// AnyNode opens the breakers of all nodes when that of any node opens. This is
// the default, and is Quorum(1): quickest, and one sick node stops them all.
func AnyNode() Option { return Quorum(1) }

// Quorum opens the breakers of all nodes when those of n nodes have opened by
// themselves, so that n-1 nodes that are sick, not the service, stop nobody but
// themselves. n must be at least 1.
func Quorum(n int) Option {
	return Option{set: func(p *policy) { p.quorum, p.local = n, false }, kind: forBreaker, name: "Quorum"}
}

// ProbeOnce lets one node in the whole fleet probe, when the breakers of all were
// opened, and its result, the verdict, closes or opens them all. Without it every
// node probes for itself. lease, at least 1 ms, is how long the node may take
// before another may probe: more than the slowest answer of the service. A node
// whose probe has failed stands back for one [Every], so that a sick node does
// not do all the probing.
func ProbeOnce(lease time.Duration) Option {
	return Option{set: func(p *policy) { p.lease, p.once = lease, true }, kind: forBreaker, name: "ProbeOnce"}
}

// Strict makes a [Dedup] return an error, [ErrStore], [ErrBusy] or [ErrClaim],
// where it would otherwise do the work though another node may be doing it too.
// It is for work that must not be done twice, and makes it as available as the
// store is. It is no transaction: see [NewDedup].
func Strict() Option {
	return Option{set: func(p *policy) { p.strict = true }, kind: forDedup, name: "Strict"}
}

// Claim sets how long a node that does the work for a key may be silent before
// another may do it; the default is 5 s. It is renewed while the work lasts,
// three times in a term, so it needs to be as long as the hiccups of a process
// and its store, not as long as the work. The last tenth is the time that the
// work of a [Strict] one has to stop. It must be above twice the [Timeout].
func Claim(term time.Duration) Option {
	return Option{set: func(p *policy) { p.claim = term }, kind: forDedup, name: "Claim"}
}

// Wait sets how long a caller waits for another node's result before it does the
// work itself (or, where [Strict], returns [ErrBusy]); the default is a minute.
func Wait(d time.Duration) Option {
	return Option{set: func(p *policy) { p.wait = d }, kind: forDedup, name: "Wait"}
}

func newPolicy(k kind, opts []Option) policy {
	p := policy{
		node: rand.Text(), timeout: 50 * time.Millisecond, every: 500 * time.Millisecond,
		quorum: 1, claim: 5 * time.Second, wait: time.Minute,
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

// validate lists everything that is wrong, further included.
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
	check(p.claim/2 > p.timeout, "the term of a claim, %v, is not above twice the timeout, %v", p.claim, p.timeout)
	check(p.wait > 0, "wait %v is not positive", p.wait)
	for _, m := range p.misfits {
		check(false, "the option %s does not belong here", m)
	}
	if err := errors.Join(faults...); err != nil {
		return &PolicyError{Name: name, Err: err}
	}
	return nil
}
