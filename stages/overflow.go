package stages

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/sourcegraph/conc"

	"github.com/weir-go/weir/primitives/outcome"
)

// ErrOverflow is what a source hears of an item that an [Overflow] has shed.
var ErrOverflow error = &sentinel{"stages: buffer overflow", outcome.Ignored}

// OverflowPolicy says what happens to an item that finds a buffer full.
type OverflowPolicy int

const (
	// Block keeps what is above waiting until there is room.
	Block OverflowPolicy = iota
	// DropNewest sheds the item that has come: what waits is finished first.
	DropNewest
	// DropOldest sheds the item that has waited longest: what is new counts more.
	DropOldest
)

// String returns the policy's name.
func (p OverflowPolicy) String() string {
	switch p {
	case Block:
		return "block"
	case DropNewest:
		return "drop newest"
	case DropOldest:
		return "drop oldest"
	}
	return fmt.Sprintf("overflow policy %d", int(p))
}

// Overflow is a buffer of n items, in order, that says what happens when it is
// full. With one of the policies that drop, it never holds up what is above.
//
//	in:   --1-2-3-4-5----->
//	        Overflow(2, DropOldest), and a slow stage below
//	out:  --1-------4---5->
//
// An item that is dropped counts as shed, and is gone: it is not a failed one,
// and only its source hears of it, by [ErrOverflow]. An item that has failed
// before has its place and is never dropped: where there is nothing else, the
// buffer blocks.
//
// The edge below has a bound of its own, in which items are beyond the policy's
// reach; with the option [Buffer] of a stage, a flow makes that as small as can
// be.
func Overflow[T any](n int, policy OverflowPolicy) Stage[T, T] { return &overflow[T]{n, policy} }

type overflow[T any] struct {
	n      int
	policy OverflowPolicy
}

func (o *overflow[T]) Validate() error {
	return errors.Join(atLeastOne("buffer", o.n), o.policy.validate())
}

func (p OverflowPolicy) validate() error {
	return needs(p < Block || p > DropOldest, "there is no "+p.String())
}

// OverflowSnapshot is an [Overflow] at one moment; see [Node.Layers].
type OverflowSnapshot struct {
	// Depth is how many items it holds, of the Bound that it can.
	Depth, Bound int
	// Shed is how many it has dropped.
	Shed int64
}

// Describe implements [Describer].
func (o *overflow[T]) Describe() string { return fmt.Sprintf("%d, %v", o.n, o.policy) }

// TakesFailures implements [FailureTaker]: a failure must not wait, in the
// inlet, for room below, while what comes behind it could be shed.
func (o *overflow[T]) TakesFailures() bool { return true }

// Run is called once; inlined, it would be made again in its wrapper, with all
// that it holds.
//
//go:noinline
func (o *overflow[T]) Run(_ context.Context, in *Inlet[T], out *Outlet[T]) error {
	b := &backlog[T]{n: o.n, policy: o.policy}
	b.some.L, b.room.L = &b.mu, &b.mu
	in.node.observe(b.snapshot)
	var wg conc.WaitGroup
	wg.Go(func() {
		for it, ok := takeBack(b); ok; it, ok = takeBack(b) {
			sendLate(out, it)
		}
	})
	defer func() {
		closeBacklog(b)
		wg.Wait()
	}()
	for it := range in.All() {
		if loser, lost := putBack(b, it); lost {
			shedItem(in, loser, ErrOverflow)
		}
	}
	return nil
}

// shedItem accounts for it as refused because a limit was reached. Nobody sees it
// again, but a source that waits for it hears why.
func shedItem[T any](in *Inlet[T], it Item[T], why error) {
	in.node.shed.Add(1)
	if it.trail.receipt() != nil {
		why = in.rt.newItemError(in.node, why, 0, it.Value, it.trail)
	}
	it.trail.leave(why)
}

// backlog is what has come and not left.
type backlog[T any] struct {
	n      int
	policy OverflowPolicy

	mu     sync.Mutex
	some   sync.Cond // there is an item, or the end
	room   sync.Cond
	items  fifo[Item[T]]
	shed   int64
	closed bool
}

func (b *backlog[T]) snapshot() any {
	b.mu.Lock()
	defer b.mu.Unlock()
	return OverflowSnapshot{Depth: waitingIn(&b.items), Bound: b.n, Shed: b.shed}
}

// putBack adds an item. It returns the one that lost its place for it, if any.
func putBack[T any](b *backlog[T], it Item[T]) (loser Item[T], lost bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for waitingIn(&b.items) >= b.n {
		if b.policy == DropNewest && !it.failed() {
			b.shed++
			return it, true
		}
		if i, ok := oldest(b); ok {
			b.shed++
			loser, lost = cut(&b.items, i), true
			break
		}
		b.room.Wait()
	}
	push(&b.items, it)
	b.some.Signal()
	return loser, lost
}

// oldest returns the place of the item that may be dropped for another.
func oldest[T any](b *backlog[T]) (int, bool) {
	if b.policy != DropOldest {
		return 0, false
	}
	for i := range waitingIn(&b.items) {
		if !b.items.all[b.items.head+i].failed() {
			return i, true
		}
	}
	return 0, false
}

// takeBack blocks until there is an item. It returns false at the end.
func takeBack[T any](b *backlog[T]) (it Item[T], ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for waitingIn(&b.items) == 0 && !b.closed {
		b.some.Wait()
	}
	if waitingIn(&b.items) == 0 {
		return it, false
	}
	b.room.Signal()
	return pop(&b.items), true
}

func closeBacklog[T any](b *backlog[T]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.some.Signal()
}
