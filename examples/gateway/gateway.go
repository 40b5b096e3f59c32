package main

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
)

// gateway is a flow at work, and what is known of its clients.
type gateway struct {
	config
	calls    *flow.Service[request, json.RawMessage]
	counts   counts
	stopping atomic.Bool
}

// ask makes one call of the model.
type ask func(context.Context, json.RawMessage) (json.RawMessage, error)

// open starts the flow. It is the part of this program to read.
//
// The guard is outermost and sheds: who comes when all places are taken is told so
// at once. Equal requests share a call further in, for which they hold places of
// their own. The breaker encloses the retry, and so a request that was tried in
// vain three times counts once; while it is open nobody waits for it. Requests that
// wait for their next try hold no worker. As the answers have no order to keep, a
// slow one holds up no other.
func open(c config, ask ask) (*gateway, error) {
	calls, err := flow.Serve(context.Background(), func(requests *flow.Stream[request]) *flow.Stream[json.RawMessage] {
		return requests.
			Guard(guard.Limit(c.limit, guard.Shedding(), guard.Name("gateway"))).
			Dedup(dedup.Window(c.keep, dedup.Name("prompts")), request.key).
			Breaker(breaker.Consecutive("model", 5, time.Second)).
			Retry(retry.Exponential(3, 50*time.Millisecond, retry.Name("model"))).
			Map("complete", func(ctx context.Context, r request) (json.RawMessage, error) {
				return ask(ctx, r.body)
			}, flow.Workers(c.workers), flow.Unordered())
	})
	if err != nil {
		return nil, err
	}
	return &gateway{config: c, calls: calls}, nil
}

// close ends the flow: nothing may be in work any more. It returns the report.
func (g *gateway) close() (*flow.Report, error) {
	g.calls.Stop()
	return g.calls.Wait()
}
