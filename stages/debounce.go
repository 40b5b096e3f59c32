package stages

import (
	"context"
	"errors"
	"time"
)

// Debounce sends on an item when no other has come for d after it, and drops
// the one before it, as filtered, when one has: of a burst the last remains.
//
//	in:   --1-2-3--------4----|
//	        Debounce(d)
//	out:  -----------3------4-|
//
// Where items never pause nothing would leave: with [MaxWait] the last one does
// at the latest that long after the first that was held back. At the end of the
// stream, and in a drain, it leaves at once.
func Debounce[T any](d time.Duration, opts ...Option) Stage[T, T] {
	return &debouncer[T]{d, Apply(opts...)}
}

// MaxWait bounds how long a [Debounce] holds back items that keep coming.
func MaxWait(d time.Duration) Option {
	return func(s *Settings) {
		s.maxWait = d
		s.check(needs(d <= 0, "the longest wait must be positive"))
	}
}

type debouncer[T any] struct {
	d        time.Duration
	settings Settings
}

func (s *debouncer[T]) Validate() error {
	return errors.Join(needs(s.d <= 0, "quiet time must be positive"), s.settings.Validate())
}

func (s *debouncer[T]) Run(_ context.Context, in *Inlet[T], out *Outlet[T]) error {
	a := newAlarm(in.rt)
	defer a.end()
	var last Item[T]
	held := false
	var quiet, latest int64 // when the last one is to leave, whichever comes first
	for {
		it, ok, woken := a.next(in)
		now := in.rt.now()
		over := !ok && (!woken || a.short())
		if held && (over || now >= min(quiet, latest)) {
			sendLate(out, last)
			last, held = Item[T]{}, false
		}
		if ok {
			if held {
				in.Drop(last)
			} else if latest = never; s.settings.maxWait > 0 {
				latest = plus(now, s.settings.maxWait)
			}
			last, held, quiet = it, true, plus(now, s.d)
		} else if !woken {
			return nil
		}
		if held {
			a.set(min(quiet, latest))
		}
	}
}

// plus returns t, which is not negative, and d later, or never.
func plus(t int64, d time.Duration) int64 {
	if t > never-int64(d) {
		return never
	}
	return t + int64(d)
}
