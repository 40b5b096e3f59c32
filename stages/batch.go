package stages

import (
	"context"
	"errors"
	"time"
)

// Batch groups items into slices of n, in order. A batch that is not full is
// sent on d after its first item came, and at the end of the stream; with d = 0
// only there. Each slice belongs to its receiver.
//
//	in:   --1-2-3-------4------------|
//	        Batch(3, d)
//	out:  ------[1 2 3]-------[4]----|
//
// A batch carries the timings of its first item, the one that waited longest;
// the others are counted as folded into it. An item that has failed before does
// not wait for the batch in the making: it passes at once.
func Batch[T any](n int, d time.Duration) Stage[T, []T] { return batcher[T]{n, d} }

type batcher[T any] struct {
	n int
	d time.Duration
}

func (b batcher[T]) Validate() error {
	return errors.Join(atLeastOne("batch size", b.n), needs(b.d < 0, "batch delay is negative"))
}

func (b batcher[T]) Run(_ context.Context, in *Inlet[T], out *Outlet[[]T]) error {
	m := making[T]{in: in, out: out, size: b.n}
	in.books = new(books)
	defer func() { in.settleBooks(); in.books = nil }()
	timer := newStoppedTimer()
	defer timer.Stop()
	for {
		it, ok, woken := in.NextOr(timer.C)
		switch {
		case woken:
			m.flush()
		case !ok:
			m.flush()
			return nil
		default:
			if m.add(it); len(m.values) == 1 && b.d > 0 {
				timer.Reset(b.d)
			}
			if len(m.values) == b.n {
				timer.Stop()
				m.flush()
			}
		}
	}
}

// making is the batch in the making.
type making[T any] struct {
	in     *Inlet[T]
	out    *Outlet[[]T]
	size   int
	first  Item[T]
	values []T
}

func (m *making[T]) add(it Item[T]) {
	if m.values == nil {
		m.first, m.values = it, make([]T, 0, min(m.size, 1024))
	} else {
		m.in.Fold(it, &m.first)
	}
	m.values = append(m.values, it.Value)
}

func (m *making[T]) flush() {
	if len(m.values) > 0 {
		m.out.sendLate(m.first.With(m.values))
		m.values = nil
	}
}

// newStoppedTimer returns a timer that does not run.
func newStoppedTimer() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}
