package dedup

import (
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

// DefaultMaxEntries is how many results a [Dedup] keeps at most if the policy does not
// say otherwise: memory is bounded by default.
const DefaultMaxEntries = 65_536

// Policy says how a [Dedup] behaves. It is a value that is made by [Window], can be
// copied, and serves any number of deduplicators of any key and value type. It is
// checked by [Policy.Validate], not when it is made, so that it can be written inside
// a larger expression. The zero Policy is invalid.
type Policy struct {
	name      string
	ttl       time.Duration
	errors    time.Duration
	stale     time.Duration
	jitter    float64
	early     float64
	entries   int
	weight    int64
	shards    int
	classify  outcome.Classifier
	given     options
	unbounded bool
	made      bool // tells Window(0) from the zero Policy
	nilOpt    bool
}

// options says which options are given, whose values must be valid.
type options struct{ weight, errors, stale, jitter, early, classify, shards bool }

// An Option changes a [Policy] while [Window] makes it. Of two that set the
// same thing the later wins.
type Option func(*Policy)

// Window returns the policy that shares one run between concurrent callers of a key
// and keeps its result for ttl, counted from the completion. At an age of exactly ttl
// the result is gone. The ttl never ends a run that is in flight, however long the run
// takes.
//
// A ttl of 0 keeps nothing: callers share a run only while it is in flight.
// [Policy.Validate] reports a negative ttl.
func Window(ttl time.Duration, opts ...Option) Policy {
	p := Policy{ttl: ttl, entries: DefaultMaxEntries, made: true}
	for _, opt := range opts {
		if opt == nil {
			p.nilOpt = true
			continue
		}
		opt(&p)
	}
	return p
}

// Name gives the deduplicator a name, for its errors and its [Snapshot]. The
// default is no name.
func Name(name string) Option {
	return func(p *Policy) { p.name = name }
}

// MaxEntries bounds the number of results kept; the default is [DefaultMaxEntries].
// The result that was kept first makes room for the next. [Policy.Validate] reports n
// below 1. Keys in flight do not count: a bound on the calls bounds them.
//
// Up to 2,047 the cap is exact. A larger cap is divided between shards. The total never
// exceeds n. A shard that got more than its share of the keys evicts its own oldest
// early, when the total is about a tenth below n.
func MaxEntries(n int) Option {
	return func(p *Policy) { p.entries, p.unbounded = n, false }
}

// Unbounded removes the cap on the number of results kept. Memory then follows the
// number of distinct keys within a ttl. It is given back as results expire and new
// results are kept.
func Unbounded() Option {
	return func(p *Policy) { p.entries, p.unbounded = 0, true }
}

// MaxWeight bounds the sum of the weights of the results kept, by [Hooks].Weigh, beside
// their number. By default results have no weight. The result that was kept first makes
// room for the next. A result that alone exceeds n is not kept, evicts no other and
// counts as Oversize. [Policy.Validate] reports n below 1. To be exact, the bound takes
// one shard, and so one lock, for all keys.
func MaxWeight(n int64) Option {
	return func(p *Policy) { p.weight, p.given.weight = n, true }
}

// Shards divides the keys between at most n locks, rounded up to a power of two. By
// default there are as many as suit [runtime.GOMAXPROCS], and fewer if the cap on the
// results would be divided too finely. One lock is best for a deduplicator that a single
// goroutine uses. It makes each cap exact, and [Dedup.JoinAll] and [Dedup.CompleteAll]
// take it once for all keys. [Policy.Validate] reports n below 1.
func Shards(n int) Option {
	return func(p *Policy) { p.shards, p.given.shards = n, true }
}

// ErrorTTL keeps errors for ttl. Callers that come within it get the error, in a
// [*KeptError], without a run. A renewal that failed is not tried again for that long.
// By default no error is kept.
//
// A panic is never kept, and neither is an error whose outcome is ignored, such as the
// caller's own cancellation or a rejection by a breaker. An error that is throttled is
// kept for its own delay if that is shorter.
func ErrorTTL(ttl time.Duration) Option {
	return func(p *Policy) { p.errors, p.given.errors = ttl, true }
}

// Classify sets which errors [ErrorTTL] keeps, and which say nothing about the service.
// The default is [outcome.Classify].
func Classify(c outcome.Classifier) Option {
	return func(p *Policy) { p.classify, p.given.classify = c, true }
}

// Jitter shortens each ttl by a random part of up to fraction, which is above 0 and at
// most 1. So results that were kept together do not expire together. The ttl stays the
// upper bound. By default there is no jitter.
func Jitter(fraction float64) Option {
	return func(p *Policy) { p.jitter, p.given.jitter = fraction, true }
}

// ServeStale keeps values for d beyond their ttl. The first caller within that time
// renews the value, in its own goroutine, and waits for it. All others are served the
// stale value at once. If the renewal fails, its caller gets the stale value as well,
// and the next caller tries again. After ttl + d the value is gone: callers that come
// while it is being renewed then wait. d must be above 0.
func ServeStale(d time.Duration) Option {
	return func(p *Policy) { p.stale, p.given.stale = d, true }
}

// Early has one caller renew a value before its ttl is over, while all others are served
// what is kept. Three things make an early renewal more likely: the end is near, the run
// for the value took long, and beta is large. 1 is a good beta; beta must be above 0 and
// at most 1000. It costs each call a clock read and a random number. By default values
// are renewed when they have expired.
func Early(beta float64) Option {
	return func(p *Policy) { p.early, p.given.early = beta, true }
}

// Name returns the name given by the option [Name].
func (p Policy) Name() string { return p.name }

// TTL returns how long a result is kept.
func (p Policy) TTL() time.Duration { return p.ttl }

// MaxEntries returns the cap on the number of results kept, 0 for none.
func (p Policy) MaxEntries() int { return p.entries }

// Validate returns nil if deduplicators can be made from p, and otherwise a
// [*PolicyError] that holds every fault. Only [New] can tell whether there is a weigher
// for [MaxWeight].
func (p Policy) Validate() error { return p.validate(0, p.weight > 0) }

func (p Policy) validate(hooks int, weighs bool) error {
	var faults []error
	fault := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	fault(!p.made, "the zero policy, not made by Window")
	fault(p.ttl < 0, "ttl %v is negative", p.ttl)
	fault(p.made && !p.unbounded && p.entries < 1, "max entries %d is below 1", p.entries)
	fault(p.given.weight && p.weight < 1, "max weight %d is below 1", p.weight)
	fault(p.given.shards && p.shards < 1, "shards %d is below 1", p.shards)
	fault(p.weight > 0 && !weighs, "max weight without Hooks.Weigh")
	fault(p.given.errors && p.errors <= 0, "error ttl %v is not above 0", p.errors)
	fault(p.given.stale && p.stale <= 0, "serve stale for %v, which is not above 0", p.stale)
	fault(p.given.jitter && !(p.jitter > 0 && p.jitter <= 1), "jitter %v is not above 0 and at most 1", p.jitter)
	fault(p.given.early && !(p.early > 0 && p.early <= 1000), "early %v is not above 0 and at most 1000", p.early)
	fault(p.given.classify && p.classify == nil, "the classifier is nil")
	fault(p.nilOpt, "an option is nil")
	fault(hooks > 1, "%d hooks are given, at most 1 is taken", hooks)
	if len(faults) == 0 {
		return nil
	}
	return &PolicyError{Name: p.name, Err: errors.Join(faults...)}
}

// classifier returns the one in force.
func (p Policy) classifier() outcome.Classifier {
	if p.classify == nil {
		return outcome.Classify
	}
	return p.classify
}

// A Source is what the dedup layer of a stream takes. There are two. From a [Policy] the
// layer makes a deduplicator of its own. A [*Dedup] can be shared between flows and
// observed from outside. The layer tells them apart by their type: an interface that made
// the deduplicator would have to know its key and value types, which a policy does not.
type Source interface {
	Policy() Policy
}

var (
	_ Source = Policy{}
	_ Source = (*Dedup[int, int])(nil)
)

// Policy returns p: it makes p a [Source].
func (p Policy) Policy() Policy { return p }
