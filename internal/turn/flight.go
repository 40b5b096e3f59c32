package turn

import (
	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/lineage"
)

// Flight is up to 64 items inside a section, in the order in which they came: a batch, and
// what the section knows of its items. What happens to neighbours happens by one call, with
// a mask. What happens to one item happens with a mask of one bit, in the same code.
type Flight struct {
	In, Out  *handoff.Batch           // what has come, and what the calls returned
	Err      [handoff.BatchSize]error // of an item on its way up
	Attempts [handoff.BatchSize]int32
	work     [handoff.BatchSize]int64 // nanoseconds in calls

	index uint32 // among the section's

	// Owner: the turn.
	moves   [handoff.BatchSize]uint32         // counts stays: what was meant for an earlier stay is void
	reach   int                               // places up to here have had items
	fresh   kernel.Mask                       // what the handler at work has not sent on yet
	kept    []kernel.Mask                     // what a layer holds, by layer
	lanes   []kernel.Mask                     // what is on its way, by lane
	done    kernel.Mask                       // has left the outermost layer
	ready   int                               // how many of the first places the exit has got
	passed  kernel.Mask                       // had failed before it came
	dropped kernel.Mask                       // was dropped on purpose
	limited kernel.Mask                       // has limits
	limits  *[handoff.BatchSize]lineage.Limit // of the items in limited; nil until one has some
	watches *[handoff.BatchSize]func()
	alarms  *[handoff.BatchSize]int64 // when the clock looks for a deadline; 0 for never
	visited kernel.Mask               // is a caller's

	visits *[handoff.BatchSize]visit       // of callers; nil until there was one
	calls  *[handoff.BatchSize]kernel.Call // as hooks see them; nil if there are none

	free kernel.Mask // Places that a new item can have. Guarded by: the desk, and the turn while callers come to the flight
	sent kernel.Mask // Owner: the exit, in an ordered section
	idle bool        // Guarded by: the desk. The flight is among those with free places
}

// PerFlight is what a layer knows of the items, by flight and place. It grows with what is
// in flight.
type PerFlight[T any] [][]T

// Of returns the places of f that items have had. They move when there are more: a pointer to
// one of them is good for one call of the layer.
func (p *PerFlight[T]) Of(f *Flight) []T {
	for len(*p) <= int(f.index) {
		*p = append(*p, nil)
	}
	known := (*p)[f.index]
	if len(known) < f.reach {
		places := max(len(known), handoff.BatchSize/8)
		for places < f.reach {
			places *= 2
		}
		known = append(make([]T, 0, places), known...)[:places]
		(*p)[f.index] = known
	}
	return known
}

// Slot returns the number of a place, which no other item in the section has.
func (f *Flight) Slot(place int) int { return int(f.index)*handoff.BatchSize + place }

// Fail sets the error of items on their way up.
func (f *Flight) Fail(m kernel.Mask, err error) {
	for ; m != 0; m &= m - 1 {
		f.Err[m.First()] = err
	}
}

// unlimited is the limit of an item that has none.
var unlimited lineage.Limit

// Limit returns what ends the work on an item, until [Flight.SetLimit]. It must not be changed.
func (f *Flight) Limit(place int) *lineage.Limit {
	if f.limited&kernel.One(place) == 0 {
		return &unlimited
	}
	return &f.limits[place]
}

// SetLimit sets what ends the work on an item below the layer.
func (f *Flight) SetLimit(place int, l lineage.Limit) {
	if !l.Bounded() {
		f.limited &^= kernel.One(place)
		return
	}
	if f.limits == nil {
		f.limits = new([handoff.BatchSize]lineage.Limit)
	}
	f.limits[place] = l
	f.limited |= kernel.One(place)
}

// Limited returns which items of m have limits.
func (f *Flight) Limited(m kernel.Mask) kernel.Mask { return m & f.limited }

// Undrop makes an item that the call dropped one with a result or an error.
func (f *Flight) Undrop(place int) { f.dropped &^= kernel.One(place) }

// Dropped returns which items of m were dropped by the call.
func (f *Flight) Dropped(m kernel.Mask) kernel.Mask { return m & f.dropped }

// admit sets what the section knows of items that have come.
func (f *Flight) admit(at, to int) {
	m := kernel.Span(at, to)
	f.reach = max(f.reach, to)
	f.done, f.passed, f.dropped, f.limited = f.done&^m, f.passed&^m, f.dropped&^m, f.limited&^m
	if f.In.Has(handoff.HasLimit) {
		for i := at; i < to; i++ {
			f.SetLimit(i, f.In.Trail(i).Limit())
		}
	}
}

// forget clears places whose items have left.
func (f *Flight) forget(from, to int) {
	f.In.Vals.Clear(from, to)
	f.Out.Vals.Clear(from, to)
	clear(f.Err[from:to])
	clear(f.Attempts[from:to])
	clear(f.work[from:to])
	if f.In.Has(handoff.HasFault) {
		clear(f.In.Faults[from:to])
	}
}
