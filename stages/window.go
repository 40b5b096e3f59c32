package stages

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// WindowOf is the items of a window of time, and what a [Window] makes of a
// stream. The slice belongs to its receiver.
type WindowOf[T any] struct {
	// Start and End are the window's bounds, in UTC. Start belongs to it, and End
	// to the next.
	Start, End time.Time
	// Items are in the order of their times, those of the same time as they came.
	Items []T
	// Partial says that the window left before its time, because the stream had
	// ended, the intake had been stopped, or too many items were kept. There may
	// be another one with its bounds and the items that came later.
	Partial bool
}

// WindowPolicy says which windows there are: [Tumbling], [Sliding] or [Session].
type WindowPolicy struct {
	size, every time.Duration // every is 0 for sessions
	faults      error
}

const (
	// maxOverlap is how many windows may share an item: beyond it they are a mistake.
	maxOverlap = 1 << 10
	// longest is the longest window, and lateness. The sums of two, and of an event
	// time, fit into 64 bits.
	longest = 50 * 365 * 24 * time.Hour
)

// Tumbling are windows of one size, of which each begins where the one before
// ends. They are aligned as by [time.Time.Truncate]: those of an hour begin on
// the hour.
func Tumbling(size time.Duration) WindowPolicy { return Sliding(size, size) }

// Sliding are windows of one size that begin every so often, and share the items
// where they overlap. They are aligned as by [time.Time.Truncate].
func Sliding(size, every time.Duration) WindowPolicy {
	p := WindowPolicy{size: size, every: every}
	switch {
	case size <= 0 || every <= 0:
		p.faults = errors.New("the time of a window must be positive")
	case size > longest:
		p.faults = fmt.Errorf("a window must be no longer than %v", longest)
	case every > size:
		p.faults = errors.New("there are gaps between the windows")
	case size/every > maxOverlap:
		p.faults = fmt.Errorf("an item must be in at most %d windows, not %d", maxOverlap, size/every)
	}
	return p
}

// Session are windows that begin with an item and end when there was none for
// the gap: a window's End is the gap after its last item. With an event time,
// an item can join two sessions to one.
func Session(gap time.Duration) WindowPolicy {
	return WindowPolicy{size: gap, faults: errors.Join(
		needs(gap <= 0, "the gap between sessions must be positive"),
		needs(gap > longest, fmt.Sprintf("the gap between sessions must be at most %v", longest)))}
}

// String returns the policy and its times.
func (p WindowPolicy) String() string {
	switch p.every {
	case 0:
		return fmt.Sprintf("session %v", p.size)
	case p.size:
		return fmt.Sprintf("tumbling %v", p.size)
	}
	return fmt.Sprintf("sliding %v every %v", p.size, p.every)
}

// EventTime has a [Window] go by the time that is in an item, and not by that of
// its arrival. Items may come late: a window leaves when an item has come that is
// lateness after the window's end. T must be the type of the items, or the flow
// is not valid. A time before 1830 or after 2110, as of one that was never set, or a
// panic of at fails the item.
func EventTime[T any](at func(T) time.Time, lateness time.Duration) Option {
	return func(s *Settings) {
		s.time, s.lateness = at, lateness
		s.check(needs(at == nil, "event time function is nil"))
		s.check(needs(lateness < 0, "lateness is negative"))
		s.check(needs(lateness > longest, fmt.Sprintf("lateness must be at most %v", longest)))
	}
}

// Idleness has a [Window] with an [EventTime] close what is open when no item has
// come to it for d, by the clock of arrival: as if the watermark had passed the end
// of the last window, so none of them is Partial, and an item that still comes for
// one of them is late. An item that the stream above holds back for longer than d is
// therefore late, too: d must exceed the pauses of a stream that goes on.
func Idleness(d time.Duration) Option {
	return func(s *Settings) {
		s.idle = d
		s.check(needs(d <= 0, "idle time must be positive"))
	}
}

// Late has a [Window] hand each item to f for which there is no window any more.
// The item is dropped, as filtered, when f returns nil, and fails with the error
// or panic of f, for [DeadLetter] to take. T must be the type of the items, or
// the flow is not valid.
func Late[T any](f func(context.Context, T) error) Option {
	return func(s *Settings) {
		s.late = f
		s.check(needs(f == nil, "function for late items is nil"))
	}
}

// PerKey has a [Window] keep windows for each key apart: the sessions of a user,
// for example. A key is forgotten with its last window. T must be the type of
// the items, or the flow is not valid. A panic of key fails the item.
func PerKey[T any, K comparable](key func(T) K) Option {
	return func(s *Settings) {
		if key == nil {
			s.check(errors.New("key function is nil"))
			return
		}
		s.keys = func(v T) any { return key(v) }
	}
}

// Window groups items into windows of time.
//
//	in:   --1-2------3--4-------5--|
//	        Tumbling(d)
//	out:  ------[1 2]-----[3 4]----[5]
//	at:   |     d     |     d     |
//
// Without [EventTime] an item is in the windows that are open when it comes, and
// a window leaves when its end has come. With it a window leaves when the
// watermark has reached its end: the latest time of an item so far, less the
// lateness. Time then goes by items alone: where none come, the last windows
// stay open, unless [Idleness] says for how long. An item all of whose windows have left is late; it is dropped, as
// filtered, unless [Late] says otherwise. With [PerKey] each key has its windows,
// and all have one watermark.
//
// Windows leave in the order of their ends, and of their starts where the ends
// are the same. There are none without items. All that are open leave at the
// end of the stream, and when the intake has been stopped, as Partial; so does
// the one that would end first, where more than [DefaultKept] items are kept, or
// what [Capacity] says. An item counts once for each of its windows.
//
// A window carries the timings of the item that opened it; the others are
// counted as folded into it. An item in several windows is derived into each,
// and its source hears of it when all have left the flow. An item costs about
// three times what it costs a [Map] that does nothing, and one and a half times
// more for each further window that it is in.
func Window[T any](p WindowPolicy, opts ...Option) Stage[T, WindowOf[T]] {
	return &windower[T]{p, Apply(opts...)}
}

type windower[T any] struct {
	WindowPolicy
	Settings
}

// Describe implements [Describer].
func (s *windower[T]) Describe() string { return s.WindowPolicy.String() }

func (s *windower[T]) Validate() error {
	_, err := s.functions()
	return errors.Join(needs(s.size == 0 && s.every == 0 && s.WindowPolicy.faults == nil, "it has no window policy"),
		s.WindowPolicy.faults, s.Settings.Validate(), needs(s.idle != 0 && s.time == nil, "idleness is for windows of event time"), err)
}

// functions are what the options of a Window say about items; each may be nil.
type functions[T any] struct {
	at   func(T) time.Time
	key  func(T) any
	late func(context.Context, T) error
}

func (s *windower[T]) functions() (f functions[T], err error) {
	var faults [3]error
	f.at, faults[0] = itemFunc[func(T) time.Time]("event time", s.time)
	f.key, faults[1] = itemFunc[func(T) any]("key", s.keys)
	f.late, faults[2] = itemFunc[func(context.Context, T) error]("late", s.late)
	return f, errors.Join(faults[:]...)
}

func (s *windower[T]) Run(ctx context.Context, in *Inlet[T], out *Outlet[WindowOf[T]]) error {
	f, err := s.functions()
	if err != nil {
		return err
	}
	w := newWindows(s, f, in, out)
	a := newAlarm(in.rt)
	defer a.end()
	defer w.flush()
	return outlive(in.node, func() error {
		for {
			it, ok, woken := a.next(in)
			switch {
			case ok:
				w.put(ctx, it)
			case !woken:
				return nil
			case a.short():
				w.flush()
			case f.at == nil:
				w.advance(w.clock())
			case in.rt.now() >= w.next() && pollInlet(in) != ready:
				w.close()
			}
			if w.due.Len() > 0 {
				a.set(w.next())
			}
		}
	})
}
