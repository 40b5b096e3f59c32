package weir

import (
	"context"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// Bare is a stream without stages.
func Bare(s *flow.Stream[int]) *flow.Stream[int] { return s }

// Hold starts a flow that waits for items. It ends when in is closed; wait
// returns then.
func Hold(in <-chan int, build Build, take func(int)) (wait func(), err error) {
	g := build(flow.From(source.Chan(in))).To(sink.ForEach(func(_ context.Context, v int) error {
		take(v)
		return nil
	}))
	run, err := g.Start(context.Background())
	if err != nil {
		return nil, err
	}
	return func() { _, _ = run.Wait() }, nil
}
