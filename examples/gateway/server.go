package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/weir-go/weir/flow"
)

// routes is what the gateway serves.
func (g *gateway) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/chat/completions", g.complete)
	mux.HandleFunc("GET /metrics", g.metrics)
	mux.HandleFunc("GET /healthz", g.health)
	return mux
}

// health tells a load balancer whether to send requests here. A model that is down
// is no reason not to: the breaker answers for it.
func (g *gateway) health(w http.ResponseWriter, _ *http.Request) {
	if g.stopping.Load() {
		reply(w, http.StatusServiceUnavailable, map[string]string{"status": "stopping"})
		return
	}
	reply(w, http.StatusOK, map[string]string{"status": "ok"})
}

// serve serves the listener until ctx ends, answers what is in work, and returns the
// report of the run.
func (g *gateway) serve(ctx context.Context, listener net.Listener) (*flow.Report, error) {
	server := &http.Server{Handler: g.routes(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute}
	over := make(chan error, 1)
	go func() { over <- server.Serve(listener) }()
	var err error
	select {
	case <-ctx.Done():
		g.stopping.Store(true)
		err = g.shutdown(server)
		<-over // it always ends with an error, and this is not one
	case err = <-over:
		err = errors.Join(err, server.Close())
	}
	report, fault := g.close()
	return report, errors.Join(err, fault)
}

// shutdown lets nobody in any more and waits for the requests in work. Those that
// are not answered in time are refused, which takes a moment, and what is left then
// is cut off.
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
	return fmt.Errorf("requests were cut off: %w", server.Close())
}
