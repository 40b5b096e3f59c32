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

// ErrStarted is the error of [Server.Start] if the server was started before.
var ErrStarted = errors.New("standin: already started")

// maxHeader is the longest header of a request, in bytes.
const maxHeader = 64 << 10

// Server is the service. Make it with [New]. It is safe for concurrent use, and is an
// http.Handler.
type Server struct {
	manners  Manners
	routes   *http.ServeMux
	patience time.Duration // for each part that a client has in a request

	mu     sync.Mutex
	record record // Guarded by: mu. So is http.

	http     *http.Server
	serving  chan struct{}  // closed when the accept loop has ended
	sessions sync.WaitGroup // one for each open connection
}

// New returns a service with the given manners; with the zero value it answers at
// once and never fails. New starts nothing. The error lists all that is wrong with the
// manners.
func New(m Manners) (*Server, error) {
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("standin: %w", err)
	}
	s := &Server{manners: m, routes: http.NewServeMux(), patience: 10 * time.Second, record: record{tries: map[uint64]int{}}}
	s.routes.HandleFunc("GET /v1/models", s.models)
	s.routes.HandleFunc("POST /v1/chat/completions", s.complete)
	return s, nil
}

// Start serves on a free port of the loopback interface. It returns at once, with the
// base URL for a client. End the server with [Server.Close].
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
	// While a request is answered the server goes on reading, to learn whether the
	// client goes away. So the time to read has to include the latency.
	all := s.manners.MaxLatency + 2*s.patience
	server := &http.Server{
		Handler: s, ConnState: s.track, MaxHeaderBytes: maxHeader,
		ReadHeaderTimeout: s.patience, ReadTimeout: all, WriteTimeout: all, IdleTimeout: 6 * s.patience,
	}
	s.http, s.serving = server, make(chan struct{})
	go func() {
		defer close(s.serving)
		// Serve always returns an error; after Close it means nothing.
		_ = server.Serve(listener)
	}()
	return "http://" + listener.Addr().String() + "/v1", nil
}

// track counts the open connections.
//
// Ordering: the accept loop itself reports a new connection, so none is added after
// the loop has ended, when Close waits.
func (s *Server) track(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.sessions.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.sessions.Done()
	}
}

// Close cuts all connections, those of requests under way included, and waits until
// all goroutines of the server have ended. A second call, or a call on a server that
// was never started, does nothing.
func (s *Server) Close() error {
	s.mu.Lock()
	server := s.http
	s.mu.Unlock()
	if server == nil {
		return nil
	}
	// Shutdown would wait up to five seconds for a connection that is open and was
	// never used. Clients open such connections in advance.
	err := server.Close()
	<-s.serving
	s.sessions.Wait()
	return err
}

// ServeHTTP answers one request. It blocks for the latency of the manners, or until
// the caller goes away.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.routes.ServeHTTP(w, r) }

// models lists the one model. It never fails and counts nothing: a client uses it to
// learn whether the service answers.
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
	// Must not: hold the lock during the latency. The service is slow, not serial.
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

// wait waits for d. It returns false if the caller went away first.
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

// reply sends a value. It drops the error of the write: the caller may have gone.
func reply(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}

// fail sends an error in the form that OpenAI documents.
func fail(w http.ResponseWriter, status int, code, message string) {
	reply(w, status, map[string]any{"error": map[string]string{"message": message, "type": code, "code": code}})
}
