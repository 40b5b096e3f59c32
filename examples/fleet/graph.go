package main

import (
	"context"
	"encoding/json"
	"io/fs"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/weir-go/weir/examples/internal/chat"
	"github.com/weir-go/weir/examples/internal/glossary"
	"github.com/weir-go/weir/examples/internal/godoc"
	"github.com/weir-go/weir/examples/internal/standin"
	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/natsio"
)

// The parts of the graph. Through names the part below after its topic.
const (
	listPart = "packages"
	askPart  = "summarise"
)

// ackWait is how long the items of a dead worker wait until another worker gets them.
const ackWait = 2 * time.Second

// job is what crosses the topic: the worker needs no source code of Go.
type job struct {
	Package  string
	Question chat.Request
}

// entry is a line of the output.
type entry struct {
	Package string `json:"package"`
	Summary string `json:"summary,omitempty"`
	// Failure is why there is no summary.
	Failure string `json:"failure,omitempty"`
}

// node is a process of the fleet. A process that runs only one part has no use for the fields of
// the other one.
type node struct {
	js jetstream.JetStream

	src   fs.FS // of the part above
	names []string
	known map[string]job // jobs that have been read before
	lost  atomic.Pointer[error]

	name    string // of the part below
	client  *chat.Client
	breaker breaker.Source
	workers int // calls at a time
	calls   atomic.Int64
}

// graph wires the job. It is the part of this program to read, and the same in every process.
//
// The topic holds few items for each process, so that a worker takes no more than it can do
// soon. The retry encloses the breaker as in the quickstart: items wait while it is open.
func (n *node) graph() *flow.Graph {
	return flow.From(stages.SourceFunc[string](n.list), stages.Name(listPart)).
		Map("read", n.read).
		Through(askPart, natsio.Topic(n.js, askPart, natsio.TopicConfig[job]{
			Consumer: jetstream.ConsumerConfig{AckWait: ackWait},
			InFlight: 2 * n.workers,
		})).
		Guard(guard.Limit(2*n.workers, guard.Name("model"))).
		Retry(retry.Exponential(10, 100*time.Millisecond, retry.RetryRejected())).
		Breaker(n.breaker).
		Map("ask", n.ask, stages.Workers(n.workers), stages.Unordered()).
		HandBack(time.Second, stages.MaxDeliveries(5)).
		DeadLetter(n.giveUp).
		Map("entry", n.message).
		To(natsio.Sink(n.js), stages.Name("publish"))
}

// list brings in the packages. Each has an ID, by which the topic drops repeats: a second run of
// this part adds nothing.
func (n *node) list(_ context.Context, out *stages.Outlet[string]) error {
	for _, name := range n.names {
		ack := func(err error) {
			if err != nil {
				n.lost.CompareAndSwap(nil, &err)
			}
		}
		if !out.Deliver(stages.Receipt{ID: name, Ack: ack}, name) {
			return nil
		}
	}
	return nil
}

// read makes the question about a package.
func (n *node) read(ctx context.Context, name string) (job, error) {
	if j, ok := n.known[name]; ok {
		return j, nil
	}
	p, err := godoc.Load(ctx, n.src, name)
	return job{Package: name, Question: glossary.Question(standin.Model, p)}, err
}

// ask asks the model once.
func (n *node) ask(ctx context.Context, j job) (entry, error) {
	n.calls.Add(1)
	a, err := n.client.Complete(ctx, j.Question)
	return entry{Package: j.Package, Summary: a.Text}, err
}

// giveUp tells the output of a package that has failed at each of its deliveries.
func (n *node) giveUp(ctx context.Context, failure *stages.ItemError) error {
	j, _ := failure.Value.(job)
	m, err := n.message(ctx, entry{Package: j.Package, Failure: failure.Err.Error()})
	if err == nil {
		_, err = n.js.PublishMsg(ctx, m)
	}
	return err
}

// message is an entry for the output stream. Its ID is the package, so that the stream has each
// package once, however often it was worked on.
func (n *node) message(_ context.Context, e entry) (*nats.Msg, error) {
	body, err := json.Marshal(e)
	return &nats.Msg{Subject: outputSubject, Data: body, Header: nats.Header{
		jetstream.MsgIDHeader: {e.Package},
		workerHeader:          {n.name},
		callsHeader:           {strconv.FormatInt(n.calls.Load(), 10)},
	}}, err
}
