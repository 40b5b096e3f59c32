package flow

import (
	"fmt"
	"time"

	"github.com/weir-go/weir/stages"
)

// Split joins on any stage with n outlets, and returns a stream for each. The
// methods of [Stream] that do so do no more than this.
func Split[T any](s *Stream[T], name string, n int, stage stages.FanOut[T], opts ...Option) []*Stream[T] {
	return split(s, name, n, stage, append(opts, Name(name)))
}

func split[T any](s *Stream[T], kind string, n int, stage stages.FanOut[T], opts []Option) []*Stream[T] {
	settings := stages.Apply(opts...)
	g := s.graph.root()
	node := g.add(kind, stage, settings)
	from := lead(s, node, settings)
	if n < 1 {
		node.fault = both(node.fault, fmt.Errorf("it must have at least 1 branch, not %d", n))
		return nil
	}
	var wires []*wire // not the streams, whose slice is the caller's to change
	var branches []*Stream[T]
	for range n {
		w := newWire[T](g, node)
		wires = append(wires, w)
		branches = append(branches, &Stream[T]{graph: g, wire: w})
	}
	node.start = func(r *Run) func() {
		in := inletOf[T](r, from)
		var outs []*stages.Outlet[T]
		for _, w := range wires {
			outs = append(outs, outletOf[T](r, w))
		}
		return func() { stages.RunFanOut(stage, in, outs) }
	}
	return branches
}

// Gather joins any stage with several inlets onto the streams, which become
// parts of one graph. The methods of [Stream] that do so do no more than this.
func Gather[T, U any](name string, stage stages.FanIn[T, U], streams []*Stream[T], opts ...Option) *Stream[U] {
	return gather(name, stage, streams, append(opts, Name(name)))
}

func gather[T, U any](kind string, stage stages.FanIn[T, U], streams []*Stream[T], opts []Option) *Stream[U] {
	settings := stages.Apply(opts...)
	g := New()
	if len(streams) > 0 {
		g = streams[0].graph.root()
	}
	for _, s := range streams {
		g.absorb(s.graph.root())
	}
	node := g.add(kind, stage, settings)
	if len(streams) == 0 {
		node.fault = both(node.fault, fmt.Errorf("it has no inputs"))
	}
	node.turns = takesTurns(stage)
	var wires []*wire
	for _, s := range streams {
		wires = append(wires, lead(s, node, settings))
	}
	next := &Stream[U]{graph: g, wire: newWire[U](g, node)}
	node.start = func(r *Run) func() {
		var ins []*stages.Inlet[T]
		for _, w := range wires {
			ins = append(ins, inletOf[T](r, w))
		}
		out := outletOf[U](r, next.wire)
		return func() { stages.RunFanIn(stage, ins, out) }
	}
	return next
}

func takesTurns(stage any) bool {
	t, ok := stage.(stages.TurnTaker)
	return ok && t.TakesTurns()
}

// Pair joins any stage with two inlets of different types onto the streams,
// which become parts of one graph. The methods of [Stream] that do so do no
// more than this.
func Pair[A, B, U any](name string, stage stages.Pairing[A, B, U], a *Stream[A], b *Stream[B], opts ...Option) *Stream[U] {
	return pair(name, stage, a, b, append(opts, Name(name)))
}

func pair[A, B, U any](kind string, stage stages.Pairing[A, B, U], a *Stream[A], b *Stream[B], opts []Option) *Stream[U] {
	settings := stages.Apply(opts...)
	g := a.graph.root()
	g.absorb(b.graph.root())
	node := g.add(kind, stage, settings)
	node.turns, node.pairs = takesTurns(stage), takesPairs(stage)
	first, second := lead(a, node, settings), lead(b, node, settings)
	next := &Stream[U]{graph: g, wire: newWire[U](g, node)}
	node.start = func(r *Run) func() {
		left, right, out := inletOf[A](r, first), inletOf[B](r, second), outletOf[U](r, next.wire)
		return func() { stages.RunPairing(stage, left, right, out) }
	}
	return next
}

// Broadcast sends each item to n streams; see [stages.Broadcast]. It is named
// "broadcast" unless [Name] is set.
func (s *Stream[T]) Broadcast(n int, opts ...Option) []*Stream[T] {
	return split(s, "broadcast", n, stages.Broadcast[T](), opts)
}

// Balance sends each item to the one of n streams that has most room; see
// [stages.Balance]. It is named "balance" unless [Name] is set.
func (s *Stream[T]) Balance(n int, opts ...Option) []*Stream[T] {
	return split(s, "balance", n, stages.Balance[T](), opts)
}

// Partition sends each item to the one of n streams whose number lane returns;
// see [stages.Partition], and [stages.ByKey] for a lane of each key. It is named
// "partition" unless [Name] is set.
func (s *Stream[T]) Partition(n int, lane func(T) int, opts ...Option) []*Stream[T] {
	return split(s, "partition", n, stages.Partition(lane), opts)
}

// Tee sends each item to a sink, too, and returns the stream that goes on. The
// sink is named "tee" unless [Name] is set. A slow sink slows the stream down.
func (s *Stream[T]) Tee(sink stages.Sink[T], opts ...Option) *Stream[T] {
	branches := s.Broadcast(2)
	settings := stages.Apply(opts...)
	if settings.Name == "" {
		opts = append(opts, Name(s.graph.root().free("tee")))
	}
	branches[1].To(sink, opts...)
	return branches[0]
}

// Merge returns the stream of the items of s and the others as they come; see
// [stages.Merge]. It is for streams of any graphs, which become one.
func (s *Stream[T]) Merge(others ...*Stream[T]) *Stream[T] {
	return gather("merge", stages.Merge[T](), append([]*Stream[T]{s}, others...), nil)
}

// Concat returns the stream of the items of s and then those of the others, one
// stream after the other; see [stages.Concat].
func (s *Stream[T]) Concat(others ...*Stream[T]) *Stream[T] {
	return gather("concat", stages.Concat[T](), append([]*Stream[T]{s}, others...), nil)
}

// Zip joins the items of s and other, the first with the first and so on; see
// [stages.Zip]. It is named "zip" unless [Name] is set.
func (s *Stream[T]) Zip[U, V any](other *Stream[U], join func(T, U) V, opts ...Option) *Stream[V] {
	return pair("zip", stages.Zip(join), s, other, opts)
}

// Join joins the items of s and other that have the same key and arrive less
// than d apart; see [stages.Join]. It is named "join" unless [Name] is set.
func (s *Stream[T]) Join[U any, K comparable, V any](other *Stream[U], d time.Duration, key func(T) K, otherKey func(U) K, join func(T, U) V, opts ...Option) *Stream[V] {
	return pair("join", stages.Join(d, key, otherKey, join), s, other, opts)
}
