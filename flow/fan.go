package flow

import (
	"context"
	"time"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
)

// Split adds any stage with n outlets, and returns a stream for each. The methods of
// [Stream] that do so do the same.
func Split[T any](s *Stream[T], name string, n int, stage stages.FanOut[T], opts ...stages.StageOption) []*Stream[T] {
	return splitInto(s, name, n, stage, named(name, opts))
}

func splitInto[T any](s *Stream[T], kind string, n int, stage stages.FanOut[T], settings stages.Settings) []*Stream[T] {
	g, node := meet(kind, stage, settings, inputOf(s))
	if n < 1 {
		node.fault("it must have at least 1 branch, not %d", n)
		return nil
	}
	branches := make([]*Stream[T], n)
	for i := range branches {
		branches[i] = newStream[T](g, node)
	}
	node.run = func(ctx context.Context, ins []*kernel.Inlet, outs []*kernel.Outlet) error {
		all := make([]*stages.Outlet[T], len(outs))
		for i, out := range outs {
			all[i] = outletOf[T](out)
		}
		return stage.Run(ctx, inletOf[T](ins[0]), all)
	}
	return branches
}

// Gather adds any stage with several inlets behind the streams, which become parts of one
// graph. The methods of [Stream] that do so do the same.
func Gather[T, U any](name string, stage stages.FanIn[T, U], streams []*Stream[T], opts ...stages.StageOption) *Stream[U] {
	return gather(name, stage, streams, named(name, opts))
}

func gather[T, U any](kind string, stage stages.FanIn[T, U], streams []*Stream[T], settings stages.Settings) *Stream[U] {
	inputs := make([]input, len(streams))
	for i, s := range streams {
		inputs[i] = inputOf(s)
	}
	g, node := meet(kind, stage, settings, inputs...)
	node.run = func(ctx context.Context, ins []*kernel.Inlet, outs []*kernel.Outlet) error {
		all := make([]*stages.Inlet[T], len(ins))
		for i, in := range ins {
			all[i] = inletOf[T](in)
		}
		return stage.Run(ctx, all, outletOf[U](outs[0]))
	}
	return newStream[U](g, node)
}

// Pair adds any stage with two inlets of different types behind the streams, which become
// parts of one graph. The methods of [Stream] that do so do the same.
func Pair[A, B, U any](name string, stage stages.Pairing[A, B, U], a *Stream[A], b *Stream[B], opts ...stages.StageOption) *Stream[U] {
	return pair(name, stage, a, b, named(name, opts))
}

func pair[A, B, U any](kind string, stage stages.Pairing[A, B, U], a *Stream[A], b *Stream[B], settings stages.Settings) *Stream[U] {
	g, node := meet(kind, stage, settings, inputOf(a), inputOf(b))
	node.pairing = true
	node.run = func(ctx context.Context, ins []*kernel.Inlet, outs []*kernel.Outlet) error {
		return stage.Run(ctx, inletOf[A](ins[0]), inletOf[B](ins[1]), outletOf[U](outs[0]))
	}
	return newStream[U](g, node)
}

// input is where a stream comes from. It is zero for a nil stream.
type input struct {
	graph *Graph
	wire  *wire
}

func inputOf[T any](s *Stream[T]) input {
	if s == nil {
		return input{}
	}
	return input{s.graph, s.wire}
}

// meet merges the graphs of the inputs, and adds a node that receives all inputs.
func meet(kind string, stage any, settings stages.Settings, inputs ...input) (*Graph, *node) {
	g, missing := New(), 0
	for _, in := range inputs {
		if in.graph == nil {
			missing++
			continue
		}
		root := in.graph.root()
		if len(g.nodes) == 0 {
			g = root
		}
		g.absorb(root)
	}
	node := g.add(kind, stage, settings)
	switch {
	case len(inputs) == 0:
		node.fault("it has no inputs")
	case missing == 1 && len(inputs) == 1:
		node.fault("its input is nil")
	case missing == 1:
		node.fault("1 of its %d inputs is nil", len(inputs))
	case missing > 1:
		node.fault("%d of its %d inputs are nil", missing, len(inputs))
	}
	for _, in := range inputs {
		if in.wire != nil {
			g.lead(in.wire, node, settings)
		}
	}
	return g, node
}

// pinned returns streams as the type that stands for *Stream[T].
func pinned[T any, S StreamOf[T]](streams []*Stream[T]) (all []S) {
	for _, s := range streams {
		all = append(all, s)
	}
	return all
}

// Broadcast sends each item to n streams; see [operator.Broadcast]. It is named "broadcast"
// unless [stages.Name] is set.
func (s *Stream[T]) Broadcast[S StreamOf[T]](n int, opts ...stages.StageOption) []S {
	return pinned[T, S](splitInto(s, "broadcast", n, operator.Broadcast[T](), stages.Apply(opts...)))
}

// Balance sends each item to the one of n streams that has most room; see
// [operator.Balance]. It is named "balance" unless [stages.Name] is set.
func (s *Stream[T]) Balance[S StreamOf[T]](n int, opts ...stages.StageOption) []S {
	return pinned[T, S](splitInto(s, "balance", n, operator.Balance[T](), stages.Apply(opts...)))
}

// Partition sends each item to the one of n streams whose number lane returns; see
// [operator.Partition], and [operator.ByKey] for a lane of each key. It is named
// "partition" unless [stages.Name] is set.
func (s *Stream[T]) Partition[S StreamOf[T]](n int, lane func(T) int, opts ...stages.StageOption) []S {
	return pinned[T, S](splitInto(s, "partition", n, operator.Partition(lane), stages.Apply(opts...)))
}

// Tee also sends each item to a sink, and returns the stream of the items. The sink is
// named "tee" unless [stages.Name] is set. A slow sink slows the stream down.
func (s *Stream[T]) Tee[S StreamOf[T]](sink stages.Sink[T], opts ...stages.StageOption) S {
	branches := splitInto(s, "broadcast", 2, operator.Broadcast[T](), stages.Settings{Workers: 1})
	to(branches[1], "tee", sink, stages.Apply(opts...))
	return branches[0]
}

// Merge returns the stream of the items of s and the others as they come; see
// [operator.Merge]. The streams can be of any graphs, which become one.
func (s *Stream[T]) Merge[S StreamOf[T]](others ...*Stream[T]) S {
	return gather("merge", operator.Merge[T](), append([]*Stream[T]{s}, others...), stages.Settings{Workers: 1})
}

// Concat returns the stream of the items of s and then those of the others, one stream
// after the other; see [operator.Concat].
func (s *Stream[T]) Concat[S StreamOf[T]](others ...*Stream[T]) S {
	return gather("concat", operator.Concat[T](), append([]*Stream[T]{s}, others...), stages.Settings{Workers: 1})
}

// Zip joins the items of s and other, the first with the first and so on; see
// [operator.Zip]. It is named "zip" unless [stages.Name] is set.
func (s *Stream[T]) Zip[U, V any](other *Stream[U], join func(T, U) V, opts ...stages.StageOption) *Stream[V] {
	return pair("zip", operator.Zip(join), s, other, stages.Apply(opts...))
}

// Join joins the items of s and other that have the same key and arrive less than d apart;
// see [operator.Join]. It is named "join" unless [stages.Name] is set.
func (s *Stream[T]) Join[U any, K comparable, V any](other *Stream[U], d time.Duration, key func(T) K, otherKey func(U) K, join func(T, U) V, opts ...stages.StageOption) *Stream[V] {
	return pair("join", operator.Join(d, key, otherKey, join), s, other, stages.Apply(opts...))
}
