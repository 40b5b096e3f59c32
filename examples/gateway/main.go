package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/weir-go/weir/examples/internal/endpoint"
	"github.com/weir-go/weir/examples/internal/standin"
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

// run is main without the process around it. It returns the exit status: 0 also
// where it was stopped, for that is how a gateway ends, 1 where it failed, 2 where
// it was asked for wrongly. A failure is one line on stderr.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	c, err := parse(args, getenv)
	switch {
	case errors.Is(err, flag.ErrHelp):
		printUsage(stdout)
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "gateway: %v (-h for help)\n", err)
		return 2
	}
	if err := serve(ctx, c, stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "gateway: %v\n", err)
		return 1
	}
	return 0
}

// serve is the gateway from the first connection to the report.
func serve(ctx context.Context, c config, stdout, stderr io.Writer) (err error) {
	model, err := endpoint.Connect(ctx, c.endpoint(), standin.Typical())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, model.Close()) }()
	listener, err := net.Listen("tcp", c.addr)
	if err != nil {
		return err
	}
	g, err := open(c, model.Client.Forward)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	fmt.Fprintf(stderr, "http://%s/v1 asks %s; Ctrl-C ends it\n", listener.Addr(), model.Base)
	report, err := g.serve(ctx, listener)
	_, printed := fmt.Fprint(stdout, report)
	return errors.Join(err, printed)
}
