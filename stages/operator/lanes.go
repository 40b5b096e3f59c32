package operator

import (
	"context"
	"errors"
	"fmt"

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
	return &laner[I, O, K]{key, f, stages.Apply(opts...)}
}

type laner[I, O any, K comparable] struct {
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
