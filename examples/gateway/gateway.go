package main

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/section"
)

// gateway is a running flow, and the figures of its clients.
type gateway struct {
	config
	calls       *flow.Service[request, json.RawMessage]
	door        *guard.Guard // has a place for each request; see [config.places]
	connections *guard.Guard // has a place for each connection
	counts      counts
	stopping    atomic.Bool
}

// ask makes one call of the model.
type ask func(context.Context, json.RawMessage) (json.RawMessage, error)

// open starts the flow. It is the part of this program to read.
//
// The guard is outermost and sheds: if all places are taken, it refuses a request at
// once. Equal requests share a call further in; each of them holds a place. The dedup
// keeps answers up to a number of bytes. The breaker encloses the timeout and the
// retry, so a request counts once if its three tries fail, or if the model hangs. While
// the breaker is open, no request waits for the model. A request that waits for its
// next try holds no worker. The answers have no order, so a slow one does not delay the
// others. Workers make the calls: a client gets its answer when its own time is up, even
// if the call goes on for other clients.
func open(c config, ask ask, opts ...flow.RunOption) (*gateway, error) {
	answers, kept := dedup.New[hash](dedup.Window(c.keep, dedup.MaxWeight(int64(c.cache)<<20), dedup.Name("prompts")),
		dedup.Hooks[section.Answer]{Weigh: weigh})
	door, places := guard.New(guard.Limit(c.places(), guard.MaxQueue(c.places()), guard.Name("door")))
	connections, clients := guard.New(guard.Limit(c.clients, guard.Name("connections")))
	if err := errors.Join(kept, places, clients); err != nil {
		return nil, err
	}
	calls, err := flow.Serve(context.Background(), func(requests *flow.Stream[request]) *flow.Stream[json.RawMessage] {
		return requests.
			Guard(guard.Limit(c.limit, guard.Shedding(), guard.Name("gateway"))).
			Dedup(answers, request.key).
			Breaker(breaker.Consecutive("model", 5, time.Second, breaker.Classify(verdict))).
			Timeout(c.timeout).
			Retry(retry.Exponential(3, 50*time.Millisecond, retry.Name("model"))).
			Map("complete", func(ctx context.Context, r request) (json.RawMessage, error) {
				return ask(ctx, r.body)
			}, stages.Workers(c.workers), stages.Unordered())
	}, append(opts, flow.ByWorkers())...)
	if err != nil {
		return nil, err
	}
	return &gateway{config: c, calls: calls, door: door, connections: connections}, nil
}

// close ends the flow, when no request is in work any more. It returns the report.
func (g *gateway) close() (*flow.Report, error) {
	g.calls.Stop()
	return g.calls.Wait()
}

// weigh returns how many bytes an answer keeps from the garbage collector.
func weigh(a section.Answer) int64 {
	body, _ := a.Result[json.RawMessage]()
	return int64(cap(body))
}

// verdict says what a failure means to the breaker. A client may wait for less time
// than the model needs. That its time is up says nothing about the model: otherwise a
// client in a hurry could open the breaker for all. The timeout of the flow is the same
// for all requests, and is a failure of the model.
func verdict(ctx context.Context, err error) outcome.Outcome {
	if errors.Is(err, stages.ErrExpired) {
		return outcome.Outcome{Kind: outcome.Ignored}
	}
	return outcome.Classify(ctx, err)
}
