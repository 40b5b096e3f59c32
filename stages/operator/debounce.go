package operator

import (
	"context"
	"errors"
	"time"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
)

// Debounce sends an item on when no other item has come for d after it. If one has come, the
// earlier item is dropped, as filtered. So the last item of a burst remains.
//
//	in:   --1-2-3--------4----|
//	        Debounce(d)
//	out:  -----------3------4-|
//
// If items never pause, none would leave. With [stages.MaxWait] the last item leaves at the
// latest that long after the first one that was held back. At the end of the stream, and in a
// drain, it leaves at once.
func Debounce[T any](d time.Duration, opts ...stages.DebounceOption) stages.Stage[T, T] {
	return &debouncer[T]{d: d, settings: stages.Apply(opts...)}
}

type debouncer[T any] struct {
	single
	d        time.Duration
	settings stages.Settings
}

// Validate implements [stages.Validator].
func (s *debouncer[T]) Validate() error {
	return errors.Join(needs(s.d <= 0, "quiet time must be positive"), s.settings.Validate())
}

func (s *debouncer[T]) Run(_ context.Context, in *stages.Inlet[T], out *stages.Outlet[T]) error {
	k, o := kernel.Of(in), kernel.OutletOf(out)
	var last T
	h := &held{in: k, quiet: s.d, most: s.settings.MaxWait, alarm: kernel.NewAlarm(k.Node().Run())}
	defer h.alarm.End()
	h.send = func(m *kernel.Meta) {
		typed.Send(o, m, last)
		last = *new(T)
	}
	for h.next() {
		last = typed.At[T](k)
		h.wait()
	}
	return nil
}

// held is the item that a Debounce holds back, if there is one.
type held struct {
	in          *kernel.Inlet
	alarm       *kernel.Alarm
	quiet, most time.Duration
	send        func(*kernel.Meta)

	m             kernel.Meta
	full          bool  // there is an item
	leave, latest int64 // times at which the item must leave; the earlier one counts
}

// next replaces the held item by the next item. If the time of the held item comes first, it sends
// that item. It returns false at the end of the stream.
func (h *held) next() bool {
	for {
		m, ok, woken := h.alarm.Next(h.in)
		now := h.in.Node().Run().Now()
		over := !ok && (!woken || h.alarm.Short())
		if h.full && (over || now >= min(h.leave, h.latest) || h.in.Node().Called(&h.m)) {
			h.full = false
			h.in.Node().Waited(&h.m)
			h.send(&h.m)
		}
		switch {
		case ok:
			h.put(m, now)
			return true
		case !woken:
			return false
		}
		h.wait()
	}
}

func (h *held) put(m kernel.Meta, now int64) {
	switch {
	case h.full:
		h.in.Drop(h.m)
	case h.most > 0:
		h.latest = kernel.Plus(now, h.most)
	default:
		h.latest = kernel.Never
	}
	h.m, h.full, h.leave = m, true, kernel.Plus(now, h.quiet)
	if h.in.Node().Called(&m) {
		h.leave = now
	}
}

// wait sets the alarm for the held item.
func (h *held) wait() {
	if h.full {
		h.alarm.Set(min(h.leave, h.latest))
	}
}
