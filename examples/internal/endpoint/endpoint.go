// Package endpoint is the model that an example asks: a real service if one is
// configured, and otherwise a stand-in in this process.
package endpoint

import (
	"context"
	"errors"
	"time"

	"github.com/weir-go/weir/examples/internal/chat"
	"github.com/weir-go/weir/examples/internal/standin"
)

// Config says which service to ask, and how.
type Config struct {
	// BaseURL is the address of the service's API; "" is the stand-in.
	BaseURL string
	// Key is the service's key, "" for none.
	Key string
	// Timeout bounds one call.
	Timeout time.Duration
	// Connections is the number of calls at a time.
	Connections int
}

// Endpoint is a service and its client. Close it at the end.
type Endpoint struct {
	Client *chat.Client
	Base   string
	// Standin is nil if the service is a real one.
	Standin *standin.Server
}

// Connect reaches the configured service, or starts a stand-in with the given manners,
// and makes sure that it answers: a run should not learn item by item that the service
// is not there. It blocks for one round trip, at most until the timeout or the end of
// ctx. Its errors are one line each.
func Connect(ctx context.Context, c Config, manners standin.Manners) (*Endpoint, error) {
	e := &Endpoint{Base: c.BaseURL}
	if e.Base == "" {
		server, err := standin.New(manners)
		if err != nil {
			return nil, err
		}
		e.Standin = server
		if e.Base, err = server.Start(); err != nil {
			return nil, err
		}
	}
	client, err := chat.New(e.Base, chat.Key(c.Key), chat.Timeout(c.Timeout), chat.Connections(c.Connections))
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	// From here on Close also closes the client.
	e.Client = client
	if err := client.Ping(ctx); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// Close closes the connections and ends the stand-in. Call it when no call is under way.
func (e *Endpoint) Close() error {
	// The client goes first: the stand-in waits for its connections to end.
	if e.Client != nil {
		e.Client.Close()
	}
	if e.Standin != nil {
		return e.Standin.Close()
	}
	return nil
}
