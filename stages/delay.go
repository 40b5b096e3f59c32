package stages

import (
	"context"
	"errors"
	"time"
)

// DefaultKept is how many items a [Window] or a [Delay] keeps where
// [Capacity] does not say.
const DefaultKept = 1 << 16

// Capacity bounds how many items a [Window] or a [Delay] keeps.
func Capacity(n int) Option {
	return func(s *Settings) {
		s.capacity = n
		s.check(atLeastOne("capacity", n))
	}
}

// room returns how many items the stage may keep.
func (s *Settings) room() int {
	if s.capacity == 0 {
		return DefaultKept
	}
	return s.capacity
}

// Delay sends each item on d after it came, in order.
//
//	in:   --1-2------3------|
//	        Delay(d)
//	out:  -------1-2------3-|
//
// It keeps [DefaultKept] items, or what [Capacity] says; when it is full it
// takes no more, which holds up what is above. An item whose deadline would pass
// before its turn fails with [ErrExpired], at once. When the intake has been
// stopped, the items leave without delay.
func Delay[T any](d time.Duration, opts ...Option) Stage[T, T] {
	return &delayer[T]{d, Apply(opts...)}
}

type delayer[T any] struct {
	d        time.Duration
	settings Settings
}

func (s *delayer[T]) Validate() error {
	return errors.Join(needs(s.d <= 0, "delay must be positive"), s.settings.Validate())
}

func (s *delayer[T]) Run(_ context.Context, in *Inlet[T], out *Outlet[T]) error {
	a := newAlarm(in.rt)
	defer a.end()
	var line fifo[Item[T]]
	var due fifo[int64] // when they are to leave
	for ended := false; !ended || waitingIn(&line) > 0; {
		if ended || waitingIn(&line) == s.settings.room() {
			a.wait()
		} else if it, ok, woken := a.next(in); ok {
			at := plus(in.rt.now(), s.d)
			if by := it.trail.deadline(); by != 0 && by <= at && !a.short() {
				reject(in, it, ErrExpired)
			} else {
				push(&line, it)
				push(&due, at)
			}
		} else {
			ended = !woken
		}
		for waitingIn(&line) > 0 && (a.short() || *firstOf(&due) <= in.rt.now()) {
			pop(&due)
			sendLate(out, pop(&line))
		}
		if waitingIn(&line) > 0 {
			a.set(*firstOf(&due))
		}
	}
	return nil
}
