package standin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// ErrStarted is returned by [Server.Start] of a server that was started before.
var ErrStarted = errors.New("standin: already started")

// Server is the service. Make it with [New]. It is safe for concurrent use, and
// works as a plain http.Handler as well.
type Server struct {
	manners Manners
	routes  *http.ServeMux

	mu     sync.Mutex
	record record // guarded by mu, as is http

	http     *http.Server
	serving  chan struct{}  // closed when the accept loop has ended
	sessions sync.WaitGroup // one for each open connection
}

// New returns a service with the given manners; the zero value is a perfect one
// that answers at once. It starts nothing. The error names all that is wrong with
// the manners.
func New(m Manners) (*Server, error) {
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("standin: %w", err)
	}
	s := &Server{manners: m, routes: http.NewServeMux(), record: record{tries: map[uint64]int{}}}
	s.routes.HandleFunc("GET /v1/models", s.models)
	s.routes.HandleFunc("POST /v1/chat/completions", s.complete)
	return s, nil
}

// Start serves on a free port of the loopback interface and returns the base URL
// for a client, at once. End it with [Server.Close].
func (s *Server) Start() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.http != nil {
		return "", ErrStarted
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("standin: %w", err)
	}
	server := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, ConnState: s.track}
	s.http, s.serving = server, make(chan struct{})
	go func() {
		defer close(s.serving)
		// It always returns an error, and after Close that is not one.
		_ = server.Serve(listener)
	}()
	return "http://" + listener.Addr().String() + "/v1", nil
}

// track counts the open connections. New ones are reported by the accept loop
// itself, so none can be added once that has ended and Close waits.
func (s *Server) track(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.sessions.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.sessions.Done()
	}
}

// Close cuts all connections and waits until nothing of the server runs any
// more. A request under way sees its connection closed. It is fine to call it twice,
// or on a server that was never started.
func (s *Server) Close() error {
	s.mu.Lock()
	server := s.http
	s.mu.Unlock()
	if server == nil {
		return nil
	}
	// Not Shutdown: it waits up to five seconds for a connection that was opened and
	// not used yet, and clients open such connections ahead of need.
	err := server.Close()
	<-s.serving
	s.sessions.Wait()
	return err
}

// ServeHTTP answers one request. It blocks for the latency that the manners ask
// for, or until the caller has gone.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.routes.ServeHTTP(w, r) }

// models lists the one model. It has no faults and is not counted: it is there
// for a client that wants to know whether anybody answers.
func (s *Server) models(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, map[string]any{"object": "list", "data": []any{
		map[string]string{"id": Model, "object": "model"},
	}})
}

func (s *Server) complete(w http.ResponseWriter, r *http.Request) {
	question, err := read(w, r)
	if err != nil {
		s.mu.Lock()
		s.record.served.Requests++
		s.record.served.Rejected++
		s.mu.Unlock()
		fail(w, http.StatusBadRequest, "invalid_request_error", err.Error())
		return
	}
	s.mu.Lock()
	fate := s.record.next(s.manners, question.prompt())
	s.mu.Unlock()
	// The latency is spent without the lock: the service is slow, not serial.
	if !wait(r.Context(), fate.latency) {
		return
	}
	switch fate.kind {
	case throttled:
		w.Header().Set("Retry-After", strconv.Itoa(int(s.manners.RetryAfter/time.Second)))
		fail(w, http.StatusTooManyRequests, "rate_limit_exceeded", "too many requests, come back later")
	case failed:
		fail(w, http.StatusInternalServerError, "server_error", "the model has stumbled")
	case refused:
		fail(w, http.StatusServiceUnavailable, "service_unavailable", "the service is down")
	case dropped:
		// The documented way to cut the connection without an answer.
		panic(http.ErrAbortHandler)
	default:
		reply(w, http.StatusOK, question.answer())
	}
}

// wait reports false where the caller went away first.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// reply sends a value. A caller that has gone is none of the server's business, so
// the error of the last write is dropped.
func reply(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}

// fail sends an error in the form that OpenAI documents.
func fail(w http.ResponseWriter, status int, code, message string) {
	reply(w, status, map[string]any{"error": map[string]string{"message": message, "type": code, "code": code}})
}
