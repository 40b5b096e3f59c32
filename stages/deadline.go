package stages

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Deadline is a stage that gives each item until d after its entry into the
// flow to be done; an earlier deadline that it has already holds. From then on
// no stage begins work on an item that is late, and the context of a function
// at work on it ends when its time is up. Such an item fails with [ErrExpired]
// and counts as expired. In an untimed run, where nobody knows when an item
// entered, d counts from this stage.
//
// What is made of several items, such as a batch or a window, is late when the
// last of them is, and never where one of them has no deadline; a pair, of [Zip]
// or [Join], when the first of the two is. An item that is dropped or paired
// with nobody, or that ends in a sink that calls no function, is not expired,
// however late.
func Deadline[T any](d time.Duration) Stage[T, T] { return &deadliner[T]{d} }

type deadliner[T any] struct{ d time.Duration }

func (s *deadliner[T]) Validate() error { return needs(s.d <= 0, "deadline must be positive") }

func (s *deadliner[T]) Run(_ context.Context, in *Inlet[T], out *Outlet[T]) error {
	for it := range in.All() {
		if it.trail == nil {
			it.trail = keepTrail(out, in.rt.now())
		}
		from := it.trail.born
		if !in.rt.timed { // nobody has looked at the clock
			from = in.rt.now()
		}
		by := from + int64(s.d)
		if by < from { // so far off that it does not count
			by = 0
		}
		it.trail.limit(sooner(it.trail.deadline(), by))
		out.Send(it)
	}
	return nil
}

// limit is what ends the work on an item: the time by which it must be done, and
// the context of who waits for it; either may be missing. late is the error of
// one that is not done by the deadline.
type limit struct {
	caller   context.Context
	deadline int64
	late     error
}

// bounded reports whether there is a limit.
func (l *limit) bounded() bool { return l.deadline != 0 || l.caller != nil }

// over returns why no work shall be begun, nil where it may.
func (l *limit) over(rt *Runtime) error {
	if l.deadline != 0 && rt.late(l.deadline) {
		return l.late
	}
	if l.caller != nil && l.caller.Err() != nil {
		return gone(l)
	}
	return nil
}

// gone is the failure of an item whose caller waits for it no more.
func gone(l *limit) error { return fmt.Errorf("%w: %w", ErrExpired, context.Cause(l.caller)) }

// contextOf returns a context that ends with run, at the deadline, and when the
// caller's does, whose values it has.
func contextOf(l *limit, run context.Context, base time.Time) (context.Context, context.CancelFunc) {
	ctx, cancel := run, context.CancelFunc(func() {})
	if l.caller != nil {
		joint, end := context.WithCancelCause(l.caller)
		unhook := context.AfterFunc(run, func() { end(context.Cause(run)) })
		ctx, cancel = joint, func() { unhook(); end(nil) }
	}
	if l.deadline == 0 {
		return ctx, cancel
	}
	timed, end := context.WithDeadlineCause(ctx, base.Add(time.Duration(l.deadline)), l.late)
	return timed, func() { end(); cancel() }
}

// watchLimit calls over once when there is no more time, or the caller has gone, unless
// the wait is ended before.
func watchLimit(l *limit, rt *Runtime, over func()) (end func()) {
	if l.deadline == 0 {
		unhook := context.AfterFunc(l.caller, over)
		return func() { unhook() }
	}
	once := sync.OnceFunc(over)
	unhook := func() bool { return true }
	if l.caller != nil {
		unhook = context.AfterFunc(l.caller, once)
	}
	timer := time.AfterFunc(time.Duration(l.deadline-rt.now()), once)
	return func() { timer.Stop(); unhook() }
}

// blame tells, of an item that waited for its turn in vain, that it was out of
// time. What the primitive says comes first, for the layers outside: nobody has called the
// service.
func blame(l *limit, rt *Runtime, err error) error {
	late := l.over(rt)
	switch {
	case late != nil && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)):
	case !errors.Is(err, context.DeadlineExceeded):
		return err
	case l.deadline != 0: // it would be late when its turn comes
		late = l.late
	case l.caller != nil:
		late = ErrExpired
	default:
		return err
	}
	return fmt.Errorf("%w: %w", err, late)
}

// sooner returns the earlier of two deadlines, of which 0 is none.
func sooner(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// later returns the later of two deadlines, of which 0 is none.
func later(a, b int64) int64 {
	if a == 0 || b == 0 {
		return 0
	}
	return max(a, b)
}

// Deadline returns by when the item must be done, and whether it has to be.
func (it Item[T]) Deadline(in *Inlet[T]) (time.Time, bool) {
	by := it.trail.deadline()
	if by == 0 {
		return time.Time{}, false
	}
	return in.rt.base.Add(time.Duration(by)), true
}

// late reports that a deadline has passed.
func (rt *Runtime) late(deadline int64) bool { return rt.now() >= deadline }

// timely calls f with a context that ends at the deadline, and when the caller's
// does, whose values it has. Where f ends for that reason the error says so.
func timely[I, O any](rt *Runtime, l limit, f func(context.Context, I) (O, error), v I) (o O, err error) {
	ctx, cancel := contextOf(&l, rt.ctx, rt.base)
	defer cancel()
	if o, err = f(ctx, v); err != nil {
		err = blameCall(&l, rt, ctx, err)
	}
	return o, err
}

// blameCall tells, of a call that has failed with err, that its context, ctx, had ended
// for one of the limits, where that is why.
func blameCall(l *limit, rt *Runtime, ctx context.Context, err error) error {
	switch {
	case rt.ctx.Err() != nil || errors.Is(err, ErrExpired):
	case l.caller != nil && l.caller.Err() != nil && errors.Is(err, l.caller.Err()):
		return fmt.Errorf("%w: %w", gone(l), err)
	case l.deadline != 0 && errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil && !errors.Is(err, l.late):
		return fmt.Errorf("%w: %w", l.late, err)
	}
	return err
}

// isExpired reports the failure of an item whose own deadline has passed.
func isExpired(err error) bool { return errors.Is(err, ErrExpired) }
