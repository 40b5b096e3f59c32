package standin

// Served counts the requests of a server. Requests is the sum of the fields from
// Answered on. The server counts a request when it decides its fate, before the latency.
type Served struct {
	Requests int
	// Prompts is the number of different prompts among them. A server remembers the
	// last 10,000 or more; one that it has forgotten counts again.
	Prompts int

	Answered  int
	Throttled int // 429
	Failed    int // 500
	Refused   int // 503, in the outage
	Dropped   int // cut connections, in the outage
	Rejected  int // 400
}

// Served returns the counts so far, in one consistent snapshot.
func (s *Server) Served() Served {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.record.served
}

func (s *Served) count(k kind) {
	switch k {
	case answered:
		s.Answered++
	case throttled:
		s.Throttled++
	case failed:
		s.Failed++
	case refused:
		s.Refused++
	case dropped:
		s.Dropped++
	}
}
