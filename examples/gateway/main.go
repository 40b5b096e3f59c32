package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/weir-go/weir/examples/internal/endpoint"
	"github.com/weir-go/weir/examples/internal/livepage"
	"github.com/weir-go/weir/examples/internal/standin"
	"github.com/weir-go/weir/flow"
)

func main() {
	c := defaults()
	c.program().Main()
}

// serve runs the gateway from the first connection to the report. An interrupt is no
// failure: it is how a gateway ends.
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
	page, err := livepage.Open(c.live, stderr)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer func() { err = errors.Join(err, page.Close()) }()
	g, err := open(*c, model.Client.Forward, flow.Named("gateway"), page.Show())
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	fmt.Fprintf(stderr, "http://%s/v1 asks %s; Ctrl-C ends it\n", listener.Addr(), model.Base)
	report, err := g.serve(ctx, listener)
	_, printed := fmt.Fprint(stdout, report)
	return errors.Join(err, printed)
}
