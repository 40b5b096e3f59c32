package queuetest

import (
	"errors"
	"net"
	"net/rpc"
	"sync"
	"testing"
	"time"
)

// server is a broker in memory with one queue, reached by TCP. Its faults can be switched on.
type server struct {
	fault string
	addr  string

	mu       sync.Mutex
	listener net.Listener
	conns    map[net.Conn]struct{}
	serving  sync.WaitGroup

	term   time.Duration
	ready  []*stored
	held   map[int]*stored
	next   int
	pulled int
	mute   bool // acknowledgements fail
}

// stored is a message of a server.
type stored struct {
	ID         int
	Message    Message
	Deliveries int
	due        time.Time // of a message that is delayed or held
	back       bool      // delayed: a renewal that comes late does not count
}

var errMute = errors.New("acknowledgements fail")

func (s *server) start(t testing.TB) {
	listener, err := net.Listen("tcp", s.addr)
	for range 500 { // at a restart, the port can be in use by a connection for a moment
		if err == nil {
			break
		}
		time.Sleep(step)
		listener, err = net.Listen("tcp", s.addr)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listener, s.addr, s.conns = listener, listener.Addr().String(), map[net.Conn]struct{}{}
	r := rpc.NewServer()
	if err := r.RegisterName("Queue", &service{s}); err != nil {
		t.Fatal(err)
	}
	s.serving.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			if s.listener != listener {
				_ = c.Close()
			}
			s.conns[c] = struct{}{}
			s.mu.Unlock()
			s.serving.Go(func() { r.ServeConn(c) })
		}
	})
}

func (s *server) stop() {
	s.mu.Lock()
	if s.listener != nil {
		_ = s.listener.Close()
	}
	s.listener = nil
	for c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.serving.Wait()
}

func (s *server) restart(t testing.TB) {
	s.stop()
	if s.fault == "a restart loses" {
		s.ready = s.ready[:len(s.ready)/2]
	}
	s.start(t)
}

// expire makes ready what is due. The caller holds mu.
func (s *server) expire() {
	for id, m := range s.held {
		if time.Now().After(m.due) {
			delete(s.held, id)
			if s.fault != "the dead take their messages along" {
				s.ready = append(s.ready, m)
			}
		}
	}
}

// service has the calls of a server.
type service struct{ s *server }

func (v *service) Pull(most int, got *[]stored) error {
	s := v.s
	for range 10 {
		s.mu.Lock()
		s.expire()
		for len(s.ready) > 0 && len(*got) < most {
			m := s.take()
			m.Deliveries++
			m.due, m.back = time.Now().Add(s.term), false
			s.held[m.ID] = m
			copied := *m
			if s.fault == "large messages are cut" && len(m.Message.Payload) > 1<<20 {
				copied.Message.Payload = m.Message.Payload[:1<<20]
			}
			*got = append(*got, copied)
			s.pulled++
			if s.pulled%50 == 0 {
				s.misbehave(m)
			}
		}
		s.mu.Unlock()
		if len(*got) > 0 {
			return nil
		}
		time.Sleep(2 * time.Millisecond)
	}
	return nil
}

func (s *server) take() *stored {
	at := 0
	if s.fault == "disorder" && s.pulled%20 == 0 && len(s.ready) > keys {
		at = keys // of the same key
	}
	m := s.ready[at]
	s.ready = append(s.ready[:at:at], s.ready[at+1:]...)
	return m
}

func (s *server) misbehave(m *stored) {
	switch s.fault {
	case "a message is lost":
		if len(s.ready) > 0 {
			s.ready = s.ready[1:]
		}
	case "a message is repeated":
		s.repeat(m)
	}
}

func (s *server) repeat(m *stored) {
	again := *m
	s.next++
	again.ID = s.next
	s.ready = append(s.ready, &again)
}

func (s *server) repeatOther(m *stored) {
	for _, o := range s.held {
		if o != m {
			s.repeat(o)
			return
		}
	}
}

func (v *service) Put(ms []Message, _ *int) error {
	s := v.s
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range ms {
		s.next++
		s.ready = append(s.ready, &stored{ID: s.next, Message: m})
	}
	return nil
}

func (v *service) Left(_ int, n *int) error {
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	*n = len(v.s.ready) + len(v.s.held)
	return nil
}

func (v *service) Ack(ids []int, _ *int) error {
	s := v.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mute {
		return errMute
	}
	for _, id := range ids {
		delete(s.held, id)
	}
	return nil
}

func (v *service) Extend(ids []int, _ *int) error {
	s := v.s
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		if m := s.held[id]; m != nil && !m.back {
			m.due = time.Now().Add(s.term)
		}
	}
	return nil
}

// Nack takes the id of a message and a delay.
func (v *service) Nack(n [2]int, _ *int) error {
	s := v.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.held[n[0]]; m != nil {
		m.due, m.back = time.Now().Add(time.Duration(n[1])), true
		if s.fault == "delays are ignored" {
			m.due = time.Time{}
		}
		if s.fault == "what is beside a message goes back with it" {
			s.repeatOther(m)
		}
		if s.fault == "what is handed back is delayed" {
			m.due = time.Now().Add(time.Hour)
		}
	}
	return nil
}
