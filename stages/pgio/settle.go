package pgio

import (
	"context"
	"fmt"
	"time"

	"github.com/weir-go/weir/stages/ack"
)

// A token that is not in the table any more has no effect: its lease is lost.
const (
	deleteSQL = `delete from weir_queue as q using unnest($1::bigint[], $2::int[]) as t (id, n)
where q.id = t.id and q.deliveries = t.n`

	releaseSQL = `update weir_queue as q set due = clock_timestamp() + t.after * interval '1 microsecond'
from unnest($1::bigint[], $2::int[], $3::bigint[]) as t (id, n, after)
where q.id = t.id and q.deliveries = t.n`

	// renewSQL leaves out rows that a transaction has locked, such as one that has settled a row and
	// goes on: the rows must not wait for each other. No worker takes a locked row. A row that is
	// not in the answer is lost.
	renewSQL = `with held as materialized (
	select q.id from weir_queue as q join unnest($1::bigint[], $2::int[]) as t (id, n) on q.id = t.id and q.deliveries = t.n),
free as materialized (
	select q.id from weir_queue as q join unnest($1::bigint[], $2::int[]) as t (id, n) on q.id = t.id and q.deliveries = t.n
	for update of q skip locked),
renewed as (
	update weir_queue as q set due = clock_timestamp() + $3 * interval '1 microsecond' from free where q.id = free.id)
select id from held`
)

// Settle deletes rows that the caller has been handed, in a transaction of the caller. So what
// the transaction writes happens once, however often the row is delivered. If a lease is lost,
// Settle returns [ErrLeaseLost], and the caller must roll back. The flow's own settlement then
// finds no row. Settle is the last step of the work on a row: after the commit the context of the
// row ends at the next renewal.
func (q *Queue) Settle(ctx context.Context, tx DB, rows ...Row) error {
	tokens := make([]token, len(rows))
	for i, r := range rows {
		tokens[i] = r.token()
	}
	ids, ns := columns(tokens)
	tag, err := tx.Exec(ctx, deleteSQL, ids, ns)
	if err != nil {
		return fmt.Errorf("pgio: settle in %q: %w", q.name, err)
	}
	if lost := int64(len(rows)) - tag.RowsAffected(); lost > 0 {
		return fmt.Errorf("%w: %d of %d rows of %q", ErrLeaseLost, lost, len(rows), q.name)
	}
	return nil
}

// columns returns the tokens as two arrays.
func columns(tokens []token) (ids []int64, deliveries []int32) {
	ids, deliveries = make([]int64, len(tokens)), make([]int32, len(tokens))
	for i, t := range tokens {
		ids[i], deliveries[i] = t.id, t.deliveries
	}
	return ids, deliveries
}

// held is a lease of a run. The run renews it.
type held = *ack.Lease[token]

// returned is a row that goes back to the queue.
type returned struct {
	held  held
	after time.Duration
}

// remove deletes done rows.
func (q *Queue) remove(ctx context.Context, tokens []token) error {
	ids, ns := columns(tokens)
	_, err := q.pool.Exec(ctx, deleteSQL, ids, ns)
	return err
}

// release makes rows available again, each after its delay.
func (q *Queue) release(ctx context.Context, rows []returned) error {
	tokens, delays := make([]token, len(rows)), make([]int64, len(rows))
	for i, r := range rows {
		tokens[i], delays[i] = r.held.ID(), r.after.Microseconds()
	}
	ids, ns := columns(tokens)
	_, err := q.pool.Exec(ctx, releaseSQL, ids, ns, delays)
	return err
}

// renew restarts the terms of rows, and returns the rows whose lease is lost.
func (q *Queue) renew(ctx context.Context, tokens []token) (lost []token, err error) {
	ids, ns := columns(tokens)
	rows, err := q.pool.Query(ctx, renewSQL, ids, ns, q.term.Microseconds())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	held := make(map[int64]bool, len(tokens))
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		held[id] = true
	}
	for _, t := range tokens {
		if !held[t.id] {
			lost = append(lost, t)
		}
	}
	return lost, rows.Err()
}
