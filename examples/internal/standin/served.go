package standin

// Served counts what the server did. Requests is the sum of the fields from
// Answered on; a request is counted when its fate is decided, before its latency.
type Served struct {
	Requests int
	// Prompts is the number of different ones among them.
	Prompts int

	Answered  int
	Throttled int // 429
	Failed    int // 500
	Refused   int // 503, in the outage
	Dropped   int // cut connections, in the outage
	Rejected  int // 400
}

// Served returns the counts so far. They belong together: it is one snapshot.
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
