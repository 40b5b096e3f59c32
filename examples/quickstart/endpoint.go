package main

import (
	"context"
	"errors"

	"github.com/weir-go/weir/examples/quickstart/internal/chat"
	"github.com/weir-go/weir/examples/quickstart/internal/standin"
)

// endpoint is the service that is asked.
type endpoint struct {
	client *chat.Client
	base   string
	// standin is nil where the service is a real one.
	standin *standin.Server
}

// connect reaches the configured service, or starts the stand-in, and makes sure
// that it answers: a run of minutes must not find out item by item that nobody is
// there. Close the endpoint at the end.
func connect(ctx context.Context, c config, manners standin.Manners) (*endpoint, error) {
	e := &endpoint{base: c.baseURL}
	if e.base == "" {
		server, err := standin.New(manners)
		if err != nil {
			return nil, err
		}
		e.standin = server
		if e.base, err = server.Start(); err != nil {
			return nil, err
		}
	}
	client, err := chat.New(e.base, chat.Key(c.key), chat.Timeout(c.timeout), chat.Connections(c.workers))
	if err != nil {
		return nil, errors.Join(err, e.close())
	}
	// From here on close has a client to close as well.
	e.client = client
	if err := client.Ping(ctx); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

// close gives back the connections and ends the stand-in. No call may be under way.
func (e *endpoint) close() error {
	// The client goes first: the stand-in waits for its connections to end.
	if e.client != nil {
		e.client.Close()
	}
	if e.standin != nil {
		return e.standin.Close()
	}
	return nil
}
