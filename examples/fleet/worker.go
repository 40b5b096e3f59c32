package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/weir-go/weir/examples/internal/chat"
	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/store/fleet"
	"github.com/weir-go/weir/stages/natsio"
)

// work joins a fleet as a worker until ctx ends, and then drains. A worker whose server stays
// away for 5 seconds ends with an error.
func (c *config) work(ctx context.Context) error {
	// Without the server a worker could only wait for retries whose results it cannot deliver.
	running, abort := context.WithCancelCause(context.Background())
	defer abort(nil)
	nc, err := nats.Connect(c.join, nats.Name(c.name), nats.MaxReconnects(20), nats.ReconnectWait(250*time.Millisecond),
		nats.ClosedHandler(func(*nats.Conn) { abort(errGone) }))
	if err != nil {
		return fmt.Errorf("%s: %w", c.join, err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	client, err := chat.New(c.modelAt, chat.Connections(c.calls))
	if err != nil {
		return err
	}
	defer client.Close()
	n := &node{js: js, name: c.name, client: client, workers: c.calls}
	ready := flow.OnStart(func(*flow.Run) { tell(nc, news{Worker: c.name, Pid: os.Getpid()}) })
	err = n.run(running, nc, ready, flow.StopWhen(ctx.Done()), flow.DrainTimeout(20*time.Second))
	if gone := context.Cause(running); gone != nil {
		return fmt.Errorf("%s: %w", c.name, gone)
	}
	return errors.Join(err, nc.Flush())
}

var errGone = errors.New("the server has gone")

// run runs the graph, and beside it what shares the breaker. The end of running aborts it.
func (n *node) run(running context.Context, nc *nats.Conn, opts ...flow.RunOption) error {
	ctx, cancel := context.WithCancel(running)
	defer cancel()
	b, err := n.share(ctx, nc)
	if err != nil {
		return err
	}
	n.breaker = b
	var sharing sync.WaitGroup
	sharing.Go(func() { _ = b.Run(ctx) })
	report, err := n.graph().Run(running, opts...)
	if report != nil {
		err = errors.Join(err, report.Check())
	}
	cancel()
	sharing.Wait()
	return err
}

// share makes the breaker that all workers share. One of them opens it after 5 failures in a row,
// and one of them probes for all.
func (n *node) share(ctx context.Context, nc *nats.Conn) (*fleet.Breaker, error) {
	ctx, end := context.WithTimeout(ctx, 10*time.Second)
	defer end()
	store, err := natsio.NewStore(ctx, n.js, jetstream.StreamConfig{Name: "FLEET", Storage: jetstream.MemoryStorage})
	if err != nil {
		return nil, err
	}
	told := breaker.OnChange(func(c breaker.Change) { tell(nc, changed(n.name, c)) })
	return fleet.NewBreaker(store, breaker.Consecutive("model", 5, 500*time.Millisecond, told),
		fleet.Node(n.name), fleet.ProbeOnce(ackWait), fleet.Timeout(time.Second))
}
