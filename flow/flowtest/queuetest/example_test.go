package queuetest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/weir-go/weir/flow/flowtest/queuetest"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/source"
)

// record is what the client of some broker calls a message.
type record struct {
	Key, Value []byte
}

// This is how the tests of a connector begin. The functions of the Client know only the name
// of the queue, because worker processes also call them.
func Example() {
	client := queuetest.Client[record]{
		Source: func(queue string) (stages.Source[record], func(), error) {
			// connect to the broker that the name tells, and return the connector's source
			return source.Slice([]record{}), func() {}, nil
		},
		Message: func(r record) queuetest.Message {
			return queuetest.Message{Key: string(r.Key), Payload: r.Value}
		},
	}
	broker := queuetest.Broker[record]{
		Client:   client,
		Create:   func(testing.TB, queuetest.Config) string { return "localhost:9092/orders" },
		Put:      func(context.Context, string, []queuetest.Message) error { return nil },
		Left:     func(context.Context, string) (int, error) { return 0, nil },
		Features: queuetest.Features{Order: queuetest.OrderedGroup, Groups: true},
	}
	// func TestMain(m *testing.M)          { queuetest.Main(m, client) }
	// func TestConformance(t *testing.T)   { queuetest.Run(t, broker) }
	fmt.Println(broker.Message(record{Key: []byte("a"), Value: []byte("1")}).Key, broker.Features.Order)
	// Output: a ordered group
}

func ExampleOrder_String() {
	fmt.Println(queuetest.Unordered, queuetest.OrderedMember, queuetest.OrderedGroup)
	// Output: unordered ordered member ordered group
}
