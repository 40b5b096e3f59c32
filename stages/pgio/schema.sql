-- The tables of package pgio, in the first schema of the search path. The script may be run again, and
-- by several sessions at the same time: they wait for each other until the end of the transaction. If
-- nothing is missing it locks no table, so it does not wait for transactions that use the tables.
select pg_advisory_xact_lock(hashtext('weir_queue'));

-- A row waits while due is in the past. While a worker has it, due is the end of its lease.
create table if not exists weir_queue (
    id         bigint generated always as identity primary key,
    queue      text        not null,
    key        text        not null default '',
    payload    bytea       not null,
    headers    jsonb,
    created    timestamptz not null default clock_timestamp(),
    due        timestamptz not null default clock_timestamp(),
    deliveries integer     not null default 0
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- The ids of messages of the last hour. A message whose id is there is not put again.
create table if not exists weir_ids (
    queue text        not null,
    id    text        not null,
    at    timestamptz not null default clock_timestamp(),
    primary key (queue, id)
);

-- Dead letters, until somebody replays or deletes them.
create table if not exists weir_dead (
    id         bigint      primary key,
    queue      text        not null,
    key        text        not null,
    payload    bytea       not null,
    headers    jsonb,
    created    timestamptz not null,
    deliveries integer     not null,
    died       timestamptz not null default clock_timestamp(),
    reason     text        not null
);

-- Wakes the workers that listen. Without the trigger they find new rows at their next look.
create or replace function weir_queue_notify() returns trigger language plpgsql as $$
begin
    perform pg_notify('weir_queue', queue) from (select distinct queue from fresh) as f;
    return null;
end $$;

-- An index that exists would be locked by "create index if not exists", together with its table.
do $$
declare
    place text := quote_ident(current_schema()) || '.';
begin
    if to_regclass(place || 'weir_queue_due') is null then
        create index weir_queue_due on weir_queue (queue, due);
    end if;
    if to_regclass(place || 'weir_queue_key') is null then
        create index weir_queue_key on weir_queue (queue, key, id) where key <> '';
    end if;
    if to_regclass(place || 'weir_ids_at') is null then
        create index weir_ids_at on weir_ids (queue, at);
    end if;
    if to_regclass(place || 'weir_dead_queue') is null then
        create index weir_dead_queue on weir_dead (queue, id);
    end if;
    if not exists (select from pg_trigger where tgname = 'weir_queue_notify' and tgrelid = to_regclass(place || 'weir_queue')) then
        create trigger weir_queue_notify after insert on weir_queue
            referencing new table as fresh for each statement execute function weir_queue_notify();
    end if;
end $$;
