package operator

import (
	"context"
	"errors"
	"fmt"

	"github.com/weir-go/weir/internal/fault"
	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/turn"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
)

// Lanes is a [Map] that keeps the order of items with equal keys, and works on different keys
// at the same time. [stages.Workers] sets the number of goroutines.
//
//	in:   --a1-a2-b1-------->
//	f:      a1 takes long
//	out:  --------b1--a1-a2->
//
// A key has a lane only while it has items, so idle keys cost nothing. Up to 16 items per
// worker (64 at least) are in lanes. If one key has all of them, items of other keys wait. An
// item that waits for others of its key costs up to 1 µs more. An item that has failed before has
// no key, and passes at once.
//
// A panic of key fails the item. So does a key that cannot be hashed, or one that is not equal
// to itself.
func Lanes[I, O any, K comparable](key func(I) K, f func(context.Context, I) (O, error), opts ...stages.LanesOption) stages.Stage[I, O] {
	return &laner[I, O, K]{key: key, f: f, settings: stages.Apply(opts...)}
}

type laner[I, O any, K comparable] struct {
	single
	key      func(I) K
	f        func(context.Context, I) (O, error)
	settings stages.Settings
}

// Validate implements [stages.Validator].
func (l *laner[I, O, K]) Validate() error {
	return errors.Join(needs(l.key == nil, "key function is nil"), needs(l.f == nil, "function is nil"), l.settings.Validate())
}

// Describe implements [stages.Describer].
func (l *laner[I, O, K]) Describe() string {
	if l.settings.Workers == 1 {
		return "1 worker, in order by key"
	}
	return fmt.Sprintf("%d workers, in order by key", l.settings.Workers)
}

// Staff implements [stages.Staffed].
func (l *laner[I, O, K]) Staff() int { return l.settings.Workers }

func (l *laner[I, O, K]) Run(_ context.Context, in *stages.Inlet[I], _ *stages.Outlet[O]) error {
	n := kernel.Of(in).Node()
	keys := typed.NewDetachedKeys(n, l.key)
	return turn.RunSection(n, turn.SectionOf{
		Op: typed.MapOp(typed.Detached(n, l.f)), Workers: l.settings.Workers, Unordered: true,
		Layers: []turn.Layer{&lanes{keys: keys}}, Capacity: handoff.BatchSize, Results: typed.Of[O](),
	})
}

// lanes is the layer that lets one item of each key go down at a time. Later items of the key wait
// in the layer, in the order in which they came. An item whose deadline passes waits for its turn
// like the others, so that failures of a key also leave in order.
type lanes struct {
	port  *turn.Port
	keys  typed.Keys
	lanes []lane  // by key
	idle  []int32 // keys that had no items left; some have items again
	stays turn.PerFlight[stay]
}

// lane is the items of one key.
type lane struct {
	items      int  // below the layer or waiting
	head, tail int  // slots of the first and the last waiting item; valid if items is more than 1
	idle       bool // it is in lanes.idle
}

// stay is what a lane knows of one item.
type stay struct {
	key  int32
	next int // slot of the next item of the lane
}

// Open implements [turn.Layer].
func (l *lanes) Open(p *turn.Port) (turn.Handler, error) {
	l.port = p
	return l, nil
}

func (l *lanes) Request(f *turn.Flight, items kernel.Mask) {
	l.tidy()
	var down, wait kernel.Mask
	returned := false
	defer func() {
		if !returned { // the key function has ended the goroutine, and so the run
			l.port.Reject(f, kernel.One(items.First()), fault.ErrGoexit)
			l.port.Reject(f, down|wait|items&(items-1), l.port.Run().AbortError())
		}
	}()
	for items != 0 {
		err := l.port.Node().Protect(func() error {
			for ; items != 0; items &= items - 1 {
				place := items.First()
				if alone, err := l.enter(f, place); err != nil {
					return err
				} else if alone {
					down |= kernel.One(place)
				} else {
					wait |= kernel.One(place)
				}
			}
			return nil
		})
		if err != nil {
			l.port.Reject(f, kernel.One(items.First()), err)
			items &= items - 1
		}
	}
	returned = true
	l.port.Down(f, down)
}

// enter adds an item to the lane of its key. It reports whether the item is the only one there.
func (l *lanes) enter(f *turn.Flight, place int) (alone bool, err error) {
	if run := l.port.Run(); run.Aborted() {
		return false, run.AbortError()
	}
	key, err := l.keys.Of(f.In, place)
	if err != nil {
		return false, err
	}
	for int(key) >= len(l.lanes) {
		l.lanes = append(l.lanes, lane{})
	}
	lane, slot := &l.lanes[key], f.Slot(place)
	l.stays.Of(f)[place].key = key
	lane.items++
	switch lane.items {
	case 1:
		return true, nil
	case 2:
		lane.head = slot
	default:
		last, i := l.port.At(lane.tail)
		l.stays.Of(last)[i].next = slot
	}
	lane.tail = slot
	return false, nil
}

func (l *lanes) Response(f *turn.Flight, items kernel.Mask) {
	l.port.Up(f, items)
	if l.port.Over() != nil { // the section has taken out the items that waited
		return
	}
	stays := l.stays.Of(f)
	for ; items != 0; items &= items - 1 {
		l.leave(stays[items.First()].key)
	}
}

// leave removes the first item of a lane. The next one goes down.
func (l *lanes) leave(key int32) {
	lane := &l.lanes[key]
	if lane.items--; lane.items > 0 {
		f, place := l.port.At(lane.head)
		lane.head = l.stays.Of(f)[place].next
		l.port.Down(f, kernel.One(place))
		return
	}
	if !lane.idle {
		lane.idle = true
		l.idle = append(l.idle, key)
	}
}

// mostIdle is how many keys without items keep their numbers: such keys often come back soon.
const mostIdle = 2 * handoff.BatchSize

// tidy forgets the keys without items if there are many.
func (l *lanes) tidy() {
	if len(l.idle) < mostIdle {
		return
	}
	for _, key := range l.idle {
		lane := &l.lanes[key]
		lane.idle = false
		if lane.items == 0 {
			l.keys.Forget(key)
		}
	}
	l.idle = l.idle[:0]
}
