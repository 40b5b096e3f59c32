package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/weir-go/weir/examples/internal/chat"
	"github.com/weir-go/weir/examples/internal/godoc"
	"github.com/weir-go/weir/examples/internal/standin"
	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/breaker"
)

func main() {
	c := defaults()
	c.program().Main()
}

func (c *config) do(ctx context.Context, stdout, stderr io.Writer) error {
	switch {
	case c.join != "":
		return c.work(ctx)
	case c.scale:
		return c.measure(ctx, stdout, stderr)
	}
	return c.summarise(ctx, stdout, stderr)
}

// summarise makes one run, writes its output and prints who did what.
func (c *config) summarise(ctx context.Context, stdout, stderr io.Writer) (err error) {
	n, err := c.lister(ctx)
	if err != nil {
		return err
	}
	s, err := open(ctx, c.workers > 0, len(n.names), manners(len(n.names)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	began := time.Now()
	n.js = s.js
	t := &tally{began: began}
	if c.workers == 0 {
		t.hands = []person{{name: c.name, pid: os.Getpid(), end: "drained"}}
		err = c.alone(ctx, s, n)
	} else {
		fmt.Fprintf(stderr, "%d packages, server at %s, model at %s\n", len(n.names), s.server.ClientURL(), s.base)
		err = c.together(ctx, s, n, t, stderr)
	}
	if err != nil {
		return fmt.Errorf("%w; %s", err, s.output.progress())
	}
	if err := s.output.write(c.out); err != nil {
		return err
	}
	return t.print(ctx, stdout, s)
}

// manners are those of the quickstart, with the outage after a quarter of the packages.
func manners(packages int) standin.Manners {
	m := standin.Typical()
	m.OutageAt = max(packages/4, 1)
	return m
}

// lister returns a node for the part above.
func (c *config) lister(ctx context.Context) (*node, error) {
	dir, err := godoc.Source(ctx)
	if err != nil {
		return nil, err
	}
	n := &node{src: os.DirFS(dir), name: c.name, workers: c.calls}
	if n.names, err = godoc.List(n.src); err != nil {
		return nil, err
	}
	if c.limit > 0 {
		n.names = n.names[:min(c.limit, len(n.names))]
	}
	return n, nil
}

// alone runs both parts in this process.
func (c *config) alone(ctx context.Context, s *site, n *node) error {
	client, err := chat.New(s.base, chat.Connections(c.calls))
	if err != nil {
		return err
	}
	defer client.Close()
	n.client = client
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		ended <- n.run(context.Background(), s.nc, flow.Only(listPart, askPart), flow.StopWhen(running.Done()), flow.DrainTimeout(20*time.Second))
	}()
	err = s.await(ctx, s.output.done, ended)
	stop()
	return errors.Join(err, <-ended)
}

// together runs the part above in this process and the part below in others, and kills one of
// them when half of the summaries are there.
func (c *config) together(ctx context.Context, s *site, n *node, t *tally, stderr io.Writer) (err error) {
	crew, err := hire(ctx, s, c.workers, c.calls, stderr)
	defer func() {
		err = errors.Join(err, crew.dismiss())
		t.hands = crew.people()
	}()
	if err != nil {
		return err
	}
	published := make(chan struct{})
	go func() {
		defer close(published)
		if err := n.publish(ctx); err != nil {
			crew.failed <- err
		}
	}()
	defer func() { <-published }()
	if err := s.await(ctx, s.output.half, crew.failed); err != nil {
		return err
	}
	t.killed = time.Now()
	if err := crew.kill(); err != nil {
		return err
	}
	return s.await(ctx, s.output.done, crew.failed)
}

// publish runs the part above.
func (n *node) publish(ctx context.Context) error {
	n.breaker = breaker.Consecutive("model", 5, time.Second) // the workers have the one that counts
	_, err := n.graph().Run(context.Background(), flow.Only(listPart), flow.StopWhen(ctx.Done()), flow.DrainTimeout(20*time.Second))
	if lost := n.lost.Load(); lost != nil {
		err = errors.Join(err, fmt.Errorf("a package was not published: %w", *lost))
	}
	return err
}

// await waits until the output is as far as it should be, a process ends early, or nothing
// happens for a long time.
func (s *site) await(ctx context.Context, reached <-chan struct{}, failed chan error) error {
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for {
		select {
		case <-reached:
			return nil
		case err := <-failed:
			failed <- nil // for the one that waits for the end
			if err == nil {
				err = errors.New("the run ended early")
			}
			return early(ctx, err)
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-look.C:
			if s.output.stuck() {
				return fmt.Errorf("no new summary for %v", patience)
			}
		}
	}
}

// early returns why a run ends early. An interrupt at a terminal reaches the workers as well, and we may
// notice their end first.
func early(ctx context.Context, err error) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(time.Second):
		return err
	}
}
