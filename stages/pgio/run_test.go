package pgio_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
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

// A pool that its owner has closed does not come back.
func TestAClosedPoolEndsTheRun(t *testing.T) {
	connect(t)
	pool, err := pgxpool.New(t.Context(), shared.url)
	require.NoError(t, err)
	q := pgio.NewQueue(pool, t.Name(), pgio.Poll(10*time.Millisecond))
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Second, errors.New("the run goes on"))
	defer cancel()
	run, err := flow.From(q.Source()).To(each(collect(-1).take)).Start(ctx)
	require.NoError(t, err)
	pool.Close()
	_, err = run.Wait()
	require.ErrorContains(t, err, "closed pool")
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

// The lag is known while the flow is slower than the rows come.
func TestTheLagIsKnownUnderLoad(t *testing.T) {
	pool := connect(t)
	q := pgio.NewQueue(pool, t.Name(), pgio.InFlight(1))
	put(t, q, pool, 500)
	src := q.Source()
	release := make(chan struct{})
	run, err := flow.From(src).To(each(func(ctx context.Context, _ pgio.Row) error {
		select {
		case <-release:
		case <-ctx.Done():
		}
		return stages.HandBack(time.Hour)
	})).Start(context.Background())
	require.NoError(t, err)
	t.Cleanup(func() { run.Abort(errors.New("the test is over")); _, _ = run.Wait() })
	require.Eventually(t, func() bool { return src.Health().Lag > 400 }, 10*time.Second, 10*time.Millisecond)
	close(release)
	require.Eventually(t, func() bool { return src.Health().Lag < 5 }, 20*time.Second, 10*time.Millisecond)
}
