package dedup

import (
	"errors"
	"fmt"
	"time"
)

// DefaultMaxEntries is how many results a [Dedup] keeps at most where the
// policy says nothing else: memory is bounded unless somebody asks otherwise.
const DefaultMaxEntries = 65_536

// Policy says how a [Dedup] behaves. It is a value: made by [Window], copied
// freely, and good for any number of deduplicators of any key and value type.
// It is checked by [Policy.Validate], not when it is made, so that it can be
// written in the middle of a larger expression. The zero Policy is not valid.
type Policy struct {
	name      string
	ttl       time.Duration
	entries   int
	unbounded bool
	made      bool // tells Window(0) from the zero Policy
	nilOpt    bool
}

// An Option changes a [Policy] while [Window] makes it. Of two that set the
// same thing the later wins.
type Option func(*Policy)

// Window returns the policy that shares one run between concurrent callers of
// a key and keeps its result for ttl, counted from the completion. At an age of
// exactly ttl the result is gone. The ttl never ends a run that is in flight,
// however long that takes.
//
// A ttl of 0 keeps nothing: callers share a run only while it is in flight. A
// negative ttl is found by [Policy.Validate].
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

// MaxEntries bounds the number of results kept; the default is
// [DefaultMaxEntries]. The one kept first makes room for the next. n below 1 is
// found by [Policy.Validate]. Keys in flight do not count: they are bounded by
// whoever bounds the calls.
//
// Up to 2,047 the cap is exact. From there on it is divided between shards. The
// total never exceeds n, but a shard that got more than its share of the keys
// evicts its own oldest early: with the total about a tenth below n.
func MaxEntries(n int) Option {
	return func(p *Policy) { p.entries, p.unbounded = n, false }
}

// Unbounded removes the cap on the number of results kept. Memory then follows
// the number of distinct keys of a ttl, and is given back as they expire and new
// results come in.
func Unbounded() Option {
	return func(p *Policy) { p.entries, p.unbounded = 0, true }
}

// Name returns the name given by the option [Name].
func (p Policy) Name() string { return p.name }

// TTL returns how long a result is kept.
func (p Policy) TTL() time.Duration { return p.ttl }

// MaxEntries returns the cap on the number of results kept, 0 for none.
func (p Policy) MaxEntries() int { return p.entries }

// Validate returns nil if deduplicators can be made from p, and otherwise a
// [*PolicyError] that holds every fault, not only the first.
func (p Policy) Validate() error {
	var faults []error
	if !p.made {
		faults = append(faults, errors.New("the zero policy, not made by Window"))
	}
	if p.ttl < 0 {
		faults = append(faults, fmt.Errorf("ttl %v is negative", p.ttl))
	}
	if p.made && !p.unbounded && p.entries < 1 {
		faults = append(faults, fmt.Errorf("max entries %d is below 1", p.entries))
	}
	if p.nilOpt {
		faults = append(faults, errors.New("an option is nil"))
	}
	if len(faults) == 0 {
		return nil
	}
	return &PolicyError{Name: p.name, Err: errors.Join(faults...)}
}

// A Source is what the dedup layer of a stream takes. There are two: a [Policy],
// from which the layer makes a deduplicator of its own, and a [*Dedup], to be
// shared between flows and observed from outside. The layer tells them apart by
// their type; an interface that made the deduplicator would have to know its
// key and value types, which a policy does not.
type Source interface {
	Policy() Policy
}

var (
	_ Source = Policy{}
	_ Source = (*Dedup[int, int])(nil)
)

// Policy returns p: it makes p a [Source].
func (p Policy) Policy() Policy { return p }

// A CallOption changes one call of [Dedup.Do] or [Dedup.Complete].
type CallOption struct {
	ttl time.Duration
	set bool
}

// TTL keeps the result of this one run for ttl in place of the policy's. Zero
// and less keep nothing. No other key is affected. It counts for the run that
// it is given to: a caller that finds the key in flight or kept changes nothing.
//
// In a deduplicator that has seen such a call, expired results are found by a
// hand that goes round all results, two of them each time a result is kept, so
// up to as many expired results as live ones hold memory, and under a cap take
// room, until it comes by. They are never served and never counted.
func TTL(ttl time.Duration) CallOption { return CallOption{ttl: ttl, set: true} }
