package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/weir-go/weir/examples/internal/endpoint"
	"github.com/weir-go/weir/examples/internal/standin"
)

func main() {
	c := defaults()
	c.program().Main()
}

// serve is the gateway from the first connection to the report. It is no failure
// that it was stopped: that is how a gateway ends.
func (c *config) serve(ctx context.Context, stdout, stderr io.Writer) (err error) {
	model, err := endpoint.Connect(ctx, c.endpoint(), standin.Typical())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, model.Close()) }()
	listener, err := net.Listen("tcp", c.addr)
	if err != nil {
		return err
	}
	g, err := open(*c, model.Client.Forward)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	fmt.Fprintf(stderr, "http://%s/v1 asks %s; Ctrl-C ends it\n", listener.Addr(), model.Base)
	report, err := g.serve(ctx, listener)
	_, printed := fmt.Fprint(stdout, report)
	return errors.Join(err, printed)
}
