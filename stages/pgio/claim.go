package pgio

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// The statements that take rows. The choice of rows is materialized, or the plan could make it more
// than once. now() is the begin of the statement: a volatile clock could not use the index.
const (
	claimHead = `with chosen as materialized (
	select id from weir_queue as w where queue = $1 and due <= now() `
	claimPerKey = `and (key = '' or not exists (
		select from weir_queue as p where p.queue = w.queue and p.key = w.key and p.key <> '' and p.id < w.id)) `
	claimTail = `order by due limit $2 for update skip locked)
update weir_queue as q set due = clock_timestamp() + $3 * interval '1 microsecond', deliveries = q.deliveries + 1
from chosen where q.id = chosen.id
returning q.id, q.key, q.payload, q.headers, q.created, q.deliveries`

	claimSQL       = claimHead + claimTail
	claimPerKeySQL = claimHead + claimPerKey + claimTail
)

// claim takes up to n rows for a term, in the order of their ids.
func (q *Queue) claim(ctx context.Context, n int) ([]Row, error) {
	sql := claimSQL
	if q.perKey {
		sql = claimPerKeySQL
	}
	rows, err := q.pool.Query(ctx, sql, q.name, n, q.term.Microseconds())
	if err != nil {
		return nil, err
	}
	claimed, err := pgx.AppendRows(make([]Row, 0, min(n, DefaultSize)), rows, scan)
	slices.SortFunc(claimed, func(a, b Row) int { return cmp.Compare(a.ID, b.ID) })
	return claimed, err
}

func scan(row pgx.CollectableRow) (r Row, err error) {
	var headers []byte
	var deliveries int32
	if err := row.Scan(&r.ID, &r.Key, &r.Payload, &headers, &r.Created, &deliveries); err != nil {
		return r, err
	}
	r.Deliveries = int(deliveries)
	r.Headers = headersOf(headers)
	return r, nil
}

// headersOf reads a JSON object. A value that is not a string stays JSON: entries of other programs
// must not keep the queue from being read.
func headersOf(object []byte) map[string]string {
	var raw map[string]json.RawMessage
	if object == nil || json.Unmarshal(object, &raw) != nil {
		return nil
	}
	headers := make(map[string]string, len(raw))
	for name, value := range raw {
		var text string
		if json.Unmarshal(value, &text) != nil {
			text = string(value)
		}
		headers[name] = text
	}
	return headers
}

// lagLimit is the largest number of rows that a look counts.
const lagLimit = 100_000

const lookSQL = `select
	(select count(*) from (select from weir_queue where queue = $1 and due <= now() limit $2) as t),
	coalesce((select extract(epoch from min(due) - now()) from weir_queue where queue = $1 and due > now()), 3600)::float8`

// look counts the waiting rows, and returns the time until the next row is due.
func (q *Queue) look(ctx context.Context) (lag int64, next time.Duration, err error) {
	var seconds float64
	err = q.pool.QueryRow(ctx, lookSQL, q.name, lagLimit).Scan(&lag, &seconds)
	return lag, time.Duration(min(seconds, 3600) * float64(time.Second)), err
}
