package main

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	outputStream  = "SUMMARIES"
	outputSubject = outputStream + ".entry"
	workerHeader  = "Fleet-Worker"
	callsHeader   = "Fleet-Calls" // of the worker so far
)

// deeds is what a worker has done.
type deeds struct {
	summaries int
	calls     int
}

// output has the summaries of a run as they come in.
type output struct {
	want int
	half chan struct{} // closed when half of them are there
	done chan struct{} // closed when all are there

	mu       sync.Mutex
	entries  map[string]entry
	repeated int
	failed   int
	by       map[string]deeds
	last     time.Time
}

func newOutput(want int) *output {
	return &output{
		want: want, half: make(chan struct{}), done: make(chan struct{}),
		entries: map[string]entry{}, by: map[string]deeds{}, last: time.Now(),
	}
}

// follow reads the output stream until stop is called.
func (o *output) follow(ctx context.Context, js jetstream.JetStream) (stop func(), err error) {
	stream, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: outputStream, Subjects: []string{outputSubject}})
	if err != nil {
		return nil, err
	}
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return nil, err
	}
	consuming, err := consumer.Consume(o.take)
	if err != nil {
		return nil, err
	}
	return func() { consuming.Stop(); <-consuming.Closed() }, nil
}

// take is called with one message at a time.
func (o *output) take(m jetstream.Msg) {
	var e entry
	if json.Unmarshal(m.Data(), &e) != nil {
		return
	}
	calls, _ := strconv.Atoi(m.Headers().Get(callsHeader))
	o.add(m.Headers().Get(workerHeader), calls, e)
}

func (o *output) add(worker string, calls int, e entry) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, there := o.entries[e.Package]; there {
		o.repeated++
		return
	}
	o.entries[e.Package], o.last = e, time.Now()
	d := o.by[worker]
	if d.calls = max(d.calls, calls); e.Failure == "" {
		d.summaries++
	} else {
		o.failed++
	}
	o.by[worker] = d
	if len(o.entries) == (o.want+1)/2 {
		close(o.half)
	}
	if len(o.entries) == o.want {
		close(o.done)
	}
}

// stuck reports whether there was no new summary for a long time.
func (o *output) stuck() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return time.Since(o.last) > patience
}

// write writes the entries to a file, sorted.
func (o *output) write(file string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var lines bytes.Buffer
	out := json.NewEncoder(&lines)
	for _, name := range slices.Sorted(maps.Keys(o.entries)) {
		if err := out.Encode(o.entries[name]); err != nil {
			return err
		}
	}
	return os.WriteFile(file, lines.Bytes(), 0o644)
}
