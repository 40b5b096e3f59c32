package operator

import (
	"context"
	"errors"
	"time"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
)

// Delay sends each item on d after it came, in order.
//
//	in:   --1-2------3------|
//	        Delay(d)
//	out:  -------1-2------3-|
//
// It keeps [stages.DefaultKept] items, or as many as [stages.Capacity] says. When it is full it
// takes no more items, so the stage above waits. An item whose deadline would pass before its
// turn fails with [stages.ErrExpired], at once. When the intake has stopped, the items leave
// without delay.
func Delay[T any](d time.Duration, opts ...stages.DelayOption) stages.Stage[T, T] {
	return &delayer[T]{d: d, settings: stages.Apply(opts...)}
}

type delayer[T any] struct {
	single
	d        time.Duration
	settings stages.Settings
}

// Validate implements [stages.Validator].
func (s *delayer[T]) Validate() error {
	return errors.Join(needs(s.d <= 0, "delay must be positive"), s.settings.Validate())
}

func (s *delayer[T]) Run(_ context.Context, in *stages.Inlet[T], out *stages.Outlet[T]) error {
	k, o := kernel.Of(in), kernel.OutletOf(out)
	most := s.settings.Capacity
	if most == 0 {
		most = stages.DefaultKept
	}
	var values typed.FIFO[T]
	delay(k, s.d, most, func() { values.Push(typed.At[T](k)) }, func(m *kernel.Meta) { typed.Send(o, m, values.Pop()) })
	return nil
}

// delayed is an item that a Delay holds, without its value.
type delayed struct {
	m   kernel.Meta
	due int64 // time at which the item leaves
}

// delay holds each item for d, and at most most items at a time. push stores the value of the
// current item. send sends an item with the oldest stored value.
func delay(k *kernel.Inlet, d time.Duration, most int, push func(), send func(*kernel.Meta)) {
	n := k.Node()
	a := kernel.NewAlarm(n.Run())
	defer a.End()
	var line typed.FIFO[delayed]
	var item kernel.Meta // the item that leaves; declared here so that it is allocated once
	for ended := false; !ended || line.Len() > 0; {
		if ended || line.Len() == most {
			a.Wait()
		} else if m, ok, woken := a.Next(k); ok {
			due := kernel.Plus(n.Run().Now(), d)
			if by := m.Limit().Deadline; by != 0 && by <= due && !a.Short() {
				k.Refuse(m, k.Value(), stages.ErrExpired)
			} else {
				line.Push(delayed{m, due})
				push()
			}
		} else {
			ended = !woken
		}
		for line.Len() > 0 && (a.Short() || line.First().due <= n.Run().Now()) {
			item = line.Pop().m
			n.Waited(&item)
			send(&item)
		}
		if line.Len() > 0 {
			a.Set(line.First().due)
		}
	}
}
