package guard

import (
	"errors"
	"fmt"
)

// Policy says how a [Guard] behaves. It is a value: made by [Limit], copied
// freely, and good for any number of guards. It is checked by
// [Policy.Validate], not when it is made, so that it can be written in the
// middle of a larger expression. The zero Policy is not valid.
type Policy struct {
	name     string
	capacity int
	soft     int
	hook     func(Crossing)
	hasSoft  bool // tells SoftLimit(0, ...), a fault, from no soft limit
	sheds    bool
	nilOpt   bool
}

// An Option changes a [Policy] while [Limit] makes it. Of two that set the same
// thing the later wins.
type Option func(*Policy)

// Limit returns the policy that keeps at most capacity calls in flight. A
// capacity below 1 is found by [Policy.Validate]. The memory of a guard grows
// with the depth it has seen, not with its capacity.
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
// inside the Acquire or Release that crossed, or inside an earlier one that is
// still telling, and holds that call up for as long as it takes; so a hook hands
// slow work to somebody else. When 16 crossings wait for a hook that is too
// slow, an above and the below that follows it are left out; the last one told
// is always the latest.
//
// A panic of the hook reaches the caller of the Acquire or Release it runs in.
// The guard stays sound: that Acquire has given its slot back, that Release has
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

// Sheds reports whether the policy was made with [Shedding].
func (p Policy) Sheds() bool { return p.sheds }

// Validate returns nil if guards can be made from p, and otherwise a
// [*PolicyError] that holds every fault, not only the first.
func (p Policy) Validate() error {
	var faults []error
	if p.capacity < 1 {
		faults = append(faults, fmt.Errorf("capacity %d is below 1", p.capacity))
	}
	if p.hasSoft && p.soft < 1 {
		faults = append(faults, fmt.Errorf("soft limit %d is below 1", p.soft))
	}
	if p.hasSoft && p.soft >= p.capacity {
		faults = append(faults, fmt.Errorf("soft limit %d is not below the capacity %d", p.soft, p.capacity))
	}
	if p.nilOpt {
		faults = append(faults, errors.New("an option is nil"))
	}
	if len(faults) == 0 {
		return nil
	}
	return &PolicyError{Name: p.name, Err: errors.Join(faults...)}
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
