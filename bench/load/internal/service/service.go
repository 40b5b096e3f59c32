package service

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// Service is the handler. Make it with [New].
type Service struct {
	manners Manners
	routes  *http.ServeMux
	slots   chan struct{}
	inside  atomic.Int64 // requests worked on or waiting
	began   atomic.Pointer[time.Time]

	calls, answered, failed, throttled, refused atomic.Int64
}

// Counts is what the service did. Calls is the sum of the others, and of those
// whose caller went away.
type Counts struct {
	Calls     int64 `json:"calls"`
	Answered  int64 `json:"answered"`
	Failed    int64 `json:"failed"`    // 500
	Throttled int64 `json:"throttled"` // 429
	Refused   int64 `json:"refused"`   // 503, during the outage
}

// New returns a service. Its outage, if any, is timed from the request that
// tells it to begin.
func New(m Manners) (*Service, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	s := &Service{manners: m, routes: http.NewServeMux(), slots: make(chan struct{}, m.Slots)}
	s.routes.HandleFunc("GET /jobs/{key}", s.work)
	s.routes.HandleFunc("GET /ping", func(http.ResponseWriter, *http.Request) {})
	s.routes.HandleFunc("GET /counts", s.counts)
	s.routes.HandleFunc("POST /begin", func(http.ResponseWriter, *http.Request) {
		now := time.Now()
		s.began.Store(&now)
	})
	return s, nil
}

// ServeHTTP answers one request.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.routes.ServeHTTP(w, r) }

func (s *Service) work(w http.ResponseWriter, r *http.Request) {
	took, fails := s.manners.draw(uint64(s.calls.Add(1)))
	if s.down() {
		s.refused.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	defer s.inside.Add(-1)
	if s.inside.Add(1) > int64(s.manners.Slots+s.manners.Backlog) {
		s.throttle(w)
		return
	}
	select {
	case s.slots <- struct{}{}:
	case <-r.Context().Done():
		return
	}
	gone := pause(r.Context(), took) != nil
	<-s.slots
	switch {
	case gone:
	case fails:
		s.failed.Add(1)
		w.WriteHeader(http.StatusInternalServerError)
	default:
		s.answered.Add(1)
		// A caller that has gone is not the service's business.
		_, _ = io.WriteString(w, r.PathValue("key"))
	}
}

// throttle sends the milliseconds along because HTTP knows whole seconds only.
func (s *Service) throttle(w http.ResponseWriter) {
	s.throttled.Add(1)
	after := s.manners.RetryAfter
	w.Header().Set("Retry-After", strconv.Itoa(int((after+time.Second-1)/time.Second)))
	w.Header().Set("Retry-After-Ms", strconv.FormatInt(after.Milliseconds(), 10))
	w.WriteHeader(http.StatusTooManyRequests)
}

// down reports whether the outage is on.
func (s *Service) down() bool {
	began := s.began.Load()
	if began == nil || s.manners.Outage == 0 {
		return false
	}
	since := time.Since(*began) - s.manners.OutageAt
	return since >= 0 && since < s.manners.Outage
}

func (s *Service) counts(w http.ResponseWriter, _ *http.Request) {
	_ = json.NewEncoder(w).Encode(Counts{
		Calls: s.calls.Load(), Answered: s.answered.Load(), Failed: s.failed.Load(),
		Throttled: s.throttled.Load(), Refused: s.refused.Load(),
	})
}

// pause returns an error where ctx ended first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
