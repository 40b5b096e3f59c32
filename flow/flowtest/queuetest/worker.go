package queuetest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
)

// variable is the environment variable with the orders for a worker process.
const variable = "WEIR_QUEUETEST_WORKER"

// orders tell a worker process what to do.
type orders struct {
	Queue, Member, Journal string
	Order                  Order
	Drain                  time.Duration
}

// Main runs the tests and exits, or works on a queue if the process was started as a worker by
// [Run]. TestMain calls it. after is optional. It is called in the process of the tests only, with
// the exit code of the tests, and returns the code to exit with.
func Main[M any](m *testing.M, c Client[M], after ...func(code int) int) {
	if told := os.Getenv(variable); told != "" {
		if err := obey(told, c); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	for _, f := range after {
		code = f(code)
	}
	os.Exit(code)
}

// obey runs the flow of a worker process until it is signalled.
func obey[M any](told string, c Client[M]) error {
	go func() { // ends the process if the test has gone
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	var o orders
	if err := json.Unmarshal([]byte(told), &o); err != nil {
		return err
	}
	journal, err := os.OpenFile(o.Journal, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	source, end, err := c.Source(o.Queue)
	if err != nil {
		return err
	}
	defer end()
	run, err := work(flow.From(source), c.Message, o.Order, func(_ context.Context, m string) error {
		_, err := journal.Write(line(o.Member, m))
		return err
	}).Start(context.Background(), flow.StopOnSignal(), flow.DrainTimeout(o.Drain))
	if err != nil {
		return err
	}
	if _, err := journal.Write(started(o.Member)); err != nil {
		run.Abort(err)
	}
	_, err = run.Wait()
	return err
}

// work makes the flow of a worker process.
func work[M any](s *flow.Stream[M], message func(M) Message, order Order, done func(context.Context, string) error) *flow.Graph {
	call := func(_ context.Context, m M) (string, error) {
		got := message(m)
		if key, _ := parse(string(got.Payload)); key != got.Key {
			return "", fmt.Errorf("queuetest: message %.80q has key %q", got.Payload, got.Key)
		}
		time.Sleep(2 * time.Millisecond) // the time that work takes
		return string(got.Payload), nil
	}
	if order == Unordered {
		return s.Map("work", call, stages.Workers(workers), stages.Unordered()).To(sink.ForEach(done))
	}
	return s.Lanes("work", func(m M) string { return message(m).Key }, call, stages.Workers(workers)).To(sink.ForEach(done))
}
