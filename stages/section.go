package stages

import (
	"context"
	"errors"
	"fmt"

	"github.com/sourcegraph/conc"

	"github.com/weir-go/weir/primitives/guard"
)

// DefaultCapacity is how many items a section holds at most where no guard is
// its outermost layer.
const DefaultCapacity = 1024

// Section is a call with layers around it, outermost first, as one stage: a
// [Map] whose calls are limited, shared, stopped and tried again on their way.
//
//	in --> [guard] --> [dedup] --> [breaker] --> [retry] --> f (workers)
//	out <--[guard] <-- [dedup] <-- [breaker] <-- [retry] <--/
//
// Each layer is a goroutine; requests go down through it and responses come
// back up. A section holds at most the capacity of its outermost guard, or
// [DefaultCapacity], which also bounds every channel inside, so no layer ever
// blocks and a section cannot deadlock.
//
// Where the calls have taken less than an eighth of a microsecond of late, and the layers
// are no others than an outermost guard, a deduplicator of the section's own, breakers
// and retries, the goroutine that takes the items in does all of that itself, as handing
// over would cost more. A call that turns slow then holds up the intake until it returns: the
// section risks that the less, the more often it has happened, and not at all where its
// guard sheds.
//
// An item whose deadline passes, or whose caller goes, leaves at once where it waits
// for a permit, for the rate, for the breaker, for its next try or for the answer of
// another; where it waits for a worker, it leaves when one is free.
//
// Items leave in the order they came, unless [Unordered] is set: then an item
// that waits for its next try holds up no other. With the order kept it does,
// once the section is full of items done behind it.
//
// The timing of a section is one entry: the work of all attempts, and as wait
// everything else, such as slots and back-offs. An item that a layer answered
// has no attempts and no work.
func Section[I, O any](layers []Layer[I], f func(context.Context, I) (O, error), opts ...Option) Stage[I, O] {
	return &section[I, O, O]{layers: layers, f: f, Settings: Apply(opts...)}
}

// Enrich is a [Section] that sends on what join makes of each item and the
// result of f for it. Where equal items share a call, they share its result;
// join gives each of them its own again:
//
//	in:   --a1----a2------>     a1 and a2 are equal to the deduplicator
//	f:      a => A              called once
//	out:  --a1+A--a2+A---->
//
// join is called in the order of the items, one at a time, and should be quick.
func Enrich[I, O, P any](layers []Layer[I], f func(context.Context, I) (O, error), join func(I, O) P, opts ...Option) Stage[I, P] {
	s := &section[I, O, P]{layers: layers, f: f, join: join, Settings: Apply(opts...)}
	if join == nil {
		s.faults = append(s.faults, errors.New("join function is nil"))
	}
	return s
}

// topBound is how many exchanges may queue for the first layer.
const topBound = 4 * batchSize

type section[I, O, P any] struct {
	layers []Layer[I]
	f      func(context.Context, I) (O, error)
	join   func(I, O) P // nil where P is O
	Settings
}

// Validate implements [Validator], for the layers too.
func (s *section[I, O, P]) Validate() error {
	faults := []error{s.Settings.Validate(), needs(s.f == nil, "function is nil")}
	for i, l := range s.layers {
		if l == nil {
			faults = append(faults, fmt.Errorf("layer %d is nil", i+1))
		} else if v, ok := l.(Validator); ok {
			faults = append(faults, v.Validate())
		}
	}
	return errors.Join(faults...)
}

// Staff implements [Staffed].
func (s *section[I, O, P]) Staff() int { return s.Workers }

func (s *section[I, O, P]) Run(_ context.Context, in *Inlet[I], out *Outlet[P]) error {
	g, layers, err := newGate(s, in, out)
	if err != nil {
		return err
	}
	floors, bottom, err := s.build(g, layers)
	if err != nil {
		return err
	}
	var wg conc.WaitGroup
	wg.Go(g.enter)
	for _, f := range floors {
		wg.Go(f.run)
	}
	wg.Go(func() { bottom.run(s.Workers) })
	defer func() { // also where join ends the goroutine
		closeEdge(g.top)
		wg.Wait()
	}()
	return outlive(in.node, func() error {
		g.leave() // returns when all exchanges are back
		return nil
	})
}

// newInner returns an edge of a section, which can hold every exchange twice: one
// may be sent again while the batch it came in is still at hand. What passes here is
// small, and the batches are larger than elsewhere, but not so few that the layers
// would work by turns.
func newInner[I any](capacity int) *edge[*Exchange[I]] {
	return newEdgeOf[*Exchange[I]](2*capacity+batchSize, min(2*batchSize, max(batchSize, capacity/8)))
}

// build opens the layers and joins them.
func (s *section[I, O, P]) build(g *gate[I, O, P], layers []Layer[I]) ([]*floor[I], *callStage[I, O], error) {
	f, err := hedged(s.Hedge, g.in.node, detached(g.in.rt, g.in.node, s.f))
	if err != nil {
		return nil, nil, err
	}
	down, up := newInner[I](g.capacity), g.back
	if len(layers) > 0 {
		// The entrance waits for the first layer, which never blocks: what would
		// queue here is cold by the time its turn comes.
		down = newEdge[*Exchange[I]](min(topBound, 2*g.capacity+batchSize))
	}
	g.top = down
	var floors []*floor[I]
	for _, l := range layers {
		p := &Port[I]{
			rt: g.in.rt, node: g.in.node, capacity: g.capacity,
			answers:  func() answers[I] { return &blocks[I, O]{} },
			requests: down, responses: newInner[I](g.capacity), resumed: newInner[I](g.capacity), below: newInner[I](g.capacity), above: up,
			held: make([]*Exchange[I], g.capacity), timer: newStoppedTimer(),
		}
		h, err := l.Open(p)
		if err != nil {
			for _, f := range floors {
				f.close()
			}
			return nil, nil, err
		}
		if o, ok := h.(Observer); ok {
			g.in.node.observe(o.Observe)
		}
		if _, ok := h.(leaver[I]); ok {
			p.left, p.watches = newInner[I](g.capacity), make([]func(), g.capacity)
		}
		bulk, _ := h.(bulkHandler[I])
		floors = append(floors, &floor[I]{Port: p, handler: h, bulk: bulk, calls: &g.calls})
		down, up = p.below, p.responses
	}
	g.floors, g.bottom = floors, newCallStage(g.in.rt, g.in.node, f, down, up)
	// A call that is left behind must not be the entrance's; and one that is to shed has to
	// be there whatever becomes of a call, or of a stage below.
	g.carries = g.in.rt.abandoned == nil && !g.sheds()
	for _, f := range floors {
		g.carries = g.carries && f.bulk != nil
	}
	return floors, g.bottom, nil
}

// newGate makes the gate, of the outermost guard where there is one.
func newGate[I, O, P any](s *section[I, O, P], in *Inlet[I], out *Outlet[P]) (*gate[I, O, P], []Layer[I], error) {
	g := &gate[I, O, P]{in: in, out: out, join: s.join, capacity: DefaultCapacity, ordered: !s.Unordered}
	layers := s.layers
	if len(layers) > 0 {
		if outer, ok := layers[0].(*guardLayer[I]); ok {
			var err error
			if g.guard, err = outer.source.Guard(); err != nil {
				return nil, nil, err
			}
			g.capacity = g.guard.MaxCapacity()
			_, g.shared = outer.source.(*guard.Guard)
			g.shared = g.shared || g.capacity > g.guard.Capacity()
			g.private = !g.shared && !g.guard.Sheds()
			in.node.observe(func() any { return g.guard.Snapshot() })
			layers = layers[1:]
		}
	}
	g.init()
	return g, layers, nil
}
