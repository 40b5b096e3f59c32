package flow_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/source"
)

// A run that is aborted just after the entrance has admitted an item gives the permit back. The
// fault: a shared guard that sheds lost the permit forever.
func TestAnAbortAtTheEntranceGivesThePermitBack(t *testing.T) {
	for name, run := range map[string]func(*testing.T, context.Context, *guard.Guard){
		"stream": func(t *testing.T, ctx context.Context, g *guard.Guard) {
			_, err := flow.From(source.Slice([]int{1, 2, 3})).Guard(g).Map("call", nap).Collect(ctx)
			require.ErrorIs(t, err, context.Canceled)
		},
		"service": func(t *testing.T, ctx context.Context, g *guard.Guard) {
			s, err := flow.Serve(ctx, func(in *flow.Stream[int]) *flow.Stream[int] { return in.Guard(g).Map("call", nap) })
			require.NoError(t, err)
			require.ErrorIs(t, s.Do(t.Context(), 1).Err, stages.ErrAborted)
			report, err := s.Wait()
			require.ErrorIs(t, err, context.Canceled)
			require.NoError(t, report.Check())
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				g, err := guard.New(guard.Limit(4, guard.Shedding(), guard.SoftLimit(1, func(guard.Crossing) { cancel() })))
				require.NoError(t, err)
				run(t, ctx, g)
				require.Zero(t, g.Snapshot().Depth)
			})
		})
	}
}
