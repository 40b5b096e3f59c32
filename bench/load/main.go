package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/weir-go/weir/bench/load/internal/chart"
	"github.com/weir-go/weir/bench/load/internal/report"
)

// main turns the first Ctrl-C into the end of the context, and leaves the second
// to do what it always does. Deferred calls do not survive os.Exit, which is why
// all the rest is in run.
func main() {
	if role, ok := roles[firstOf(os.Args[1:])]; ok {
		os.Exit(role(os.Stdin, os.Stdout, os.Stderr))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func firstOf(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// run is main without the process around it. It returns the exit status: 0, 1
// where something failed or grew, 2 where it was asked for wrongly, 130 where it
// was interrupted. A failure is a line on stderr, which the children write to as
// well, at any time, as one may to a file.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		printUsage(stdout)
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "load: %v (-h for help)\n", err)
		return 2
	}
	results, err := conduct(ctx, c, stderr)
	err = errors.Join(err, c.publish(results, stdout))
	if err != nil {
		fmt.Fprintf(stderr, "load: %v\n", err)
	}
	switch {
	case ctx.Err() != nil:
		return 130 // what a shell shows for Ctrl-C
	case err != nil:
		return 1
	}
	return 0
}

// publish writes what there is, also after an interruption.
func (c config) publish(r report.Results, stdout io.Writer) error {
	if len(r.Runs) == 0 {
		return nil
	}
	fmt.Fprintf(stdout, "%s\n\n", r.Machine)
	err := r.Table(stdout)
	if c.json != "" {
		err = errors.Join(err, write(c.json, r.JSON))
	}
	if c.plots == "" {
		return err
	}
	return errors.Join(err, os.MkdirAll(c.plots, 0o755),
		write(filepath.Join(c.plots, "latency.svg"), func(w io.Writer) error { return chart.Latency(w, r) }),
		write(filepath.Join(c.plots, "goodput.svg"), func(w io.Writer) error { return chart.Goodput(w, r) }))
}

// write makes a file of what put writes.
func write(name string, put func(io.Writer) error) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return put(f)
}
