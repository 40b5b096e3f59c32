package natsio_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/flow/flowtest/queuetest"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/natsio"
)

// held is how many messages a member holds, as the suite asks for.
const held = 64

// A queue's name is "address/stream". The address is that of a proxy.
func client() queuetest.Client[jetstream.Msg] {
	return queuetest.Client[jetstream.Msg]{
		Source: func(queue string) (stages.Source[jetstream.Msg], func(), error) {
			addr, name, _ := strings.Cut(queue, "/")
			nc, js, err := connect(addr)
			if err != nil {
				return nil, nil, err
			}
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			c, err := js.Consumer(ctx, name, "worker")
			if err != nil {
				nc.Close()
				return nil, nil, err
			}
			return natsio.Source(js, c, natsio.InFlight(held)), nc.Close, nil
		},
		Message: func(m jetstream.Msg) queuetest.Message {
			return queuetest.Message{Key: m.Headers().Get("Key"), Payload: m.Data()}
		},
	}
}

func message(queue string, m queuetest.Message) *nats.Msg {
	_, name, _ := strings.Cut(queue, "/")
	return &nats.Msg{Subject: name + "." + m.Key, Header: nats.Header{"Key": {m.Key}}, Data: m.Payload}
}

func TestConformance(t *testing.T) {
	js := dial(t)
	var proxies sync.Map
	queuetest.Run(t, queuetest.Broker[jetstream.Msg]{
		Client: client(),
		Create: func(t testing.TB, c queuetest.Config) string {
			require.Equal(t, held, c.InFlight)
			name := fresh("Q")
			stream(t, js, name, jetstream.ConsumerConfig{AckWait: c.Term, MaxAckPending: 10000})
			p := queuetest.NewProxy(t, shared.start(t))
			queue := p.Addr() + "/" + name
			proxies.Store(queue, p)
			return queue
		},
		Put: func(ctx context.Context, queue string, ms []queuetest.Message) error {
			var futures []jetstream.PubAckFuture
			for _, m := range ms {
				f, err := js.PublishMsgAsync(message(queue, m))
				if err != nil {
					return err
				}
				futures = append(futures, f)
			}
			for _, f := range futures {
				select {
				case <-f.Ok():
				case err := <-f.Err():
					return err
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		},
		Left: func(ctx context.Context, queue string) (int, error) {
			_, name, _ := strings.Cut(queue, "/")
			s, err := js.Stream(ctx, name)
			if err != nil {
				return 0, err
			}
			return int(s.CachedInfo().State.Msgs), nil
		},
		Publish: func(queue string, s *flow.Stream[queuetest.Message]) (*flow.Graph, func(), error) {
			addr, _, _ := strings.Cut(queue, "/")
			nc, js, err := connect(addr)
			if err != nil {
				return nil, nil, err
			}
			return s.Map("encode", func(_ context.Context, m queuetest.Message) (*nats.Msg, error) { return message(queue, m), nil }).
				To(natsio.Sink(js)), nc.Close, nil
		},
		Restart: shared.restart,
		Forgets: 250 * time.Millisecond, // the server writes the state of a consumer about 10 times a second
		FailAcks: func(_ testing.TB, queue string) func() {
			p, _ := proxies.Load(queue)
			p.(*queuetest.Proxy).Cut()
			return p.(*queuetest.Proxy).Heal
		},
		Features: queuetest.Features{Order: queuetest.OrderedMember, Delay: true, Deliveries: true, Groups: true},
	})
}
