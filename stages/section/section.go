package section

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/turn"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
)

// DefaultCapacity is how many items a section holds at most if no guard is its outermost layer.
const DefaultCapacity = turn.DefaultSeats

// Map is a call with layers around it, outermost first, as one stage. The layers limit, share,
// reject and retry the calls.
//
// A section holds at most the capacity of its outermost guard, or [DefaultCapacity]. A request
// or response passes all layers in one goroutine. The goroutine of the stage takes requests
// down, and a worker that has finished a call takes the response up. So there is no goroutine
// and no channel between layers, a layer never blocks, and a section cannot deadlock.
//
// An item that waits in a layer leaves at once when its deadline passes or its caller goes. That
// is an item that waits for a permit, the rate, the breaker, its next try or the answer of
// another item. If it waits for a worker, it leaves when a worker is free.
//
// Items leave in the order in which they came. An item that waits for its next try therefore
// holds up the items behind it once the section is full of finished items. With
// [stages.Unordered] it holds up no other item.
//
// The timing of a section is one entry. Its work is the work of all attempts. Everything else,
// such as permits and back-offs, is its wait. An item that a layer answered has no attempts and
// no work.
func Map[I, O any](layers []Layer, f func(context.Context, I) (O, error), opts ...stages.MapOption) stages.Stage[I, O] {
	return &section[I, O, O]{layers: layers, f: f, settings: stages.Apply(opts...)}
}

// Enrich is a [Map] that sends on what join makes of each item and the result of f for it. Equal
// items can share a call and its result; join combines the result with each item:
//
//	in:   --a1----a2------>     a1 and a2 are equal to the deduplicator
//	f:      a => A              called once
//	out:  --a1+A--a2+A---->
//
// join is called in the order of the items, one at a time, and should be quick.
func Enrich[I, O, P any](layers []Layer, f func(context.Context, I) (O, error), join func(I, O) P, opts ...stages.MapOption) stages.Stage[I, P] {
	return &section[I, O, P]{layers, f, stages.Apply(opts...), true, join == nil, func(run *kernel.Run) turn.Join {
		return &joiner[I, O, P]{run, join}
	}}
}

type section[I, O, P any] struct {
	layers   []Layer
	f        func(context.Context, I) (O, error)
	settings stages.Settings
	joins    bool
	noJoin   bool // a join function is missing
	join     func(*kernel.Run) turn.Join
}

// Validate implements [stages.Validator].
func (s *section[I, O, P]) Validate() error {
	return check(s.layers, reflect.TypeFor[I](), s.settings, s.f == nil, s.noJoin)
}

func check(layers []Layer, items reflect.Type, settings stages.Settings, noCall, noJoin bool) error {
	faults := []error{settings.Validate()}
	if noCall {
		faults = append(faults, errors.New("function is nil"))
	}
	if noJoin {
		faults = append(faults, errors.New("join function is nil"))
	}
	for i, l := range layers {
		if err := l.validate(items, layers[:i]); err != nil {
			faults = append(faults, fmt.Errorf("layer %d: %w", i+1, err))
		}
	}
	return errors.Join(faults...)
}

// Holds implements [stages.Holder]: no item waits for others.
func (s *section[I, O, P]) Holds() int { return 1 }

// Staff implements [stages.Staffed].
func (s *section[I, O, P]) Staff() int { return s.settings.Workers }

// Direct reports that callers can take their items through the section themselves; see flow.Serve.
func (s *section[I, O, P]) Direct() bool { return !s.joins }

// Describe implements [stages.Describer].
func (s *section[I, O, P]) Describe() string { return describe(s.layers, s.settings) }

// Shared is a deduplicator that several sections use, with the type of the results of one of
// them. A graph in which these types differ is not valid.
type Shared struct {
	Dedup  any
	Result reflect.Type
}

// SharedAnswers returns the deduplicators of the section that other sections may also use.
func (s *section[I, O, P]) SharedAnswers() []Shared { return shared(s.layers, reflect.TypeFor[O]()) }

func shared(layers []Layer, result reflect.Type) (all []Shared) {
	for _, l := range layers {
		if l.keeps && l.shared != nil {
			all = append(all, Shared{l.shared, result})
		}
	}
	return all
}

func (s *section[I, O, P]) Run(_ context.Context, in *stages.Inlet[I], _ *stages.Outlet[P]) error {
	n := kernel.Of(in).Node()
	f, err := typed.Called(n, s.settings.Hedge, s.f)
	if err != nil {
		return err
	}
	of := turn.SectionOf{Op: typed.MapOp(f), Results: typed.Of[O]()}
	if s.joins {
		of.Join = s.join(n.Run())
	}
	return run(n, of, s.layers, s.settings)
}

// run runs a section. It is not generic, so that sections compile fast.
func run(n *kernel.Node, of turn.SectionOf, layers []Layer, s stages.Settings) error {
	of.Workers, of.Unordered = s.Workers, s.Unordered
	for _, l := range layers {
		of.Layers = append(of.Layers, l.layer())
	}
	return turn.RunSection(n, of)
}

// joiner makes the items that leave a section from the items that came and their results.
type joiner[I, O, P any] struct {
	run  *kernel.Run
	join func(I, O) P
}

// Join implements [turn.Join].
func (j *joiner[I, O, P]) Join(f *turn.Flight, from, to int, dst *handoff.Batch, at int, done *int) {
	in, out, joined := typed.Values[I](f.In), typed.Values[O](f.Out), typed.Values[P](dst)
	for i := from; i < to && !j.run.Aborted(); i++ {
		joined[at+i-from] = j.join(in[i], out[i])
		*done++
	}
}
