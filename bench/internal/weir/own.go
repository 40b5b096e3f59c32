package weir

import (
	"context"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
)

// Own is a stage of one's own that adds 1 to each number and takes items one at a time.
func Own(s *flow.Stream[int]) *flow.Stream[int] {
	return s.Via("own", stages.StageFunc[int, int](func(_ context.Context, in *stages.Inlet[int], out *stages.Outlet[int]) error {
		for it := range in.All() {
			out.Send(it.With(it.Value + 1))
		}
		return nil
	}))
}

// OwnInGroups is Own that takes up to 64 items at a time.
func OwnInGroups(s *flow.Stream[int]) *flow.Stream[int] {
	return s.Via("own", stages.StageFunc[int, int](func(_ context.Context, in *stages.Inlet[int], out *stages.Outlet[int]) error {
		buf := make([]stages.Item[int], 64)
		for n := in.Read(buf); n > 0; n = in.Read(buf) {
			for i := range buf[:n] {
				buf[i].Value++
			}
			out.SendAll(buf[:n])
		}
		return nil
	}))
}
