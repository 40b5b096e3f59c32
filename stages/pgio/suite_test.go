package pgio_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/flow/flowtest/queuetest"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/pgio"
)

func TestMain(m *testing.M) {
	queuetest.Main(m, suiteClient(), func(code int) int {
		shared.remove()
		if err := goleak.Find(); err != nil && code == 0 {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return code
	})
}

// setup is what a queue's name tells a worker process: name, term, in-flight bound, order.
func setup(queue string) []pgio.Option {
	parts := strings.Split(queue, "|")
	term, _ := time.ParseDuration(parts[1])
	inFlight, _ := strconv.Atoi(parts[2])
	opts := []pgio.Option{pgio.Term(term), pgio.InFlight(inFlight)}
	if parts[3] == "per key" {
		opts = append(opts, pgio.PerKey())
	}
	return opts
}

func suiteClient() queuetest.Client[pgio.Row] {
	return queuetest.Client[pgio.Row]{
		Source: func(queue string) (stages.Source[pgio.Row], func(), error) {
			pool, err := pgxpool.New(context.Background(), os.Getenv(address))
			if err != nil {
				return nil, nil, err
			}
			return pgio.NewQueue(pool, queue, setup(queue)...).Source(), pool.Close, nil
		},
		Message: func(r pgio.Row) queuetest.Message { return queuetest.Message{Key: r.Key, Payload: r.Payload} },
	}
}

func message(_ context.Context, m queuetest.Message) (pgio.Message, error) {
	return pgio.Message{Key: m.Key, Payload: m.Payload}, nil
}

// TestConformance plays the suite of connectors, with real processes that are killed and a server
// that is killed.
func TestConformance(t *testing.T) {
	for order, promised := range map[string]queuetest.Order{"free": queuetest.Unordered, "per key": queuetest.OrderedGroup} {
		t.Run(order, func(t *testing.T) { conform(t, order, promised) })
	}
}

func conform(t *testing.T, order string, promised queuetest.Order) {
	pool := connect(t)
	var names atomic.Int64
	queuetest.Run(t, queuetest.Broker[pgio.Row]{
		Client: suiteClient(),
		Create: func(t testing.TB, c queuetest.Config) string {
			return fmt.Sprintf("%s %d|%v|%d|%s", t.Name(), names.Add(1), c.Term, c.InFlight, order)
		},
		Put: func(ctx context.Context, queue string, messages []queuetest.Message) error {
			rows := make([]pgio.Message, len(messages))
			for i, m := range messages {
				rows[i], _ = message(ctx, m)
			}
			return pgio.NewQueue(pool, queue).Put(ctx, pool, rows...)
		},
		Left: func(ctx context.Context, queue string) (n int, err error) {
			return n, retried(func() error {
				return pool.QueryRow(ctx, "select count(*) from weir_queue where queue = $1", queue).Scan(&n)
			})
		},
		Publish: func(queue string, s *flow.Stream[queuetest.Message]) (*flow.Graph, func(), error) {
			q := pgio.NewQueue(pool, queue)
			return s.Map("message", message).To(forEachBatch(q.PutAll)), func() {}, nil
		},
		Restart: func(t testing.TB) {
			shared.kill()
			require.NoError(t, shared.start())
		},
		FailAcks: func(t testing.TB, queue string) func() {
			name := fmt.Sprintf("mute_%d", names.Add(1))
			_, err := pool.Exec(t.Context(), fmt.Sprintf(`
				create function %[1]s() returns trigger language plpgsql as $$ begin raise exception 'mute'; end $$;
				create trigger %[1]s before delete on weir_queue for each row when (old.queue = '%[2]s') execute function %[1]s()`, name, queue))
			require.NoError(t, err)
			return func() {
				_, err := pool.Exec(t.Context(), fmt.Sprintf("drop trigger %[1]s on weir_queue; drop function %[1]s", name))
				require.NoError(t, err)
			}
		},
		// In a queue with an order, what waits for a delayed row of its key comes after it, and the
		// suite has others overtake. TestPerKeyHandsOutOneRowOfAKey shows the delay.
		Features: queuetest.Features{Order: promised, Delay: promised == queuetest.Unordered, Deliveries: true, Groups: true},
	})
}

// retried calls f again while the server restarts.
func retried(f func() error) (err error) {
	for range 100 {
		if err = f(); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}
