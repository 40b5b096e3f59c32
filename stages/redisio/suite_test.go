package redisio_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/flow/flowtest/queuetest"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/redisio"
	"github.com/weir-go/weir/stages/sink"
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

// suiteClient reads what it must know from the name of the queue: name, term, in-flight bound, and
// the address of a proxy of its own.
func suiteClient() queuetest.Client[redis.XMessage] {
	return queuetest.Client[redis.XMessage]{
		Source: func(queue string) (stages.Source[redis.XMessage], func(), error) {
			parts := strings.Split(queue, "|")
			term, _ := time.ParseDuration(parts[1])
			inFlight, _ := strconv.Atoi(parts[2])
			c := redis.NewClient(&redis.Options{Addr: parts[3]})
			s := redisio.NewStream(c, queue, "g", redisio.Term(term), redisio.InFlight(inFlight))
			return s.Source(), func() { _ = c.Close() }, nil
		},
		Message: func(m redis.XMessage) queuetest.Message {
			key, _ := m.Values["key"].(string)
			payload, _ := m.Values["payload"].(string)
			return queuetest.Message{Key: key, Payload: []byte(payload)}
		},
	}
}

func entry(m queuetest.Message) (any, error) { return []any{"key", m.Key, "payload", m.Payload}, nil }

// TestConformance plays the suite of connectors, with real processes that are killed and a server
// that is killed.
func TestConformance(t *testing.T) {
	c, names := connect(t), 0
	var mu sync.Mutex
	proxies := map[string]*queuetest.Proxy{}
	queuetest.Run(t, queuetest.Broker[redis.XMessage]{
		Client: suiteClient(),
		Create: func(t testing.TB, config queuetest.Config) string {
			mu.Lock()
			defer mu.Unlock()
			names++
			p := queuetest.NewProxy(t, shared.addr)
			queue := fmt.Sprintf("%s %d|%v|%d|%s", t.Name(), names, config.Term, config.InFlight, p.Addr())
			proxies[queue] = p
			require.NoError(t, c.XGroupCreateMkStream(t.Context(), queue, "g", "0").Err())
			return queue
		},
		Put: func(ctx context.Context, queue string, messages []queuetest.Message) error {
			return redisio.Append(c, queue, 0, entry)(ctx, messages)
		},
		Left: func(ctx context.Context, queue string) (n int, err error) {
			groups, err := c.XInfoGroups(ctx, queue).Result()
			for _, g := range groups {
				n += int(g.Lag + g.Pending)
			}
			return n, err
		},
		Publish: func(queue string, s *flow.Stream[queuetest.Message]) (*flow.Graph, func(), error) {
			return s.To(sink.ForEachBatch(100, 5*time.Millisecond, redisio.Append(c, queue, 0, entry))), func() {}, nil
		},
		Restart: func(t testing.TB) {
			shared.kill()
			require.NoError(t, shared.start())
		},
		FailAcks: func(t testing.TB, queue string) func() {
			mu.Lock()
			defer mu.Unlock()
			p := proxies[queue]
			p.Cut()
			return p.Heal
		},
		Features: queuetest.Features{Order: queuetest.OrderedMember, Delay: true, Deliveries: true, Groups: true},
	})
}
