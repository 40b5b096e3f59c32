package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/weir-go/weir/examples/internal/report"
	"github.com/weir-go/weir/examples/internal/standin"
)

// callTime is how long each call takes in the measurement.
const callTime = 20 * time.Millisecond

// measure prints the throughput of 1, 2 and 4 workers that make one call at a time. The questions
// are read in advance, and the clock runs from when all workers run to the last summary.
func (c *config) measure(ctx context.Context, stdout, stderr io.Writer) error {
	c.calls = 1
	n, err := c.lister(ctx)
	if err != nil {
		return err
	}
	known := map[string]job{}
	for _, name := range n.names {
		if known[name], err = n.read(ctx, name); err != nil {
			return err
		}
	}
	table := report.Table{
		Title:   fmt.Sprintf("Throughput with calls of %v, %d packages, one call at a time a worker", callTime, len(n.names)),
		Columns: []string{"workers", "time", "packages a second", "times that of one"},
	}
	var one time.Duration
	for _, workers := range []int{1, 2, 4} {
		took, err := c.lap(ctx, workers, &node{names: n.names, known: known, name: c.name, workers: c.calls}, stderr)
		if err != nil {
			return fmt.Errorf("workers: %d: %w", workers, err)
		}
		if workers == 1 {
			one = took
		}
		table.Rows = append(table.Rows, []any{workers, took,
			fmt.Sprintf("%.1f", float64(len(n.names))/took.Seconds()), fmt.Sprintf("%.2f", one.Seconds()/took.Seconds())})
	}
	return table.Write(stdout)
}

// lap is one run with healthy workers and a healthy model.
func (c *config) lap(ctx context.Context, workers int, n *node, stderr io.Writer) (took time.Duration, err error) {
	s, err := open(ctx, true, len(n.names), standin.Manners{MinLatency: callTime, MaxLatency: callTime})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	n.js = s.js
	crew, err := hire(ctx, s, workers, c.calls, stderr)
	defer func() { err = errors.Join(err, crew.dismiss()) }()
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := n.publish(ctx); err != nil {
		return 0, err
	}
	if err := s.await(ctx, s.output.done, crew.failed); err != nil {
		return 0, err
	}
	s.output.mu.Lock()
	defer s.output.mu.Unlock()
	return s.output.last.Sub(began), nil
}
