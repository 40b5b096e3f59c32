package stages

import (
	"context"

	"github.com/sourcegraph/conc"
)

// Merge sends on the items of all inlets as they come. The order is kept within
// each inlet. It ends when all have ended.
//
//	in:   --1-----2------3-->
//	in:   -----a-----b------>
//	out:  --1--a--2--b---3-->
func Merge[T any]() FanIn[T, T] { return &merger[T]{} }

type merger[T any] struct{}

// Run has a goroutine for each inlet: the outlet takes any number of senders,
// and nobody has to choose.
func (*merger[T]) Run(_ context.Context, ins []*Inlet[T], out *Outlet[T]) error {
	var wg conc.WaitGroup
	for _, in := range ins {
		wg.Go(func() { forward(in, out) })
	}
	wg.Wait()
	return nil
}

// forward sends on all that comes by in.
func forward[T any](in *Inlet[T], out *Outlet[T]) {
	for {
		group := in.group(batchSize)
		if group == nil {
			in.over = true
			return
		}
		books := openFan(in, group)
		for i := range group {
			passes(&books, &group[i])
		}
		closeBooks(&books)
		out.sendAll(group)
	}
}

// Concat sends on the items of the first inlet to its end, then those of the
// second, and so on. The others fill up and wait meanwhile, which is why no two
// of them may come of one stage above: a flow refuses that.
//
//	in:   --1--2--|
//	in:   -a--b------c--|
//	out:  --1--2--a--b-c--|
func Concat[T any]() FanIn[T, T] { return &concatenator[T]{} }

type concatenator[T any] struct{}

// TakesTurns implements [TurnTaker].
func (*concatenator[T]) TakesTurns() bool { return true }

func (*concatenator[T]) Run(_ context.Context, ins []*Inlet[T], out *Outlet[T]) error {
	for _, in := range ins {
		forward(in, out)
	}
	return nil
}

// TurnTaker is implemented by stages with several inlets that wait for one of
// them while another fills up. A flow does not run them where two inlets come
// of one stage above, which would wait for the full one for good.
type TurnTaker interface {
	// TakesTurns reports whether the stage does so.
	TakesTurns() bool
}

// PairTaker is implemented by stages with several inlets that wait for one of
// them while another fills up, unless the two depend on each other: then a flow
// says so by [Node.Entangle], and they must take what comes.
type PairTaker interface {
	// TakesPairs reports whether the stage does so.
	TakesPairs() bool
}

// Entangle tells the stage at the node, before it is run, that its inlets depend
// on each other by some way through the graph.
func (n *Node) Entangle() { n.entangled = true }
