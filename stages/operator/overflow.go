package operator

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/sourcegraph/conc"

	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
)

// Overflow is a buffer of n items, in order, with a policy for the time when it is full. With a
// policy that drops, it never holds up the stage above.
//
//	in:   --1-2-3-4-5----->
//	        Overflow(2, DropOldest), and a slow stage below
//	out:  --1-------4---5->
//
// An item that is dropped counts as shed, and is gone. It is not a failed item: only its source
// is told, by an acknowledgement with [stages.ErrOverflow]. An item that has failed before
// takes a place and is never dropped. If the buffer holds only such items, it blocks.
//
// The edge below has a bound of its own, and the policy does not reach the items there. With
// the option [stages.Buffer] of a stage, a flow makes that edge as small as possible.
func Overflow[T any](n int, policy stages.OverflowPolicy) stages.Stage[T, T] {
	return overflow[T]{dropping{n: n, policy: policy}}
}

type overflow[T any] struct{ dropping }

func (o overflow[T]) Run(_ context.Context, in *stages.Inlet[T], out *stages.Outlet[T]) error {
	return o.Pass(kernel.Of(in), kernel.OutletOf(out))
}

// dropping is a buffer that drops items when it is full. It has no type parameter: values stay in
// columns.
type dropping struct {
	single
	n      int
	policy stages.OverflowPolicy
}

// Validate implements [stages.Validator].
func (o dropping) Validate() error {
	return errors.Join(atLeast(1, "buffer", o.n), needs(o.policy < stages.Block || o.policy > stages.DropOldest, "there is no "+o.policy.String()))
}

// Describe implements [stages.Describer].
func (o dropping) Describe() string { return fmt.Sprintf("%d, %v", o.n, o.policy) }

// TakesFailures implements [stages.FailureTaker]. A failed item must not wait in the inlet for room
// below while an item behind it could be shed.
func (o dropping) TakesFailures() bool { return true }

// Pass is Run.
func (o dropping) Pass(in *kernel.Inlet, out *kernel.Outlet) error {
	b := &backlog{n: o.n, policy: o.policy, shelf: shelf{columns: in.Columns()}}
	b.some.L, b.room.L = &b.mu, &b.mu
	in.Node().Observe(b.snapshot)
	var wg conc.WaitGroup
	wg.Go(func() {
		var items []kept
		for b.take(&items, out.Room()) {
			for i := range items {
				it := &items[i]
				in.Node().Waited(&it.meta)
				if to, at, ok := out.Send(&it.meta); ok {
					it.column.CopyTo(to.Vals, at, it.at, it.at+1)
					out.Publish()
				}
			}
		}
	})
	defer func() {
		b.close()
		wg.Wait()
	}()
	var losers []kept
	for {
		from, to, ok := in.Take(handoff.BatchSize)
		if !ok {
			return nil
		}
		b.put(in, from, to, &losers)
		for _, it := range losers { // without the lock: sources hear of it
			in.Shed(it.meta, it.column.Value(it.at), stages.ErrOverflow)
		}
	}
}

// kept is an item that the buffer holds.
type kept struct {
	place
	meta kernel.Meta
}

// place is where a value is stored.
type place struct {
	column handoff.Column
	at     int
}

// shelf has places for values. It grows with the number of stored values.
type shelf struct {
	columns handoff.Columns
	free    []place
}

// take returns a free place.
func (s *shelf) take() place {
	if len(s.free) == 0 {
		column := s.columns.Make(s.columns.Most)
		for i := range s.columns.Most {
			s.free = append(s.free, place{column, i})
		}
	}
	p := s.free[len(s.free)-1]
	s.free = s.free[:len(s.free)-1]
	return p
}

// clear empties items, and frees their places.
func (s *shelf) clear(items *[]kept) {
	for _, it := range *items {
		it.column.Clear(it.at, it.at+1)
		s.free = append(s.free, it.place)
	}
	clear(*items)
	*items = (*items)[:0]
}

// backlog has the items that have come and not left.
type backlog struct {
	n      int
	policy stages.OverflowPolicy

	mu     sync.Mutex // Guarded by: mu, all fields below
	some   sync.Cond  // there is an item, or the stream has ended
	room   sync.Cond
	items  typed.FIFO[kept]
	shelf  shelf
	shed   int64
	closed bool
}

func (b *backlog) snapshot() any {
	b.mu.Lock()
	defer b.mu.Unlock()
	return stages.OverflowSnapshot{Depth: b.items.Len(), Bound: b.n, Shed: b.shed}
}

// put adds the items at taken places. It sets losers to the items that lost their places. The
// losers of the last call are cleared first.
func (b *backlog) put(k *kernel.Inlet, from, to int, losers *[]kept) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shelf.clear(losers)
	for i := from; i < to; i++ {
		it := kept{b.shelf.take(), k.Receive(i)}
		k.B.Vals.CopyTo(it.column, it.at, i, i+1)
		if loser, lost := b.add(it); lost {
			*losers = append(*losers, loser)
		}
	}
	b.some.Signal()
}

// add adds an item. It returns the item that lost its place to it, if any. The caller holds the
// mutex.
func (b *backlog) add(it kept) (loser kept, lost bool) {
	for b.items.Len() >= b.n {
		if b.policy == stages.DropNewest && it.meta.Fault() == nil {
			b.shed++
			return it, true
		}
		if i, ok := b.oldest(); ok {
			b.shed++
			loser, lost = b.items.Cut(i), true
			break
		}
		b.some.Signal()
		b.room.Wait()
	}
	b.items.Push(it)
	return loser, lost
}

// oldest returns the place of the item that may be dropped first.
func (b *backlog) oldest() (int, bool) {
	if b.policy != stages.DropOldest {
		return 0, false
	}
	for i := range b.items.Len() {
		if b.items.At(i).meta.Fault() == nil {
			return i, true
		}
	}
	return 0, false
}

// take takes the first items, from one up to most. It first clears those of the last call. It
// blocks until there is an item, and returns false at the end of the stream.
func (b *backlog) take(items *[]kept, most int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shelf.clear(items)
	for b.items.Len() == 0 {
		if b.closed {
			return false
		}
		b.some.Wait()
	}
	for n := min(max(most, 1), b.items.Len(), handoff.BatchSize); n > 0; n-- {
		*items = append(*items, b.items.Pop())
	}
	b.room.Signal()
	return true
}

func (b *backlog) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.some.Signal()
}
