package pgio_test

import (
	"context"
	"crypto/sha256"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages/pgio"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// BenchmarkQueue takes rows, works on them and settles them, 100 at a time: once by a flow, once by
// the loop that one writes by hand with pgx. The loop has no renewal, no drain and no hand back.
// cpu-ns/op is the processor time of this process, without the server's.
//
//	go test -run '^$' -bench Queue -benchtime 20000x -count 5
func BenchmarkQueue(b *testing.B) {
	for _, work := range []struct {
		name string
		f    func([]byte)
	}{
		{"no-op", func([]byte) {}},
		{"20us", func(p []byte) {
			for range 60 {
				sum := sha256.Sum256(p)
				p = sum[:]
			}
		}},
	} {
		b.Run("hand/"+work.name, func(b *testing.B) {
			q, pool := filled(b)
			measure(b, func() { byHand(b, pool, q.Name(), work.f) })
		})
		b.Run("weir/"+work.name, func(b *testing.B) {
			q, pool := filled(b)
			measure(b, func() { byFlow(b, q, work.f) })
			require.Zero(b, left(b, pool, q.Name()))
		})
	}
}

func filled(b *testing.B) (*pgio.Queue, *pgxpool.Pool) {
	pool := connect(b)
	_, err := pool.Exec(b.Context(), "truncate weir_queue")
	require.NoError(b, err)
	q := pgio.NewQueue(pool, b.Name())
	for at := 0; at < b.N; at += 10_000 {
		put(b, q, pool, min(10_000, b.N-at))
	}
	_, err = pool.Exec(b.Context(), "analyze weir_queue")
	require.NoError(b, err)
	return q, pool
}

// measure reports the processor time of f for each message.
func measure(b *testing.B, f func()) {
	b.ReportAllocs()
	before := cpu()
	b.ResetTimer()
	f()
	b.StopTimer()
	b.ReportMetric(float64(cpu()-before)/float64(b.N), "cpu-ns/op")
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func byFlow(b *testing.B, q *pgio.Queue, work func([]byte)) {
	done, full := 0, make(chan struct{})
	run, err := flow.From(q.Source()).To(sink.ForEach(func(_ context.Context, r pgio.Row) error {
		work(r.Payload)
		if done++; done == b.N {
			close(full)
		}
		return nil
	})).Start(context.Background())
	require.NoError(b, err)
	<-full
	run.Stop()
	_, err = run.Wait()
	require.NoError(b, err)
}

func byHand(b *testing.B, pool *pgxpool.Pool, queue string, work func([]byte)) {
	ctx := context.Background()
	for done := 0; done < b.N; {
		rows, err := pool.Query(ctx, `update weir_queue set due = now() + interval '30 seconds', deliveries = deliveries + 1
			where id in (select id from weir_queue where queue = $1 and due <= now() order by due limit 100 for update skip locked)
			returning id, key, payload, headers, created, deliveries`, queue)
		require.NoError(b, err)
		type job struct {
			ID            int64
			Key           string
			Payload, Head []byte
			Created       time.Time
			Deliveries    int32
		}
		jobs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[job])
		require.NoError(b, err)
		ids := make([]int64, len(jobs))
		for i, j := range jobs {
			work(j.Payload)
			ids[i] = j.ID
		}
		_, err = pool.Exec(ctx, "delete from weir_queue where id = any($1)", ids)
		require.NoError(b, err)
		done += len(jobs)
	}
}

// BenchmarkCopy writes values to a table by COPY, 1,000 at a time: once by a flow whose sink is
// ForEachBatch with Copy, once by a loop over slices.
//
//	go test -run '^$' -bench Copy -benchtime 200000x -count 5
func BenchmarkCopy(b *testing.B) {
	const size = 1000
	columns := []string{"id", "body"}
	values := func(id int) ([]any, error) { return []any{int64(id), "a value of a few words"}, nil }
	table := func(b *testing.B) (*pgxpool.Pool, pgx.Identifier) {
		pool := connect(b)
		_, err := pool.Exec(b.Context(), "create table if not exists copied (id bigint, body text); truncate copied")
		require.NoError(b, err)
		return pool, pgx.Identifier{"copied"}
	}
	written := func(b *testing.B, pool *pgxpool.Pool) {
		var n int
		require.NoError(b, pool.QueryRow(b.Context(), "select count(*) from copied").Scan(&n))
		require.Equal(b, b.N, n)
	}
	b.Run("hand", func(b *testing.B) {
		pool, name := table(b)
		measure(b, func() {
			batch := make([]int, 0, size)
			flush := func() {
				_, err := pool.CopyFrom(b.Context(), name, columns, pgx.CopyFromSlice(len(batch), func(i int) ([]any, error) { return values(batch[i]) }))
				require.NoError(b, err)
				batch = batch[:0]
			}
			for id := range b.N {
				if batch = append(batch, id); len(batch) == size {
					flush()
				}
			}
			flush()
		})
		written(b, pool)
	})
	b.Run("weir", func(b *testing.B) {
		pool, name := table(b)
		measure(b, func() {
			ids := source.Seq(func(yield func(int) bool) {
				for id := 0; id < b.N && yield(id); id++ {
				}
			})
			_, err := flow.From(ids).To(sink.ForEachBatch(size, time.Second, pgio.Copy(pool, name, columns, values))).Run(b.Context())
			require.NoError(b, err)
		})
		written(b, pool)
	})
}
