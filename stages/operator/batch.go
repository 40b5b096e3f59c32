package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
)

// Batch groups items into slices of n, in order. A batch that is not full is sent d after its
// first item came, and at the end of the stream. If d is 0, it is sent only at the end. With
// [stages.Weight] a batch is also full when it weighs enough. Each slice belongs to its
// receiver.
//
//	in:   --1-2-3-------4------------|
//	        Batch(3, d)
//	out:  ------[1 2 3]-------[4]----|
//
// A batch carries the timings of its first item, the one that waited longest; the others are
// counted as folded into it. An item that has failed before passes at once and does not wait
// for the batch. When the intake has stopped, a batch does not wait for further items.
func Batch[T any](n int, d time.Duration, opts ...stages.BatchOption) stages.Stage[T, []T] {
	return &batcher[T]{n, d, stages.Apply(opts...)}
}

type batcher[T any] struct {
	n        int
	d        time.Duration
	settings stages.Settings
}

// Validate implements [stages.Validator].
func (b *batcher[T]) Validate() error {
	_, err := itemFunc[func(T) int]("weight", b.settings.Weigh)
	return errors.Join(atLeast(1, "batch size", b.n), needs(b.d < 0, "batch delay is negative"), b.settings.Validate(), err)
}

func (b *batcher[T]) Run(_ context.Context, in *stages.Inlet[T], out *stages.Outlet[[]T]) error {
	weigh, err := itemFunc[func(T) int]("weight", b.settings.Weigh)
	if err != nil {
		return err
	}
	k, o := kernel.Of(in), kernel.OutletOf(out)
	var values []T
	m := &making{in: k, size: b.n, delay: b.d, limit: b.settings.WeightLimit}
	if weigh != nil {
		m.weigh = func() int { return weigh(typed.At[T](k)) }
	}
	m.add = func(from, to int) {
		if values == nil {
			values = make([]T, 0, min(b.n, 1024))
		}
		values = append(values, typed.Values[T](k.B)[from:to]...)
	}
	m.send = func(first *kernel.Meta) {
		typed.Send(o, first, values)
		values = nil
	}
	m.run()
	return nil
}

// making is the batch that is being filled, without its values.
type making struct {
	in    *kernel.Inlet
	size  int
	delay time.Duration
	weigh func() int // weighs the item at hand; nil if weight does not count
	limit int
	add   func(from, to int) // adds the values of the given places
	send  func(*kernel.Meta) // sends the values

	alarm  *kernel.Alarm
	first  kernel.Meta
	n      int
	weight int
	since  int64 // time at which the first item came
	fresh  bool  // no alarm is set for the batch yet
	called bool  // the batch has an item that must not be held back
}

// run makes batches until the stream has ended.
func (m *making) run() {
	m.alarm = kernel.NewAlarm(m.in.Node().Run())
	defer m.alarm.End()
	defer m.flush()
	for {
		item, ok, woken := m.alarm.Next(m.in)
		switch {
		case woken:
			if !m.alarm.Early() || m.n > 0 && m.in.Node().Called(&m.first) { // a batch that was sent does not belong to the stage
				m.flush()
			}
		case !ok:
			return
		default:
			m.put(item)
			m.wait()
			m.in.Node().Keeps(m.n)
		}
	}
}

// wait sends the batch if it is full, and otherwise sets the alarm for a new batch.
func (m *making) wait() {
	if m.n >= m.size || m.called || m.weigh != nil && m.weight >= m.limit {
		m.alarm.Clear()
		m.flush()
	}
	if m.fresh {
		m.fresh = false
		m.alarm.Clear()
		due := int64(kernel.Never)
		if m.delay > 0 {
			due = kernel.Plus(m.since, m.delay)
		}
		m.alarm.Set(due)
	}
}

// put adds the current item. If items are not weighed, it also adds the items at hand behind it. An
// item that is too heavy for the batch goes into a new one.
func (m *making) put(item kernel.Meta) {
	if m.weigh == nil {
		m.take(item)
		from, to := m.in.Neighbours(1 + m.size - m.n)
		if from++; from < to {
			m.called = m.called || m.in.AnyCalled(from, to)
			m.in.FoldRun(from, to, &m.first)
			m.n += to - from
			m.add(from, to)
		}
		return
	}
	w := 0
	if !m.in.Ask(m.in.Pos, &item, func(context.Context) error {
		if w = m.weigh(); w < 0 {
			return fmt.Errorf("the weight of an item is negative: %d", w)
		}
		return nil
	}) {
		return
	}
	if w > m.limit-m.weight {
		m.flush()
	}
	m.weight += w
	m.take(item)
}

// take adds the current item.
func (m *making) take(item kernel.Meta) {
	m.called = m.called || m.in.Node().Called(&item)
	if m.n == 0 {
		m.first, m.since, m.fresh = item, m.in.Node().Began(&item), true
	} else {
		m.in.Fold(item, &m.first)
	}
	m.n++
	m.add(m.in.Pos, m.in.Pos+1)
}

func (m *making) flush() {
	if m.n > 0 {
		m.in.Node().Keeps(0)
		m.n, m.weight, m.fresh, m.called = 0, 0, false, false
		m.in.Node().Waited(&m.first)
		m.send(&m.first)
	}
}
