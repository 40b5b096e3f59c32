package guard

import (
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

// Policy says how a [Guard] behaves. It is a value: made by [Limit], copied
// freely, and good for any number of guards. It is checked by
// [Policy.Validate], not when it is made, so that it can be written in the
// middle of a larger expression. The zero Policy is not valid.
type Policy struct {
	name      string
	capacity  int
	soft      int
	hook      func(Crossing)
	hasSoft   bool // tells SoftLimit(0, ...), a fault, from no soft limit
	sheds     bool
	deadlines bool
	maxQueue  int
	hasQueue  bool // tells MaxQueue(0) from no bound
	order     Order
	ahead     time.Duration
	hasAhead  bool
	stale     stale
	hasStale  bool
	law       Algorithm
	min, max  int
	adaptive  bool
	classify  outcome.Classifier
	nilOpt    bool
}

// An Option changes a [Policy] while [Limit] makes it. Of two that set the same
// thing the later wins.
type Option func(*Policy)

// Limit returns the policy that keeps at most capacity units in flight; a call is
// one unit, unless it says otherwise by [Weight]. A capacity below 1 is found by
// [Policy.Validate]. The memory of a guard grows with the depth it has seen, not
// with its capacity.
func Limit(capacity int, opts ...Option) Policy {
	p := Policy{capacity: capacity}
	for _, opt := range opts {
		if opt == nil {
			p.nilOpt = true
			continue
		}
		opt(&p)
	}
	return p
}

// Name gives the guard a name, for its errors, its [Snapshot] and its
// [Crossing]. The default is no name.
func Name(name string) Option {
	return func(p *Policy) { p.name = name }
}

// SoftLimit makes the guard call hook when its depth reaches n, and again when
// it falls back below n. It admits all the same: the hook is there to slow a
// source down, or to raise an alarm, before anybody has to wait or be shed. n
// must be at least 1 and below the capacity. A nil hook is allowed; then the
// limit only shows in the [Snapshot].
//
// The hook is called once per crossing, strictly in turn (above, below, above,
// ...), one call at a time, and not under a lock: it may use the guard. It runs
// inside the call of the guard that crossed, or inside an earlier one that is
// still telling, and holds that call up for as long as it takes; so a hook hands
// slow work to somebody else. When 16 crossings wait for a hook that is too
// slow, an above and the below that follows it are left out; the last one told
// is always the latest.
//
// A panic of the hook reaches the caller of the Acquire or Release it runs in.
// The guard stays sound: that Acquire has given its units back, that Release has
// released.
func SoftLimit(n int, hook func(Crossing)) Option {
	if hook == nil {
		hook = func(Crossing) {}
	}
	return func(p *Policy) { p.soft, p.hook, p.hasSoft = n, hook, true }
}

// Shedding makes the guard turn calls away when it is full, where it would
// otherwise make them wait. It is for those who leave the choice to the policy:
// [Guard.Do] and the guard layer of a stream. [Guard.Acquire] and
// [Guard.TryAcquire] are not changed by it.
func Shedding() Option {
	return func(p *Policy) { p.sheds = true }
}

// MaxQueue bounds how many calls wait. Beyond it Acquire returns a [*ShedError] at
// once, its reason [QueueFull]. With 0 no call waits; n must not be negative. The
// default is no bound.
func MaxQueue(n int) Option {
	return func(p *Policy) { p.maxQueue, p.hasQueue = n, true }
}

// Queue sets the order in which waiters are served. The default is [FIFO].
func Queue(o Order) Option { return func(p *Policy) { p.order = o } }

// HeadStart makes [Priority] count: a call is taken for d older than a call of the
// level below. So it is served before those of that level that came less than d
// before it, and a low call is overtaken by those that come soon after it and by no
// others: it cannot starve. d must be above 0 and at most a year. The default is no
// head start; then all levels are alike.
func HeadStart(d time.Duration) Option {
	return func(p *Policy) { p.ahead, p.hasAhead = d, true }
}

// Classify sets what the errors of calls mean to an [Adaptive] guard. The default,
// also for nil, is [outcome.Classify].
func Classify(c outcome.Classifier) Option { return func(p *Policy) { p.classify = c } }

// Sheds reports whether the policy was made with [Shedding].
func (p Policy) Sheds() bool { return p.sheds }

// Validate returns nil if guards can be made from p, and otherwise a
// [*PolicyError] that holds every fault, not only the first.
func (p Policy) Validate() error {
	var faults []error
	fault := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	fault(p.capacity < 1, "capacity %d is below 1", p.capacity)
	fault(p.hasSoft && p.soft < 1, "soft limit %d is below 1", p.soft)
	fault(p.hasSoft && p.soft >= p.capacity, "soft limit %d is not below the capacity %d", p.soft, p.capacity)
	fault(p.hasQueue && p.maxQueue < 0, "bound of the queue %d is below 0", p.maxQueue)
	fault(p.order > AdaptiveLIFO, "order %d is unknown", p.order)
	fault(p.hasAhead && (p.ahead <= 0 || p.ahead > maxAhead), "head start %v is not within 1ns to %v", p.ahead, maxAhead)
	fault(p.hasStale && p.stale.target <= 0, "CoDel's target %v is not above 0", p.stale.target)
	fault(p.hasStale && p.stale.interval <= p.stale.target, "CoDel's interval %v is not above its target %v", p.stale.interval, p.stale.target)
	if p.adaptive {
		fault(p.min < 1, "lower bound %d is below 1", p.min)
		fault(p.capacity < p.min || p.capacity > p.max, "capacity %d is outside the bounds %d to %d", p.capacity, p.min, p.max)
		fault(p.law.start == nil, "algorithm is none of AIMD, Vegas and Gradient2")
		fault(p.law.fault != nil, "%w", p.law.fault)
	}
	fault(p.nilOpt, "an option is nil")
	if len(faults) == 0 {
		return nil
	}
	return &PolicyError{Name: p.name, Err: errors.Join(faults...)}
}

// maxAhead keeps the sums of arrival times and head starts from overflowing.
const maxAhead = 365 * 24 * time.Hour

// stands is how long AdaptiveLIFO calls a queue calm.
func (p Policy) stands() time.Duration {
	if p.hasStale {
		return p.stale.interval
	}
	return 100 * time.Millisecond
}

// bound is how many may wait, or -1.
func (p Policy) bound() int {
	if p.hasQueue {
		return p.maxQueue
	}
	return -1
}

func (p Policy) classifier() outcome.Classifier {
	if p.classify == nil {
		return outcome.Classify
	}
	return p.classify
}

// A Source gives a guard to whoever needs one, such as the guard layer of a
// stream. There are two: a [Policy] makes a new guard each time, for its taker
// alone, and a [*Guard] gives itself, to be shared.
type Source interface {
	Guard() (*Guard, error)
}

var (
	_ Source = Policy{}
	_ Source = (*Guard)(nil)
)

// Guard returns a new guard, as [New] does.
func (p Policy) Guard() (*Guard, error) { return New(p) }
