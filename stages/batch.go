package stages

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Batch groups items into slices of n, in order. A batch that is not full is
// sent on d after its first item came, and at the end of the stream; with d = 0
// only there. With [Weight] a batch is full when it weighs enough, too. Each
// slice belongs to its receiver.
//
//	in:   --1-2-3-------4------------|
//	        Batch(3, d)
//	out:  ------[1 2 3]-------[4]----|
//
// A batch carries the timings of its first item, the one that waited longest;
// the others are counted as folded into it. An item that has failed before does
// not wait for the batch in the making: it passes at once. When the intake has
// been stopped, a batch waits for nothing that is not at hand.
func Batch[T any](n int, d time.Duration, opts ...Option) Stage[T, []T] {
	return &batcher[T]{n, d, Apply(opts...)}
}

// Weight bounds what the items of a [Batch] weigh together. An item that weighs
// more goes alone. T must be the type of the items, or the flow is not valid. A
// negative weight, or a panic of of, fails the item.
func Weight[T any](limit int, of func(T) int) Option {
	return func(s *Settings) {
		s.weightLimit, s.weigh = limit, of
		s.check(atLeastOne("weight limit", limit))
		s.check(needs(of == nil, "weight function is nil"))
	}
}

type batcher[T any] struct {
	n int
	d time.Duration
	Settings
}

func (b *batcher[T]) Validate() error {
	_, err := itemFunc[func(T) int]("weight", b.weigh)
	return errors.Join(atLeastOne("batch size", b.n), needs(b.d < 0, "batch delay is negative"), b.Settings.Validate(), err)
}

func (b *batcher[T]) Run(_ context.Context, in *Inlet[T], out *Outlet[[]T]) error {
	weigh, err := itemFunc[func(T) int]("weight", b.weigh)
	if err != nil {
		return err
	}
	m := making[T]{in: in, out: out, size: b.n, weigh: weigh, limit: b.weightLimit}
	in.books = new(books)
	defer func() { settleBooks(in); in.books = nil }()
	a := newAlarm(in.rt)
	defer a.end()
	defer m.flush()
	return outlive(in.node, func() error {
		for {
			it, ok, woken := a.next(in)
			switch {
			case woken:
				m.flush()
			case !ok:
				return nil
			default:
				m.put(it)
				if m.weigh == nil {
					m.fill()
				}
				if m.full() {
					a.clear()
					m.flush()
				}
				if m.fresh {
					m.fresh = false
					a.clear()
					a.set(b.due(m.since))
				}
			}
		}
	})
}

// due returns when a batch must leave that began at since.
func (b *batcher[T]) due(since int64) int64 {
	if b.d == 0 {
		return never
	}
	return plus(since, b.d)
}

// making is the batch in the making.
type making[T any] struct {
	in     *Inlet[T]
	out    *Outlet[[]T]
	size   int
	weigh  func(T) int // nil where weight does not count
	limit  int
	weight int
	since  int64 // when the first item came
	first  Item[T]
	values []T
	fresh  bool // it is one for which no alarm has been set
}

// put adds an item; where it is too heavy for the batch, to a new one.
func (m *making[T]) put(it Item[T]) {
	w := 0
	if m.weigh != nil {
		var err error
		w, err = protectOr(m.in.node, func() (int, error) { return m.weigh(it.Value), nil }, func() { m.in.Fail(it, ErrGoexit) })
		if err == nil && w < 0 {
			err = fmt.Errorf("the weight of an item is negative: %d", w)
		}
		if err != nil {
			m.in.Fail(it, err)
			return
		}
		if w > m.limit-m.weight {
			m.flush()
		}
	}
	m.weight += w
	m.add(it)
}

// fill adds what is at hand, as far as there is room.
func (m *making[T]) fill() {
	for pending(m.in) && len(m.values) < m.size {
		if it, ok := takeNext(m.in); ok {
			m.add(it)
		}
	}
}

func (m *making[T]) add(it Item[T]) {
	if m.values == nil {
		m.first, m.values, m.since, m.fresh = it, make([]T, 0, min(m.size, 1024)), m.in.rt.now(), true
	} else {
		m.in.Fold(it, &m.first)
	}
	m.values = append(m.values, it.Value)
}

func (m *making[T]) full() bool {
	return len(m.values) >= m.size || m.weigh != nil && m.weight >= m.limit
}

func (m *making[T]) flush() {
	if len(m.values) > 0 {
		sendLate(m.out, m.first.With(m.values))
		m.values, m.weight, m.fresh = nil, 0, false
	}
}

// newStoppedTimer returns a timer that does not run.
func newStoppedTimer() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}
