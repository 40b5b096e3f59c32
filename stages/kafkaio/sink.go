package kafkaio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
)

// DefaultInFlight is how many records of a sink wait for their confirmation at a time, at most.
const DefaultInFlight = 1024

// Sink publishes records with a client, which belongs to the caller. A record is settled when the
// brokers have confirmed it. The client writes idempotently and retries what can be retried,
// unless its options say otherwise. Records of a partition keep their order. If the retries fail,
// the error stops the run. A record that was not confirmed is not acknowledged. After an abort the
// client may still publish what it has sent.
//
// A Map before the sink makes the records; kgo.KeyStringRecord and the like help.
func Sink(client *kgo.Client) stages.Sink[*kgo.Record] {
	return sink.Async(DefaultInFlight, func(ctx context.Context, r *kgo.Record, done func(error)) {
		produce(ctx, client, r, done)
	})
}

// produce publishes a record, and calls done once: with the result, or with the cause of ctx if that
// ends first. The client itself waits for the answer of a broker that it has sent the record to.
func produce(ctx context.Context, client *kgo.Client, r *kgo.Record, done func(error)) {
	if client == nil {
		done(errors.New("kafkaio: client is nil"))
		return
	}
	waits := context.AfterFunc(ctx, func() { done(fmt.Errorf("kafkaio: produce: %w", context.Cause(ctx))) })
	client.Produce(ctx, r, func(_ *kgo.Record, err error) {
		if !waits() {
			return
		}
		if err != nil {
			err = fmt.Errorf("kafkaio: produce to %q: %w", r.Topic, err)
		}
		done(err)
	})
}

// produceSync is produce, and waits for the result.
func produceSync(ctx context.Context, client *kgo.Client, r *kgo.Record) error {
	result := make(chan error, 1)
	produce(ctx, client, r, func(err error) { result <- err })
	return <-result
}

// Headers of a dead letter.
const (
	HeaderStage      = "Weir-Stage"
	HeaderError      = "Weir-Error"
	HeaderAttempts   = "Weir-Attempts"
	HeaderDeliveries = "Weir-Deliveries"
)

// DeadLetters returns a function for a DeadLetter stage that keeps failed items in a topic. It
// writes the record with its key, value and headers, adds headers that say what failed, and waits
// for the confirmation. The record is the item as a Remember stage saw it, or as it failed. An
// item that is not a record is encoded as JSON.
func DeadLetters(client *kgo.Client, topic string) func(context.Context, *stages.ItemError) error {
	return func(ctx context.Context, e *stages.ItemError) error {
		r, err := letter(e)
		if err != nil {
			return err
		}
		r.Topic = topic
		return produceSync(ctx, client, r)
	}
}

// letter returns the record of a failed item.
func letter(e *stages.ItemError) (*kgo.Record, error) {
	r := &kgo.Record{}
	from, ok := e.Origin.(*kgo.Record)
	if !ok {
		from, ok = e.Value.(*kgo.Record)
	}
	if ok {
		r.Key, r.Value = from.Key, from.Value
		r.Headers = append(r.Headers, from.Headers...)
	} else {
		b, err := json.Marshal(e.Value)
		if err != nil {
			return nil, fmt.Errorf("kafkaio: dead letter: %w", err)
		}
		r.Value = b
	}
	for _, h := range [][2]string{
		{HeaderStage, e.Stage}, {HeaderError, e.Err.Error()},
		{HeaderAttempts, strconv.Itoa(e.Attempts)}, {HeaderDeliveries, strconv.Itoa(e.Deliveries)},
	} {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h[0], Value: []byte(h[1])})
	}
	return r, nil
}
