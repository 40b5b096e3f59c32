package pgio_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/pgio"
)

// The fault: the renewal of all rows waited for a row that a transaction had settled. If the
// transaction was open for longer than a term, the leases of the other rows were lost.
func TestALongTransactionCostsOtherRowsNoLease(t *testing.T) {
	const term = time.Second
	pool := connect(t)
	q := pgio.NewQueue(pool, t.Name(), pgio.Term(term))
	put(t, q, pool, 2)
	c, committed := collect(1), make(chan struct{})
	run := start(t, q, func(s *flow.Stream[pgio.Row]) *flow.Graph {
		return s.Map("work", func(ctx context.Context, r pgio.Row) (pgio.Row, error) {
			if string(r.Payload) == "1" {
				<-committed
				return r, context.Cause(ctx)
			}
			defer close(committed)
			tx, err := pool.Begin(ctx)
			if err != nil {
				return r, err
			}
			defer tx.Rollback(context.Background())
			if err := q.Settle(ctx, tx, r); err != nil {
				return r, err
			}
			time.Sleep(2 * term) // the work of the transaction
			return r, errors.Join(tx.Commit(ctx), stages.ErrDrop)
		}, stages.Workers(2)).To(each(c.take))
	})
	c.wait(t)
	stop(t, run)
	require.Equal(t, "1", c.got[0])
	require.Equal(t, 1, c.rows[0].Deliveries)
	require.Zero(t, left(t, pool, t.Name()))
}
