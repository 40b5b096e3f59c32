package pgio_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages/pgio"
)

// The fault: the Finish of the refused run ended the settlements and the leases of the other one.
func TestARefusedRunLeavesTheOtherOneAlone(t *testing.T) {
	pool := connect(t)
	q := pgio.NewQueue(pool, t.Name())
	put(t, q, pool, 1)
	begun, refused := make(chan struct{}), make(chan struct{})
	graph := flow.From(q.Source()).To(each(func(ctx context.Context, _ pgio.Row) error {
		close(begun)
		<-refused
		return context.Cause(ctx)
	}))
	run, err := graph.Start(t.Context())
	require.NoError(t, err)
	<-begun
	_, err = graph.Run(t.Context())
	require.ErrorContains(t, err, "the source is in another run")
	close(refused)
	require.EqualValues(t, 1, stop(t, run).Ledger.Out)
	require.Zero(t, left(t, pool, t.Name()))
	run, err = graph.Start(t.Context())
	require.NoError(t, err)
	stop(t, run)
}

func TestBoundsMayBeHuge(t *testing.T) {
	pool := connect(t)
	q := pgio.NewQueue(pool, t.Name(), pgio.Term(math.MaxInt64), pgio.InFlight(math.MaxInt), pgio.Size(math.MaxInt), pgio.Poll(math.MaxInt64))
	put(t, q, pool, 10)
	c := collect(10)
	run := start(t, q, func(s *flow.Stream[pgio.Row]) *flow.Graph {
		return s.To(each(func(ctx context.Context, r pgio.Row) error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return c.take(ctx, r)
		}))
	})
	c.wait(t)
	stop(t, run)
	require.Zero(t, left(t, pool, t.Name()))
}
