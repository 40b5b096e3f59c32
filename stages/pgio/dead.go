package pgio

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/weir-go/weir/stages"
)

// A row that is dead already gets the newer reason.
const (
	burySQL = `with gone as (
	delete from weir_queue as q using unnest($1::bigint[], $2::int[]) as t (id, n)
	where q.id = t.id and q.deliveries = t.n
	returning q.id, q.queue, q.key, q.payload, q.headers, q.created, q.deliveries)
insert into weir_dead (id, queue, key, payload, headers, created, deliveries, reason)
select g.*, $3 from gone as g
on conflict (id) do update set died = clock_timestamp(), reason = excluded.reason, deliveries = excluded.deliveries`

	deadSQL = `select id, key, payload, headers, created, deliveries, died, reason
from weir_dead where queue = $1 and id > $2 order by id limit $3`

	replaySQL = `with back as (
	delete from weir_dead where queue = $1 and id = any($2)
	returning id, queue, key, payload, headers, created)
insert into weir_queue (id, queue, key, payload, headers, created) overriding system value select * from back order by id`
)

// errNoRow is the error for a failed item whose row cannot be found.
var errNoRow = errors.New("pgio: the item has no row: add a Remember stage behind the source")

// DeadLetter moves the row of a failed item to the table of dead letters, with the reason. It is
// the function of a DeadLetter stage. The row is the value of the item, or what the item was at a
// Remember stage. A row whose lease is lost stays with its new worker.
func (q *Queue) DeadLetter(ctx context.Context, e *stages.ItemError) error {
	row, ok := rowOf(e)
	if !ok {
		return errNoRow
	}
	return q.bury(ctx, e.Error(), row.token())
}

func (q *Queue) bury(ctx context.Context, reason string, tokens ...token) error {
	ids, ns := columns(tokens)
	if _, err := q.pool.Exec(ctx, burySQL, ids, ns, textOf(reason)); err != nil {
		return fmt.Errorf("pgio: dead letter of %q: %w", q.name, err)
	}
	return nil
}

// textOf replaces what the server refuses in a text: zero bytes, and bytes that are not UTF-8.
func textOf(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", "\uFFFD"), "\uFFFD")
}

// Letter is a row that is dead.
type Letter struct {
	Row
	Died   time.Time // by the server's clock
	Reason string    // why it is dead, such as the text of an error
}

// Letters returns the next dead letters of the queue, n at most, with ids above after.
func (q *Queue) Letters(ctx context.Context, after int64, n int) ([]Letter, error) {
	rows, err := q.pool.Query(ctx, deadSQL, q.name, after, n)
	if err != nil {
		return nil, fmt.Errorf("pgio: letters of %q: %w", q.name, err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (l Letter, err error) {
		var headers []byte
		err = row.Scan(&l.ID, &l.Key, &l.Payload, &headers, &l.Created, &l.Deliveries, &l.Died, &l.Reason)
		l.Headers = headersOf(headers)
		return l, err
	})
}

// Replay puts dead letters back into the queue, to be delivered as if for the first time. It
// returns how many there were.
func (q *Queue) Replay(ctx context.Context, ids ...int64) (int64, error) {
	tag, err := q.pool.Exec(ctx, replaySQL, q.name, ids)
	if err != nil {
		return 0, fmt.Errorf("pgio: replay of %q: %w", q.name, err)
	}
	return tag.RowsAffected(), nil
}
