package pgio_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/pgio"
	"github.com/weir-go/weir/stages/sink"
)

type order struct {
	ID    int    `json:"id"`
	Buyer string `json:"buyer"`
}

// An order and the mail about it are written in one transaction. A worker sends the mail; a mail
// that fails comes again, and is put aside at its fifth delivery.
func Example_outbox() {
	var pool *pgxpool.Pool // the caller's
	var send func(context.Context, order) (order, error)

	mails := pgio.NewQueue(pool, "mails")
	buy := func(ctx context.Context, o order, text []byte) error {
		return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "insert into orders values ($1, $2)", o.ID, o.Buyer); err != nil {
				return err
			}
			return mails.Put(ctx, tx, pgio.Message{Key: o.Buyer, Payload: text})
		})
	}
	worker := func(ctx context.Context) error {
		_, err := flow.From(mails.Source()).
			Remember().
			Map("parse", pgio.JSON[order]).
			Map("send", send, stages.Workers(16)).
			HandBack(30*time.Second, stages.MaxDeliveries(5)).
			DeadLetter(mails.DeadLetter).
			To(sink.ForEach(func(context.Context, order) error { return nil })).
			Run(ctx, flow.StopOnSignal(), flow.DrainTimeout(20*time.Second))
		return err
	}
	_, _ = buy, worker
}

// A row of the queue becomes a row of a table, once, whatever happens: both are in one transaction.
func ExampleQueue_Settle() {
	var pool *pgxpool.Pool // the caller's
	q := pgio.NewQueue(pool, "orders")
	store := func(ctx context.Context, r pgio.Row) error {
		return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "insert into orders select $1::jsonb->>'id'", string(r.Payload)); err != nil {
				return err
			}
			return q.Settle(ctx, tx, r)
		})
	}
	_ = flow.From(q.Source()).To(sink.ForEach(store))
}

// Batches are written by COPY. Rows that the table refuses fail alone.
func ExampleCopy() {
	var pool *pgxpool.Pool // the caller's
	write := pgio.Copy(pool, pgx.Identifier{"orders"}, []string{"id", "buyer"}, func(o order) ([]any, error) {
		return []any{o.ID, o.Buyer}, nil
	})
	_ = sink.ForEachBatch(1000, 50*time.Millisecond, write)
}

func ExampleJSON() {
	o, err := pgio.JSON[order](context.Background(), pgio.Row{ID: 7, Payload: []byte(`{"id":1,"buyer":"eve"}`)})
	fmt.Println(o, err)
	_, err = pgio.JSON[order](context.Background(), pgio.Row{ID: 8, Payload: []byte(`{`)})
	fmt.Println(err)
	// Output:
	// {1 eve} <nil>
	// pgio: payload of row 8: unexpected end of JSON input
}

// The story of Example_outbox, on a server.
func TestTheOutboxOfTheExample(t *testing.T) {
	pool := connect(t)
	q := pgio.NewQueue(pool, t.Name())
	require.NoError(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		return q.Put(t.Context(), tx, pgio.Message{Payload: []byte(`{"id":1}`)}, pgio.Message{Payload: []byte("{")}, pgio.Message{Payload: []byte(`{"id":3}`)})
	}))
	sent, tries := make(chan order, 3), 0
	run, err := flow.From(q.Source()).
		Remember().
		Map("parse", pgio.JSON[order]).
		Map("send", func(_ context.Context, o order) (order, error) {
			if o.ID == 3 {
				if tries++; tries < 3 {
					return o, fmt.Errorf("busy")
				}
			}
			return o, nil
		}).
		HandBack(time.Millisecond, stages.MaxDeliveries(5)).
		DeadLetter(q.DeadLetter).
		To(sink.ForEach(func(_ context.Context, o order) error { sent <- o; return nil })).Start(context.Background())
	require.NoError(t, err)
	require.Equal(t, order{ID: 1}, <-sent)
	require.Equal(t, order{ID: 3}, <-sent)
	require.Eventually(t, func() bool { return left(t, pool, t.Name()) == 0 }, 10*time.Second, 10*time.Millisecond)
	stop(t, run)
	letters, err := q.Letters(t.Context(), 0, 10)
	require.NoError(t, err)
	require.Len(t, letters, 1)
	require.Equal(t, 5, letters[0].Deliveries)
	require.Contains(t, letters[0].Reason, "parse")
}
