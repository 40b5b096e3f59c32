package live_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/flow/live"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/deadletter"
	"github.com/weir-go/weir/stages/sink"
)

// order is an item of the shop, whose flow the tests look at.
type order struct {
	ID       int    `json:"id"`
	Customer string `json:"customer"`
	Card     string `json:"card"`
}

// shop is a flow with two branches. One of them is slow: backpressure begins at "invoice".
type shop struct {
	letters deadletter.Memory[order]
	places  *guard.Guard
	broken  func(order) bool // whether a call for the order fails
	slow    time.Duration    // what an invoice takes
	every   time.Duration    // an order
	options []flow.RunOption
}

func newShop() *shop {
	return &shop{
		places: guard.Of(guard.Limit(48, guard.Name("prices"))),
		broken: func(o order) bool { return o.ID%40 == 4 }, slow: 5 * time.Millisecond, every: time.Millisecond,
	}
}

// orders brings an order in, again and again.
func (s *shop) orders(ctx context.Context, out *stages.Outlet[order]) error {
	tick := time.NewTicker(s.every)
	defer tick.Stop()
	for i := 1; ; i++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			out.Emit(order{ID: i, Customer: fmt.Sprintf("customer %d", i%700), Card: "4111 1111 1111 1111"})
		}
	}
}

var errPrices = errors.New("prices: 503 Service Unavailable")

func (s *shop) price(ctx context.Context, o order) (order, error) {
	select {
	case <-time.After(9 * time.Millisecond):
	case <-ctx.Done():
		return o, ctx.Err()
	}
	if s.broken(o) {
		return o, errPrices
	}
	return o, nil
}

func wait(d time.Duration) func(context.Context, order) (order, error) {
	return func(_ context.Context, o order) (order, error) { time.Sleep(d); return o, nil }
}

func (s *shop) graph() *flow.Graph {
	known := func(_ context.Context, o order) (bool, error) { return o.ID%50 != 0, nil }
	priced := flow.From(stages.SourceFunc[order](s.orders), stages.Name("orders")).
		Filter("known", known).
		Guard(s.places).
		Dedup(dedup.Window(time.Second, dedup.Name("customers")), func(o order) string { return o.Customer }).
		Retry(retry.Constant(3, 30*time.Millisecond, retry.RetryRejected())).
		Breaker(breaker.Consecutive("prices", 6, time.Second)).
		Map("price", s.price, stages.Workers(12)).
		DeadLetter(s.letters.Put, stages.Name("unpriced"))
	both := priced.Broadcast(2)
	both[0].Map("invoice", wait(s.slow), stages.Workers(4), stages.Buffer(64)).Batch(20, time.Second, stages.Name("pages")).
		To(sink.ForEach(func(context.Context, []order) error { return nil }), stages.Name("printer"))
	return both[1].Map("index", func(_ context.Context, o order) (order, error) { return o, nil }).
		To(sink.ForEach(func(context.Context, order) error { return nil }), stages.Name("search"))
}

// open starts the flow of the shop with a page under a prefix, and ends both with the test.
func (s *shop) open(t *testing.T, opts ...live.Option) (run *flow.Run, url string) {
	t.Helper()
	run, err := s.graph().Start(context.Background(), append(s.options, flow.Named("shop"), flow.DrainTimeout(10*time.Second))...)
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("/ops/live/", live.Handler(run, opts...))
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		run.Abort(errors.New("the test is over"))
		_, _ = run.Wait()
		server.CloseClientConnections()
		server.Close()
	})
	return run, server.URL + "/ops/live/"
}

// dead lets the page show the letters of the shop without card numbers, and replay them.
func (s *shop) dead() live.Option {
	return live.DeadLetters(live.Letters[order]{
		Store: &s.letters,
		Show: func(l deadletter.Letter[order]) string {
			return fmt.Sprintf("order %d of %s, card hidden", l.Value.ID, l.Value.Customer)
		},
		Replay: func(ctx context.Context, orders *deadletter.Replay[order]) error {
			_, err := flow.From(orders).To(sink.ForEach(func(context.Context, order) error { return nil })).Run(ctx)
			return err
		},
	})
}
