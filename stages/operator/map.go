package operator

import (
	"context"
	"errors"
	"fmt"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/turn"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
)

// Map calls f for each item and sends on what it returns, in the order of the items.
//
//	in:   --1----2--3---->
//	f:      x => x*10
//	out:  ---10---20-30-->
//
// An error fails the item, except [stages.ErrDrop], which drops it. A panic fails it with a
// *[stages.PanicError]. With [stages.Workers] f is called from several goroutines. The order is
// kept, within a window of 16 items per worker and at least 64, unless [stages.Unordered] is set.
// With [stages.Hedge] calls that do not answer are made once more.
//
// The next stage can receive a result while f works on the next item, with one exception. If the
// last calls of f took less than 4 µs each, the next results are sent on in groups. Such a group
// takes less than 16 µs; see [stages.Timings]. A call in it that becomes slow delays the results
// before it. So the f of a single worker must not wait for what a stage below does with the item
// before. f is not called any more once the flow is aborted.
func Map[I, O any](f func(context.Context, I) (O, error), opts ...stages.MapOption) stages.Stage[I, O] {
	return &mapper[I, O]{mapping{noCall: f == nil, settings: stages.Apply(opts...)}, f}
}

type mapper[I, O any] struct {
	mapping
	f func(context.Context, I) (O, error)
}

// mapping is what a Map has beside its function. It is not generic, so its methods are compiled
// once and not for each type.
type mapping struct {
	single
	noCall   bool // the function is missing
	settings stages.Settings
}

// Validate implements [stages.Validator].
func (m *mapping) Validate() error { return validCall(m.noCall, m.settings) }

func validCall(none bool, s stages.Settings) error {
	if none {
		return errors.Join(errors.New("function is nil"), s.Validate())
	}
	return s.Validate()
}

// Staff implements [stages.Staffed].
func (m *mapping) Staff() int { return m.settings.Workers }

// Direct reports that callers can make the stage's calls themselves; see flow.Serve.
func (m *mapping) Direct() bool { return true }

// Describe implements [stages.Describer].
func (m *mapping) Describe() string {
	if m.settings.Workers == 1 {
		return ""
	}
	return fmt.Sprintf("%d workers", m.settings.Workers)
}

func (m *mapper[I, O]) Run(_ context.Context, in *stages.Inlet[I], _ *stages.Outlet[O]) error {
	n := kernel.Of(in).Node()
	f, err := typed.Called(n, m.settings.Hedge, m.f)
	if err != nil {
		return err
	}
	return turn.RunOp(n, typed.MapOp(f), m.settings.Workers, m.settings.Unordered, typed.Of[O]())
}
