package guard

import (
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

// Policy says how a [Guard] behaves. It is a value: made by [Limit], copied freely, and
// good for any number of guards. [Policy.Validate] checks it. [Limit] does not, so that
// it can stand in the middle of a larger expression. The zero Policy is not valid.
type Policy struct {
	name      string
	capacity  int
	soft      int
	hook      func(Crossing)
	hasSoft   bool // tells SoftLimit(0, ...), which is a fault, from no soft limit
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

// An Option changes a [Policy] while [Limit] makes it. If two options set the same
// thing, the later one counts.
type Option func(*Policy)

// Limit returns the policy that keeps at most capacity units in flight. A call takes
// one unit, unless its [Weight] says otherwise. [Policy.Validate] refuses a capacity
// below 1. The memory of a guard grows with the depth that it has seen, not with its
// capacity.
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

// Name gives the guard a name, for its errors, its [Snapshot] and its [Crossing]. The
// default is no name.
func Name(name string) Option {
	return func(p *Policy) { p.name = name }
}

// SoftLimit makes the guard call hook when its depth reaches n, and again when it falls
// below n. The guard still admits calls: the hook can slow a source down, or raise an
// alarm, before calls have to wait or are shed. n must be at least 1 and below the
// capacity. With a nil hook, the limit only shows in the [Snapshot].
//
// The guard calls the hook once per crossing, in turn (above, below, above, ...), one
// call at a time, and without a lock: the hook may use the guard. It runs inside the
// operation that crossed the limit, or inside an earlier one that is still telling.
// That operation returns when the hook does, so a hook hands slow work to another
// goroutine. If 16 crossings wait for a slow hook, an above and the below after it are
// left out. The last crossing told is always the latest.
//
// A panic of the hook reaches the caller of the Acquire or Release that it runs in.
// That Acquire has given its units back. That Release has released.
func SoftLimit(n int, hook func(Crossing)) Option {
	if hook == nil {
		hook = func(Crossing) {}
	}
	return func(p *Policy) { p.soft, p.hook, p.hasSoft = n, hook, true }
}

// Shedding makes the guard turn calls away when it is full, instead of letting them
// wait. It applies where the policy decides: in [Guard.Do], [Guard.Run] and the guard
// layer of a stream. It does not change [Guard.Acquire], [Guard.Enlist] and
// [Guard.TryAcquire].
func Shedding() Option {
	return func(p *Policy) { p.sheds = true }
}

// MaxQueue bounds how many calls wait. If the queue is full, Acquire returns a
// [*ShedError] of reason [QueueFull] at once. With 0, no call waits. n must not be
// negative. The default is no bound.
func MaxQueue(n int) Option {
	return func(p *Policy) { p.maxQueue, p.hasQueue = n, true }
}

// Queue sets the order in which waiters are served. The default is [FIFO].
func Queue(o Order) Option { return func(p *Policy) { p.order = o } }

// HeadStart makes [Priority] count: a call is served as if it had come earlier by d
// than a call of the level below. So it goes before the calls of that level that came
// less than d before it. A call is overtaken only by higher calls that come soon after
// it, so it cannot starve. d must be above 0 and at most a year. The default is no head
// start: then all levels are alike.
func HeadStart(d time.Duration) Option {
	return func(p *Policy) { p.ahead, p.hasAhead = d, true }
}

// Classify sets what the errors of calls mean to an [Adaptive] guard. The default is
// [outcome.Classify]. A nil c is the default.
func Classify(c outcome.Classifier) Option { return func(p *Policy) { p.classify = c } }

// Sheds reports whether the policy was made with [Shedding].
func (p Policy) Sheds() bool { return p.sheds }

// Validate returns nil if guards can be made from p. If not, it returns a
// [*PolicyError] that holds every fault.
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

// stands is after how long AdaptiveLIFO turns a queue round that is not empty.
func (p Policy) stands() time.Duration {
	if p.hasStale {
		return p.stale.interval
	}
	return 100 * time.Millisecond
}

// bound is how many calls may wait, or -1 for any number.
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

// A Source gives a guard to what needs one, such as the guard layer of a stream. There
// are two: a [Policy] makes a new guard each time, and a [*Guard] gives itself, to be
// shared.
type Source interface {
	Guard() (*Guard, error)
}

var (
	_ Source = Policy{}
	_ Source = (*Guard)(nil)
)

// Guard returns a new guard, as [New] does.
func (p Policy) Guard() (*Guard, error) { return New(p) }
