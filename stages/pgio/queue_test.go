package pgio_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/pgio"
	"github.com/weir-go/weir/stages/sink"
)

// put adds n messages, "0" to "n-1".
func put(t testing.TB, q *pgio.Queue, pool *pgxpool.Pool, n int) {
	t.Helper()
	messages := make([]pgio.Message, n)
	for i := range messages {
		messages[i].Payload = []byte(fmt.Sprint(i))
	}
	require.NoError(t, q.Put(t.Context(), pool, messages...))
}

// left counts the rows of a queue.
func left(t testing.TB, pool *pgxpool.Pool, queue string) (n int) {
	t.Helper()
	require.NoError(t, pool.QueryRow(t.Context(), "select count(*) from weir_queue where queue = $1", queue).Scan(&n))
	return n
}

// collector notes what a sink has been given.
type collector struct {
	mu   sync.Mutex
	got  []string
	rows []pgio.Row
	want int
	full chan struct{}
}

func collect(want int) *collector { return &collector{want: want, full: make(chan struct{})} }

func (c *collector) take(_ context.Context, r pgio.Row) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got, c.rows = append(c.got, string(r.Payload)), append(c.rows, r)
	if len(c.got) == c.want {
		close(c.full)
	}
	return nil
}

func (c *collector) wait(t testing.TB) {
	t.Helper()
	select {
	case <-c.full:
	case <-time.After(20 * time.Second):
		c.mu.Lock()
		defer c.mu.Unlock()
		require.Failf(t, "timeout", "got %d of %d", len(c.got), c.want)
	}
}

func start(t testing.TB, q *pgio.Queue, f func(*flow.Stream[pgio.Row]) *flow.Graph) *flow.Run {
	t.Helper()
	run, err := f(flow.From(q.Source())).Start(context.Background())
	require.NoError(t, err)
	t.Cleanup(func() { run.Abort(errors.New("the test is over")); _, _ = run.Wait() })
	return run
}

func stop(t testing.TB, run *flow.Run) *flow.Report {
	t.Helper()
	run.Stop()
	report, err := run.Wait()
	require.NoError(t, err)
	require.NoError(t, report.Check())
	return report
}

func TestRowsComeInOrderAndAreDeleted(t *testing.T) {
	pool := connect(t)
	q := pgio.NewQueue(pool, t.Name(), pgio.InFlight(7), pgio.Size(5))
	put(t, q, pool, 50)
	c := collect(50)
	run := start(t, q, func(s *flow.Stream[pgio.Row]) *flow.Graph { return s.To(each(c.take)) })
	c.wait(t)
	report := stop(t, run)
	require.EqualValues(t, 50, report.Ledger.In)
	require.Zero(t, left(t, pool, t.Name()))
	for i, text := range c.got {
		require.Equal(t, fmt.Sprint(i), text)
	}
	require.Equal(t, 1, c.rows[0].Deliveries)
	require.WithinDuration(t, time.Now(), c.rows[0].Created, time.Minute)
}

// A transaction that rolls back leaves no row. A commit wakes a worker that polls once an hour.
func TestTheOutboxFollowsItsTransaction(t *testing.T) {
	pool := connect(t)
	q := pgio.NewQueue(pool, t.Name(), pgio.Poll(time.Hour))
	c := collect(1)
	run := start(t, q, func(s *flow.Stream[pgio.Row]) *flow.Graph { return s.To(each(c.take)) })
	for i, commit := range []bool{false, true} {
		tx, err := pool.Begin(t.Context())
		require.NoError(t, err)
		require.NoError(t, q.Put(t.Context(), tx, pgio.Message{Payload: []byte(fmt.Sprint(i)), Headers: map[string]string{"a": "b"}, Key: "k"}))
		if commit {
			require.NoError(t, tx.Commit(t.Context()))
		} else {
			require.NoError(t, tx.Rollback(t.Context()))
		}
	}
	c.wait(t)
	stop(t, run)
	require.Equal(t, []string{"1"}, c.got)
	require.Equal(t, map[string]string{"a": "b"}, c.rows[0].Headers)
	require.Equal(t, "k", c.rows[0].Key)
	require.Zero(t, left(t, pool, t.Name()))
}

func TestAHandedBackRowComesAgainAfterItsDelay(t *testing.T) {
	pool := connect(t)
	q := pgio.NewQueue(pool, t.Name(), pgio.Poll(time.Hour))
	put(t, q, pool, 1)
	c := collect(1)
	var first time.Time
	run := start(t, q, func(s *flow.Stream[pgio.Row]) *flow.Graph {
		return s.Map("refuse", func(_ context.Context, r pgio.Row) (pgio.Row, error) {
			if r.Deliveries == 1 {
				first = time.Now()
				return r, stages.HandBack(400 * time.Millisecond)
			}
			return r, nil
		}).To(each(c.take))
	})
	c.wait(t)
	took := time.Since(first)
	require.GreaterOrEqual(t, took, 400*time.Millisecond)
	require.Less(t, took, time.Minute, "no poll is needed")
	require.Equal(t, 2, c.rows[0].Deliveries)
	require.EqualValues(t, 1, stop(t, run).Ledger.HandedBack)
}

func forEachBatch(f func(context.Context, []pgio.Message) error) stages.Sink[pgio.Message] {
	return sink.ForEachBatch(100, 5*time.Millisecond, f)
}

func each(f func(context.Context, pgio.Row) error) stages.Sink[pgio.Row] { return sink.ForEach(f) }

// A row of a key waits for the one before, which is delayed; other rows do not. The delay is longer than a
// busy machine takes for the others.
func TestPerKeyHandsOutOneRowOfAKey(t *testing.T) {
	pool := connect(t)
	q := pgio.NewQueue(pool, t.Name(), pgio.PerKey())
	require.NoError(t, q.Put(t.Context(), pool,
		pgio.Message{Key: "a", Payload: []byte("a0"), Delay: 3 * time.Second}, pgio.Message{Key: "a", Payload: []byte("a1")},
		pgio.Message{Key: "b", Payload: []byte("b0")}, pgio.Message{Payload: []byte("-")}, pgio.Message{Key: "b", Payload: []byte("b1")}))
	c := collect(5)
	run := start(t, q, func(s *flow.Stream[pgio.Row]) *flow.Graph { return s.To(each(c.take)) })
	c.wait(t)
	stop(t, run)
	require.Equal(t, []string{"b0", "-", "b1", "a0", "a1"}, c.got)
}

func TestARowThatIsDeliveredTooOftenIsDead(t *testing.T) {
	for most, reason := range map[int]string{1: "delivered 1 time and", 2: "delivered 2 times and"} {
		t.Run(reason, func(t *testing.T) { deadAfter(t, most, reason) })
	}
}

func deadAfter(t *testing.T, most int, reason string) {
	pool := connect(t)
	q := pgio.NewQueue(pool, t.Name(), pgio.MaxDeliveries(most))
	put(t, q, pool, 1)
	var calls int
	run := start(t, q, func(s *flow.Stream[pgio.Row]) *flow.Graph {
		return s.To(each(func(_ context.Context, r pgio.Row) error {
			calls++
			return stages.HandBack(0)
		}))
	})
	require.Eventually(t, func() bool { return left(t, pool, t.Name()) == 0 }, 10*time.Second, 10*time.Millisecond)
	stop(t, run)
	require.Equal(t, most, calls)
	letters, err := q.Letters(t.Context(), 0, 10)
	require.NoError(t, err)
	require.Len(t, letters, 1)
	require.Equal(t, "0", string(letters[0].Payload))
	require.Contains(t, letters[0].Reason, reason)

	n, err := q.Replay(t.Context(), letters[0].ID)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	c := collect(1)
	run = start(t, q, func(s *flow.Stream[pgio.Row]) *flow.Graph { return s.To(each(c.take)) })
	c.wait(t)
	stop(t, run)
	require.Equal(t, letters[0].ID, c.rows[0].ID)
	require.Equal(t, 1, c.rows[0].Deliveries)
}

// What a policy makes a dead letter is in the table of the dead, and the run goes on.
func TestADeadLetterKeepsItsReason(t *testing.T) {
	pool := connect(t)
	q := pgio.NewQueue(pool, t.Name())
	put(t, q, pool, 3)
	c := collect(2)
	run := start(t, q, func(s *flow.Stream[pgio.Row]) *flow.Graph {
		return s.Map("parse", func(_ context.Context, r pgio.Row) (pgio.Row, error) {
			if string(r.Payload) == "1" {
				return r, errors.New("it is odd")
			}
			return r, nil
		}).DeadLetter(q.DeadLetter).To(each(c.take))
	})
	c.wait(t)
	require.EqualValues(t, 1, stop(t, run).Ledger.DeadLettered)
	letters, err := q.Letters(t.Context(), 0, 10)
	require.NoError(t, err)
	require.Len(t, letters, 1)
	require.Equal(t, "1", string(letters[0].Payload))
	require.Contains(t, letters[0].Reason, "it is odd")
	require.Zero(t, left(t, pool, t.Name()))
}

// A worker whose lease another one has taken sees the context of the row end, and settles nothing.
func TestALostLeaseEndsTheRow(t *testing.T) {
	pool := connect(t)
	q := pgio.NewQueue(pool, t.Name(), pgio.Term(300*time.Millisecond))
	put(t, q, pool, 1)
	ended := make(chan error, 1)
	run := start(t, q, func(s *flow.Stream[pgio.Row]) *flow.Graph {
		return s.To(each(func(ctx context.Context, r pgio.Row) error {
			if r.Deliveries > 1 {
				return nil
			}
			_, err := pool.Exec(t.Context(), "update weir_queue set deliveries = 7 where id = $1", r.ID)
			require.NoError(t, err)
			<-ctx.Done()
			ended <- ctx.Err()
			return ctx.Err()
		}))
	})
	require.ErrorIs(t, <-ended, context.Canceled)
	require.Eventually(t, func() bool { return left(t, pool, t.Name()) == 0 }, 10*time.Second, 10*time.Millisecond, "it comes again")
	stop(t, run)
}

// Settle and the writes beside it are one transaction, which a lost lease rolls back.
func TestSettleInATransaction(t *testing.T) {
	pool := connect(t)
	q := pgio.NewQueue(pool, t.Name())
	put(t, q, pool, 2)
	_, err := pool.Exec(t.Context(), "create table settled (text text primary key)")
	require.NoError(t, err)
	c := collect(2)
	run := start(t, q, func(s *flow.Stream[pgio.Row]) *flow.Graph {
		return s.To(each(func(ctx context.Context, r pgio.Row) error {
			tx, err := pool.Begin(ctx)
			require.NoError(t, err)
			defer tx.Rollback(ctx)
			_, err = tx.Exec(ctx, "insert into settled values ($1)", r.Payload)
			require.NoError(t, err)
			stale := r
			stale.Deliveries++
			require.ErrorIs(t, q.Settle(ctx, tx, r, stale), pgio.ErrLeaseLost)
			require.NoError(t, tx.Rollback(ctx))
			tx, err = pool.Begin(ctx)
			require.NoError(t, err)
			defer tx.Rollback(ctx)
			_, err = tx.Exec(ctx, "insert into settled values ($1)", string(r.Payload))
			require.NoError(t, err)
			require.NoError(t, q.Settle(ctx, tx, r))
			require.NoError(t, tx.Commit(ctx))
			return c.take(ctx, r)
		}))
	})
	c.wait(t)
	stop(t, run)
	require.Zero(t, left(t, pool, t.Name()))
}

func TestAQueueWithoutATableEndsTheRun(t *testing.T) {
	pool := connect(t)
	config := pool.Config().Copy()
	config.ConnConfig.RuntimeParams["search_path"] = "pg_catalog"
	other, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	defer other.Close()
	_, err = flow.From(pgio.NewQueue(other, "x").Source()).To(each(collect(1).take)).Run(t.Context())
	require.ErrorContains(t, err, `pgio: queue "x"`)
	require.ErrorContains(t, err, "weir_queue")
}

// The run waits for the migration that makes the table.
func TestAPolicySaysWhichErrorsEndTheRun(t *testing.T) {
	pool := connect(t)
	config := pool.Config().Copy()
	config.ConnConfig.RuntimeParams["search_path"] = "migrated"
	_, err := pool.Exec(t.Context(), "create schema migrated")
	require.NoError(t, err)
	other, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(other.Close)
	q := pgio.NewQueue(other, t.Name(), pgio.Ends(func(err error) bool {
		var refused *pgconn.PgError
		return !pgio.Heals(err) && !(errors.As(err, &refused) && refused.Code == "42P01")
	}))
	c, src := collect(3), q.Source()
	run, err := flow.From(src).To(each(c.take)).Start(context.Background())
	require.NoError(t, err)
	require.Eventually(t, func() bool { return src.Health().Err != nil }, 20*time.Second, time.Millisecond)
	_, err = other.Exec(t.Context(), pgio.Schema)
	require.NoError(t, err)
	put(t, q, other, 3)
	c.wait(t)
	require.Positive(t, src.Health().Reconnects)
	_, err = other.Exec(t.Context(), "alter table weir_queue rename column due to later") // class 42, another code
	require.NoError(t, err)
	_, err = run.Wait()
	require.ErrorContains(t, err, "due")
}

func TestAQueueSaysWhatIsWrongWithIt(t *testing.T) {
	err := pgio.NewQueue(nil, "", pgio.Term(0), pgio.Size(0), pgio.Poll(0), pgio.InFlight(0), pgio.MaxDeliveries(-1), pgio.Ends(nil)).Validate()
	for _, part := range []string{"pool is nil", "no name", "term is below", "size is below", "poll interval", "in-flight", "maximum of deliveries", "function of Ends"} {
		require.ErrorContains(t, err, part)
	}
}

// A batch that is never due waits for more rows than the source may have in the flow.
func TestABatchAboveTheBoundIsNotValid(t *testing.T) {
	q := pgio.NewQueue(connect(t), t.Name(), pgio.InFlight(50))
	end := sink.ForEach(func(context.Context, []pgio.Row) error { return nil })
	require.ErrorContains(t, flow.From(q.Source()).Batch(51, 0).To(end).Validate(), "it waits for 51 items")
	require.NoError(t, flow.From(q.Source()).Batch(50, 0).To(end).Validate())
	require.NoError(t, flow.From(q.Source()).Batch(51, time.Second).To(end).Validate())
}
