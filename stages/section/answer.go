package section

import (
	"reflect"

	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/turn"
)

// Answer is the result of a call, kept to be given to others. A deduplicator that is shared by
// sections holds values of this type: *[github.com/weir-go/weir/primitives/dedup.Dedup][K, Answer].
// All these sections must have calls that return the same type.
type Answer struct {
	column handoff.Column
	place  int
}

// fits reports whether the answer has the type of the results of f.
func (a Answer) fits(f *turn.Flight) bool {
	return reflect.TypeOf(a.column) == reflect.TypeOf(f.Out.Vals)
}

// answers keeps results for other items. It has columns of its own, because the columns of a flight
// are reused.
type answers struct {
	port   *turn.Port
	column handoff.Column
	used   int // used places of column
}

// keep stores the results of adjacent items, and writes their answers to into.
func (a *answers) keep(f *turn.Flight, from, to int, into []Answer) {
	for i := 0; from < to; {
		if a.column == nil || a.used == answerBlock {
			a.column, a.used = a.port.Out(answerBlock), 0
		}
		k := min(to-from, answerBlock-a.used)
		f.Out.Vals.CopyTo(a.column, a.used, from, from+k)
		for range k {
			into[i] = Answer{a.column, a.used}
			i++
			a.used++
		}
		from += k
	}
}

// answerBlock is the number of results that share an allocation. Results are kept and dropped in
// about the same order. So a block seldom keeps them much longer than needed.
const answerBlock = 16

// give makes an answer the result of an item. It returns false if it has another type.
func (a Answer) give(f *turn.Flight, place int) bool {
	if !a.fits(f) {
		return false
	}
	a.column.CopyTo(f.Out.Vals, place, a.place, a.place+1)
	f.Err[place] = nil
	return true
}

// Result returns the result, and whether it is an O. It is for functions that are given an
// answer, such as those that weigh or copy what a deduplicator keeps.
func (a Answer) Result[O any]() (O, bool) {
	if a.column == nil {
		var none O
		return none, false
	}
	o, ok := a.column.Value(a.place).(O)
	return o, ok
}
