package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/weir-go/weir/examples/internal/endpoint"
	"github.com/weir-go/weir/examples/internal/standin"
	"github.com/weir-go/weir/examples/quickstart/internal/godoc"
	"github.com/weir-go/weir/examples/quickstart/internal/progress"
)

// main turns the first Ctrl-C into the end of the context, and leaves the second
// to do what it always does. Deferred calls do not survive os.Exit, which is why
// all the rest is in run.
func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main without the process around it. It returns the exit status: 0, 1
// where the run failed, 2 where it was asked for wrongly. A failure is one line on
// stderr.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	c, err := parse(args, getenv)
	switch {
	case errors.Is(err, flag.ErrHelp):
		printUsage(stdout)
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "quickstart: %v (-h for help)\n", err)
		return 2
	}
	err = compile(ctx, c, stdout, stderr)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errInterrupted):
		fmt.Fprintf(stderr, "quickstart: %v\n", err)
		return 130 // what a shell shows for Ctrl-C
	}
	fmt.Fprintf(stderr, "quickstart: %v\n", err)
	return 1
}

// patience is how long the service may be down before the run is given up.
const patience = 15 * time.Second

// compile makes the glossary and prints the report.
func compile(ctx context.Context, c config, stdout, stderr io.Writer) (err error) {
	dir, err := godoc.Source(ctx)
	if err != nil {
		return err
	}
	src := os.DirFS(dir)
	names, err := godoc.List(src)
	if err != nil {
		return err
	}
	if c.limit > 0 {
		names = names[:min(c.limit, len(names))]
	}
	// The service comes last: what can fail without it should fail before it is
	// asked. But the file, whose old content is lost, is opened after that.
	service, err := endpoint.Connect(ctx, c.endpoint(), standin.Typical())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, service.Close()) }()
	out, err := c.open(stdout)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	summary := stdout
	if c.out == "-" {
		summary = stderr
	}
	fmt.Fprintf(stderr, "%d packages in %s, summarised by %s at %s\n", len(names), dir, c.model, service.Base)

	s := &survey{
		src: src, names: names, model: c.model, workers: c.workers, client: service.Client,
		out: out, progress: progress.New(stderr, 0),
		outage: &outage{patience: patience, began: time.Now()},
	}
	rep, err := s.run(ctx)
	s.progress.Close()
	if rep == nil {
		return err
	}
	return errors.Join(err, summarize(summary, rep, s.outage, service.Standin))
}

// open opens where the glossary goes.
func (c config) open(stdout io.Writer) (io.WriteCloser, error) {
	if c.out == "-" {
		return unclosed{stdout}, nil
	}
	return os.Create(c.out)
}

// unclosed is a writer that somebody else closes.
type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }
