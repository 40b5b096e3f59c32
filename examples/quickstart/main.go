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

	"github.com/weir-go/weir/examples/quickstart/internal/godoc"
	"github.com/weir-go/weir/examples/quickstart/internal/standin"
)

// main turns the first Ctrl-C into the end of the context. Deferred calls do not
// survive os.Exit, which is why all the rest is in run.
func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
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
	if err := survey(ctx, c, stdout); err != nil {
		fmt.Fprintf(stderr, "quickstart: %v\n", err)
		return 1
	}
	return 0
}

// survey finds the packages and the service.
func survey(ctx context.Context, c config, stdout io.Writer) (err error) {
	dir, err := godoc.Source(ctx)
	if err != nil {
		return err
	}
	names, err := godoc.List(os.DirFS(dir))
	if err != nil {
		return err
	}
	if c.limit > 0 {
		names = names[:min(c.limit, len(names))]
	}
	// The service comes last: what can fail without it should fail before it is asked.
	service, err := connect(ctx, c, standin.Typical())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, service.close()) }()
	_, err = fmt.Fprintf(stdout, "%d packages in %s, to be summarised by %s at %s\n", len(names), dir, c.model, service.base)
	return err
}
