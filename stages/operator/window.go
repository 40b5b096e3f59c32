package operator

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
)

// WindowOf is the items of a window of time: what a [Window] makes of a stream. The slice
// belongs to its receiver.
type WindowOf[T any] struct {
	// Start and End are the window's bounds, in UTC. Start belongs to the window, and End to
	// the next one.
	Start, End time.Time
	// Items are in the order of their times. Items of the same time are in the order in which
	// they came.
	Items []T
	// Partial says that the window left before its time, because the stream had ended, the
	// intake had stopped, or too many items were kept. There may be another window with the
	// same bounds and the items that came later.
	Partial bool
}

// WindowPolicy says which windows there are: [Tumbling], [Sliding] or [Session].
type WindowPolicy struct {
	size, every time.Duration // every is 0 for sessions
	faults      error
}

const (
	// maxOverlap is the largest number of windows that may share an item. More are a mistake.
	maxOverlap = 1 << 10
	// longest is the longest window, and the longest lateness. Their sums with an event time fit
	// into 64 bits.
	longest = 50 * 365 * 24 * time.Hour
)

// Tumbling returns the policy of windows of one size, each of which begins when the one before
// ends. They are aligned as by [time.Time.Truncate]: those of an hour begin on the hour.
func Tumbling(size time.Duration) WindowPolicy { return Sliding(size, size) }

// Sliding returns the policy of windows of one size, one of which begins each time that every
// has passed. They share items if they overlap. They are aligned as by [time.Time.Truncate].
func Sliding(size, every time.Duration) WindowPolicy {
	p := WindowPolicy{size: size, every: every}
	switch {
	case size <= 0:
		p.faults = errors.New("the time of a window must be positive")
	case every <= 0:
		p.faults = fmt.Errorf("the time from one window to the next must be positive, not %v", every)
	case size > longest:
		p.faults = fmt.Errorf("a window must be no longer than %v", longest)
	case every > size:
		p.faults = errors.New("there are gaps between the windows")
	case size/every > maxOverlap:
		p.faults = fmt.Errorf("an item must be in at most %d windows, not %d", maxOverlap, size/every)
	}
	return p
}

// Session returns the policy of windows that begin with an item and end when no item has come
// for the gap. So a window's End is the time of its last item plus the gap. With an event time,
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

// Window groups items into windows of time.
//
//	in:   --1-2------3--4-------5--|
//	        Tumbling(d)
//	out:  ------[1 2]-----[3 4]----[5]
//	at:   |     d     |     d     |
//
// Without [stages.EventTime] an item is in the windows that are open when it comes, and a window
// leaves when its end has come. With an event time a window leaves when the watermark has
// reached its end. The watermark is the latest time of an item so far, less the lateness. Only
// items advance the watermark: if none come, the last windows stay open, unless
// [stages.Idleness] closes them. An item all of whose windows have left is late. It is dropped,
// as filtered, unless [stages.Late] says otherwise. With [stages.PerKey] each key has its
// windows, and all keys have one watermark.
//
// Windows leave in the order of their ends, and of their starts if the ends are the same. There
// are no empty windows. All open windows leave at the end of the stream, and when the intake has
// stopped, as Partial. If more than [stages.DefaultKept] items are kept, or as many as
// [stages.Capacity] says, the window that would end first leaves as Partial. An item counts once
// for each of its windows.
//
// A window carries the timings of the item that opened it; the others are counted as folded into
// it. An item in several windows is derived into each. It is acknowledged when all of them have
// left the flow.
func Window[T any](p WindowPolicy, opts ...stages.WindowOption) stages.Stage[T, WindowOf[T]] {
	return &windower[T]{p, stages.Apply(opts...)}
}

type windower[T any] struct {
	policy   WindowPolicy
	settings stages.Settings
}

// Describe implements [stages.Describer].
func (s *windower[T]) Describe() string { return s.policy.String() }

// Validate implements [stages.Validator].
func (s *windower[T]) Validate() error {
	_, err := s.functions()
	return errors.Join(checkWindow(s.policy, s.settings), err)
}

func checkWindow(p WindowPolicy, s stages.Settings) error {
	return errors.Join(
		needs(p.size == 0 && p.every == 0 && p.faults == nil, "it has no window policy"), p.faults, s.Validate(),
		needs(s.Lateness > longest, fmt.Sprintf("lateness must be at most %v", longest)),
		needs(s.Idleness != 0 && s.EventTime == nil, "idleness is for windows of event time"))
}

// windowFuncs are the functions about items in the options of a Window. Each may be nil.
type windowFuncs[T any] struct {
	at   func(T) time.Time
	key  typed.KeyOf[T]
	late func(context.Context, T) error
}

func (s *windower[T]) functions() (f windowFuncs[T], err error) {
	var faults [3]error
	f.at, faults[0] = itemFunc[func(T) time.Time]("event time", s.settings.EventTime)
	f.key, faults[1] = keyOf[T](s.settings.Key)
	f.late, faults[2] = itemFunc[func(context.Context, T) error]("late", s.settings.Late)
	return f, errors.Join(faults[:]...)
}

// keyOf returns the key function of an option. Its type must fit the stage's items.
func keyOf[T any](key any) (typed.KeyOf[T], error) {
	k, ok := key.(typed.KeyOf[T])
	if key != nil && !ok {
		return nil, fmt.Errorf("key has a %v, and the items of the stage are of type %v", key, reflect.TypeFor[T]())
	}
	return k, nil
}

func (s *windower[T]) Run(_ context.Context, in *stages.Inlet[T], out *stages.Outlet[WindowOf[T]]) error {
	f, err := s.functions()
	if err != nil {
		return err
	}
	k, o := kernel.Of(in), kernel.OutletOf(out)
	w := newWindows(s.policy, s.settings, k, o)
	if f.at != nil {
		w.at = func(place int) time.Time { return f.at(typed.Values[T](k.B)[place]) }
	}
	if f.key != nil {
		w.keys = f.key.Keys()
	}
	if f.late != nil {
		w.late = func(ctx context.Context, place int) error { return f.late(ctx, typed.Values[T](k.B)[place]) }
	}
	w.hold = func() bag { return &bagOf[T]{} }
	w.send = func(win *window, partial bool) {
		items := win.items.(*bagOf[T])
		k.Node().Waited(&win.lead)
		typed.Send(o, &win.lead, WindowOf[T]{
			Start: time.Unix(0, win.start).UTC(), End: time.Unix(0, win.end).UTC(), Items: items.values, Partial: partial,
		})
		items.values = nil
	}
	w.work()
	return nil
}

// bagOf has the values of a window.
type bagOf[T any] struct{ values []T }

func (b *bagOf[T]) add(src *handoff.Batch, from, to int) {
	b.values = append(b.values, typed.Values[T](src)[from:to]...)
}

func (b *bagOf[T]) merge(o bag) { b.values = append(b.values, o.(*bagOf[T]).values...) }

func (b *bagOf[T]) swap(i, j int) { b.values[i], b.values[j] = b.values[j], b.values[i] }
