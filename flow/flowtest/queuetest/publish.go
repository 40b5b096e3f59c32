package queuetest

import (
	"context"
	"fmt"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages/source"
)

// published publishes messages by the sink, and consumes them.
func published[M any](tr *trial[M]) {
	tr.skipUnless(tr.b.Publish != nil, "Broker.Publish is nil")
	const n = 1000
	tr.create(unused)
	var messages []Message
	for i := range n {
		key := fmt.Sprintf("key%d", i%keys)
		messages = append(messages, Message{key, []byte(name(key, tr.next[key]))})
		tr.next[key]++
	}
	tr.put = n
	graph, end, err := tr.b.Publish(tr.queue, flow.From(source.Slice(messages)))
	tr.fine(err, "Publish")
	_, err = graph.Run(tr.Context())
	end()
	tr.fine(err, "the run that publishes")
	tr.need(tr.left() == n, "the run that publishes has ended, and the broker has %d messages of %d", tr.left(), n)
	m := tr.join(tr.worker)
	tr.complete()
	m.leave()
	tr.once()
	tr.ordered(OrderedMember)
}

// forwarded moves messages from one queue to another, and restarts a member in between.
func forwarded[M any](tr *trial[M]) {
	tr.skipUnless(tr.b.Publish != nil, "Broker.Publish is nil")
	tr.create(unused)
	from := tr.queue
	tr.load(10 * inFlight)
	to := tr.b.Create(tr.TB, Config{Term: unused, InFlight: inFlight, Members: 1})
	var end func()
	forward := func(_ string, s *flow.Stream[M]) *flow.Graph {
		graph, e, err := tr.b.Publish(to, s.Map("forward", func(_ context.Context, m M) (Message, error) { return tr.b.Message(m), nil }))
		tr.fine(err, "Publish")
		end = e
		return graph
	}
	there := func() int { n, err := tr.b.Left(tr.Context(), to); tr.fine(err, "Left"); return n }
	m := tr.join(forward)
	tr.until("messages are forwarded", func() bool { return there() > inFlight })
	m.leave()
	end()
	tr.until("all messages are in one of the queues", func() bool { return tr.left()+there() == tr.total() })
	m = tr.join(forward)
	tr.until("all messages are forwarded", func() bool { return tr.left() == 0 })
	m.leave()
	end()
	tr.queue = to
	m = tr.join(tr.worker)
	time.Sleep(step)
	tr.complete()
	m.leave()
	tr.once()
	tr.queue = from
}
