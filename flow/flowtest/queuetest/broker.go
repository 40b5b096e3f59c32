package queuetest

import (
	"context"
	"testing"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
)

// Message is a message as the suite makes it.
type Message struct {
	Key     string
	Payload []byte
}

// Client is what a process needs to consume a queue. The process of the test and worker processes
// have one each, so its functions share nothing but the name of the queue.
type Client[M any] struct {
	// Source connects to the queue and returns a source of its messages. close is called after
	// the run: it closes the connection.
	Source func(queue string) (source stages.Source[M], close func(), err error)
	// Message returns the key and the payload that were put.
	Message func(m M) Message
}

// Broker is a broker and its connector. The functions are called from any goroutine.
type Broker[M any] struct {
	Client[M]

	// Create makes a new, empty queue and returns its name. It may use t.Cleanup to remove it,
	// and t.Fatal.
	Create func(t testing.TB, c Config) (queue string)
	// Put adds messages to the queue in order, and returns when the broker has them.
	Put func(ctx context.Context, queue string, messages []Message) error
	// Left returns how many messages of the queue are not settled: messages that wait, that are
	// delayed, or that a member holds.
	Left func(ctx context.Context, queue string) (int, error)

	// Publish ends a stream in the connector's sink, which adds the messages to the queue. close
	// is called after the run. If Publish is nil, its cases are skipped.
	Publish func(queue string, s *flow.Stream[Message]) (graph *flow.Graph, close func(), err error)
	// Restart stops the broker, not gently, and starts it again with the data that it had. It
	// returns when the broker can be reached. Connected clients are not told. It may be nil.
	Restart func(t testing.TB)
	// Forgets is how old an acknowledgement can be that the broker has accepted and forgets at such
	// a restart, 0 if it forgets none. What was done in that time may come again.
	Forgets time.Duration
	// AckDelay is how long a member takes at most to acknowledge what is done, such as the interval
	// of its commits on a slow machine, 0 if it acknowledges at once. What was done in that time may
	// come again if the member is killed or the broker restarts.
	AckDelay time.Duration
	// FailAcks makes acknowledgements of the queue fail until heal is called: [Proxy] can do it
	// for most brokers. It may be nil.
	FailAcks func(t testing.TB, queue string) (heal func())

	// Features say what the connector promises.
	Features Features
	// Patience is how long a case waits for what must come, 2 minutes if 0. Then the case fails.
	Patience time.Duration
	// Term is the shortest time after which the broker finds out that a member has died, 1 second
	// if 0. Some cases wait for a few terms.
	Term time.Duration
}

// Config is what a case asks of a queue.
type Config struct {
	// Term is when the broker hands out again what a dead member holds: the term of a lease, or
	// the timeout of a session. It is [Broker.Term], or a minute if the case does not need it. If the
	// machine was too slow for the term, a case may begin anew with twice the term.
	Term time.Duration
	// InFlight is how many unsettled messages a member holds at most, including those that its
	// client has fetched ahead. A killed member repeats no more than that.
	InFlight int
	// Members is how many members there will be at the same time, at most.
	Members int
}

// Features are the promises that not all brokers make. The zero value promises none of them. What
// every connector promises has no field.
type Features struct {
	// Order says how far messages of one key are done in order, if a member works on each key in
	// order.
	Order Order
	// Delay: a message that is handed back for a time comes again after that time, and not before.
	// Without it, the message comes again at any time.
	Delay bool
	// Deliveries: messages come with a count of deliveries, see [stages.Receipt].
	Deliveries bool
	// Groups: several members share a queue.
	Groups bool
}

// Order says how far messages of one key are done in order.
type Order int

const (
	// Unordered promises nothing.
	Unordered Order = iota
	// OrderedMember promises order for one member that hands back nothing.
	OrderedMember
	// OrderedGroup promises order even when members come, go and die. A message is done for the
	// first time only after all messages of its key that were put before it.
	OrderedGroup
)

// String returns the name of o.
func (o Order) String() string {
	return [...]string{"unordered", "ordered member", "ordered group"}[o]
}
