package pgio

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// DB is what runs a statement: a pool, a connection or a transaction of pgx.
type DB interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

const putSQL = `insert into weir_queue (queue, key, payload, headers, due)
select $1, m.key, m.payload, m.headers::jsonb, clock_timestamp() + m.delay * interval '1 microsecond'
from unnest($2::text[], $3::bytea[], $4::text[], $5::bigint[]) with ordinality as m (key, payload, headers, delay, at)
order by m.at`

// putOnceSQL is putSQL for messages with ids. It waits if another transaction is about to put the
// same id. An id that is older than an hour begins anew.
const putOnceSQL = `with m as materialized (
	select *, row_number() over (partition by id order by at) as nth
	from unnest($2::text[], $3::bytea[], $4::text[], $5::bigint[], $6::text[]) with ordinality as m (key, payload, headers, delay, id, at)),
fresh as (
	insert into weir_ids (queue, id) select $1, id from m where id <> '' and nth = 1 and not exists (
		select from weir_ids as w where w.queue = $1 and w.id = m.id and w.at >= now() - interval '1 hour')
	on conflict (queue, id) do update set at = excluded.at where weir_ids.at < now() - interval '1 hour'
	returning id)
insert into weir_queue (queue, key, payload, headers, due)
select $1, m.key, m.payload, m.headers::jsonb, clock_timestamp() + m.delay * interval '1 microsecond'
from m where m.id = '' or (m.nth = 1 and m.id in (select id from fresh)) order by m.at`

const forgetSQL = `delete from weir_ids where queue = $1 and at < now() - interval '1 hour'`

// Put adds messages to the queue in one statement, in order. db is the pool, or a transaction of
// the caller. In a transaction the queue is an outbox: the rows exist if the transaction
// commits, together with all else that it writes.
func (q *Queue) Put(ctx context.Context, db DB, messages ...Message) error {
	if err := q.Validate(); err != nil {
		return err
	}
	keys := make([]string, len(messages))
	payloads := make([][]byte, len(messages))
	headers := make([]*string, len(messages))
	delays := make([]int64, len(messages))
	ids, once := make([]string, len(messages)), false
	for i, m := range messages {
		ids[i], once = m.ID, once || m.ID != ""
		keys[i], payloads[i], delays[i] = m.Key, m.Payload, max(m.Delay, 0).Microseconds()
		if payloads[i] == nil {
			payloads[i] = []byte{}
		}
		if len(m.Headers) > 0 {
			text, err := json.Marshal(m.Headers)
			if err != nil {
				return err
			}
			headers[i] = new(string(text))
		}
	}
	sql, args := putSQL, []any{q.name, keys, payloads, headers, delays}
	if once {
		sql, args = putOnceSQL, append(args, ids)
	}
	if _, err := db.Exec(ctx, sql, args...); err != nil {
		return fmt.Errorf("pgio: put into %q: %w", q.name, err)
	}
	return nil
}

// PutAll is Put with the pool of the queue. It is a function for a ForEachBatch or a MapBatch.
func (q *Queue) PutAll(ctx context.Context, messages []Message) error {
	return q.Put(ctx, q.pool, messages...)
}
