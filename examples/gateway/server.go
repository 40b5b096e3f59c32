package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/weir-go/weir/flow"
)

// maxHeader is the longest header that the gateway takes, in bytes.
const maxHeader = 16 << 10

// idle is how long a connection may be without a request.
const idle = time.Minute

// routes is what the gateway serves.
func (g *gateway) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/chat/completions", g.complete)
	mux.HandleFunc("GET /metrics", g.metrics)
	mux.HandleFunc("GET /healthz", g.health)
	return mux
}

// server returns the HTTP server, with a bound on each of its times. The times to read
// and to write begin with the request, so they include its wait for a place and for the
// model. The handler knows when the client's part begins, and sets shorter times then.
func (g *gateway) server() *http.Server {
	all := g.wait + 2*g.transfer
	return &http.Server{
		Handler: g.routes(), MaxHeaderBytes: maxHeader,
		ReadHeaderTimeout: g.transfer, ReadTimeout: all, WriteTimeout: all, IdleTimeout: idle,
	}
}

// health tells a load balancer whether to send requests here. A model that is down
// is no reason to send none: the breaker answers for it.
func (g *gateway) health(w http.ResponseWriter, _ *http.Request) {
	if g.stopping.Load() {
		reply(w, http.StatusServiceUnavailable, map[string]string{"status": "stopping"})
		return
	}
	reply(w, http.StatusOK, map[string]string{"status": "ok"})
}

// serve serves the listener until ctx ends. Then it answers the requests in work, and
// returns the report of the run.
func (g *gateway) serve(ctx context.Context, listener net.Listener) (*flow.Report, error) {
	server := g.server()
	over := make(chan error, 1)
	go func() { over <- server.Serve(bound(listener, g.connections)) }()
	var err error
	select {
	case <-ctx.Done():
		g.stopping.Store(true)
		err = g.shutdown(server)
		<-over // always an error, which means nothing after a shutdown
	case err = <-over:
		err = errors.Join(err, server.Close())
	}
	report, fault := g.close()
	return report, errors.Join(err, fault)
}

// shutdown takes no more connections, and waits for the requests in work. When the time
// is up, it refuses the requests that are left, and after a second it cuts their
// connections.
func (g *gateway) shutdown(server *http.Server) error {
	grace, cancel := context.WithTimeout(context.Background(), g.drain)
	defer cancel()
	if server.Shutdown(grace) == nil {
		return nil
	}
	g.calls.Abort(flow.ErrDrainTimeout)
	moment, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if server.Shutdown(moment) == nil {
		return nil
	}
	return errors.Join(errors.New("requests were cut off"), server.Close())
}
