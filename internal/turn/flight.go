package turn

import (
	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/lineage"
)

// Flight is up to 64 items inside a section, in the order in which they came. It has a batch, and
// the state of its items in the section. Adjacent items move together, as a mask. A single item
// moves as a mask of one bit, through the same code.
type Flight struct {
	In, Out  *handoff.Batch           // the items, and the results of the calls
	Err      [handoff.BatchSize]error // errors of items on their way up
	Attempts [handoff.BatchSize]int32
	work     [handoff.BatchSize]int64 // nanoseconds of the calls

	index uint32 // in Section.flights

	// Owner: the turn.
	moves   [handoff.BatchSize]uint32         // counts the stays of items in layers; a Ref or an alarm of an earlier stay is ignored
	reach   int                               // number of places, from the first, that were ever used
	fresh   kernel.Mask                       // items that the running handler has not sent on yet
	kept    []kernel.Mask                     // items that a layer holds, by layer
	lanes   []kernel.Mask                     // items that move, by lane
	done    kernel.Mask                       // items that have left the outermost layer
	ready   int                               // number of places, from the first, that the exit has
	passed  kernel.Mask                       // items that failed before they came
	dropped kernel.Mask                       // items that were dropped on purpose
	limited kernel.Mask                       // items that have limits
	limits  *[handoff.BatchSize]lineage.Limit // limits of the items in limited; nil until there are some
	watches *[handoff.BatchSize]func()
	alarms  *[handoff.BatchSize]int64 // time at which the clock checks a deadline; 0 for never
	visited kernel.Mask               // items of callers

	visits *[handoff.BatchSize]visit       // visits of callers; nil until there was one
	calls  *[handoff.BatchSize]kernel.Call // as hooks see them; nil if there are none

	free kernel.Mask // places without an item. Guarded by: mu; by the turn while callers come to the flight
	sent kernel.Mask // Owner: the exit, in an ordered section
	idle bool        // the flight is in Section.idle. Guarded by: mu
}

// PerFlight is the state that a layer keeps for items, by flight and place. It grows with the
// number of items in the section.
type PerFlight[T any] [][]T

// Of returns the state of the used places of f. The slice moves when it grows: a pointer into it is
// valid during one call of the layer.
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

// Slot returns a number for a place that no other item in the section has.
func (f *Flight) Slot(place int) int { return int(f.index)*handoff.BatchSize + place }

// Fail sets the error of items on their way up.
func (f *Flight) Fail(m kernel.Mask, err error) {
	for ; m != 0; m &= m - 1 {
		f.Err[m.First()] = err
	}
}

// unlimited is the limit of an item that has none.
var unlimited lineage.Limit

// Limit returns what ends the work on an item. It is valid until [Flight.SetLimit]. It must not be
// changed.
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

// Undrop says that an item that the call dropped has a result or an error after all.
func (f *Flight) Undrop(place int) { f.dropped &^= kernel.One(place) }

// Dropped returns which items of m were dropped by the call.
func (f *Flight) Dropped(m kernel.Mask) kernel.Mask { return m & f.dropped }

// admit sets the state of items that have come.
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
