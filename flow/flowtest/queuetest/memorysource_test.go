package queuetest

import (
	"context"
	"errors"
	"net"
	"net/rpc"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
)

// memorySource is a connector to a server, with faults that can be switched on.
type memorySource struct {
	addr, fault string

	mu     sync.Mutex
	client *rpc.Client
	held   []int
	acks   []int
	gone   bool // the server
	wake   chan struct{}
	stop   chan struct{}
	live   sync.WaitGroup
}

func memoryClient() Client[stored] {
	return Client[stored]{
		Source: func(queue string) (stages.Source[stored], func(), error) {
			addr, fault, _ := strings.Cut(queue, "|")
			s := &memorySource{addr: addr, fault: fault, wake: make(chan struct{}, 1), stop: make(chan struct{})}
			if fault != slowProcess {
				return s, s.close, nil
			}
			time.Sleep(300 * time.Millisecond)
			return s, func() { s.close(); time.Sleep(300 * time.Millisecond) }, nil
		},
		Message: func(m stored) Message { return m.Message },
	}
}

// call calls the server, and again after it was down.
func (s *memorySource) call(ctx context.Context, method string, arg, reply any) error {
	for began := time.Now(); ; {
		s.mu.Lock()
		c := s.client
		if c == nil {
			var err error
			if c, err = rpc.Dial("tcp", s.addr); err != nil {
				if s.gone = s.gone || time.Since(began) > 3*time.Second; s.gone || ctx.Err() != nil || s.fault == "a lost connection is the end" {
					s.mu.Unlock()
					return err
				}
				s.mu.Unlock()
				time.Sleep(5 * time.Millisecond)
				continue
			}
			s.client = c
		}
		s.mu.Unlock()
		err := c.Call("Queue."+method, arg, reply)
		var refused rpc.ServerError
		if err == nil || errors.As(err, &refused) || s.fault == "a lost connection is the end" {
			return err
		}
		s.mu.Lock()
		if s.client == c {
			_ = c.Close()
			s.client = nil
		}
		s.mu.Unlock()
	}
}

func (s *memorySource) Run(ctx context.Context, out *stages.Outlet[stored]) error {
	s.live.Go(s.settle)
	s.live.Go(s.renew)
	if s.fault == "a goroutine is left" {
		go s.lingers()
	}
	for ctx.Err() == nil {
		s.mu.Lock()
		room := inFlight - len(s.held)
		s.mu.Unlock()
		if s.fault == "a member settles late" {
			room = 5 * inFlight
		}
		if room <= 0 {
			time.Sleep(time.Millisecond)
			continue
		}
		var got []stored
		if err := s.call(ctx, "Pull", room, &got); err != nil {
			return err
		}
		s.mu.Lock()
		for _, m := range got {
			s.held = append(s.held, m.ID)
		}
		s.mu.Unlock()
		s.deliver(out, got)
	}
	if s.fault == "a stop hangs" {
		time.Sleep(10 * time.Second)
	}
	return nil
}

// lingers ends with the server, and not with the run.
func (s *memorySource) lingers() {
	if c, err := net.Dial("tcp", s.addr); err == nil {
		_, _ = c.Read(make([]byte, 1))
		_ = c.Close()
	}
}

func (s *memorySource) deliver(out *stages.Outlet[stored], got []stored) {
	for _, m := range got {
		ack := s.done(m)
		if s.fault == "settled at receipt" {
			ack(nil)
			ack = func(error) {}
		}
		n := m.Deliveries
		if s.fault == "deliveries are not counted" {
			n = 1
		}
		if !out.Deliver(stages.Receipt{Ack: ack, Deliveries: n}, m) {
			ack(stages.ErrAborted)
		}
	}
}

// done returns the acknowledgement of a message.
func (s *memorySource) done(m stored) func(error) {
	return func(err error) {
		after, _ := stages.HandedBack(err)
		back := err != nil
		if s.fault == "what is handed back is dropped" || s.fault == "an abort drops" && after == 0 {
			back = false
		}
		if back {
			s.release([]int{m.ID})
			_ = s.call(context.Background(), "Nack", [2]int{m.ID, int(after)}, nil)
			return
		}
		s.mu.Lock()
		s.acks = append(s.acks, m.ID)
		s.mu.Unlock()
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

func (s *memorySource) release(ids []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = slices.DeleteFunc(s.held, func(id int) bool { return slices.Contains(ids, id) })
}

// settle sends acknowledgements in batches.
func (s *memorySource) settle() {
	for {
		select {
		case <-s.wake:
		case <-s.stop:
			return
		}
		if s.fault == "the last acknowledgements are not sent" {
			time.Sleep(20 * time.Millisecond)
			if closed(s.stop) {
				return
			}
		}
		s.flush(false)
	}
}

func (s *memorySource) flush(last bool) {
	s.mu.Lock()
	ids := s.acks
	if s.fault == "a member settles late" && len(ids) < 4*inFlight && !last {
		ids = nil
	} else {
		s.acks = nil
	}
	s.mu.Unlock()
	if len(ids) == 0 {
		return
	}
	for range 1000 {
		if s.call(context.Background(), "Ack", ids, nil) == nil {
			break
		}
		if s.fault == "acknowledgements that fail are forgotten" || s.fault == "a lost connection is the end" {
			return // and the leases are kept
		}
		time.Sleep(5 * time.Millisecond)
	}
	s.release(ids)
}

func (s *memorySource) renew() {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-tick.C:
		case <-s.stop:
			return
		}
		if n%10 == 9 && s.fault == "a member settles late" {
			s.flush(true)
		}
		s.mu.Lock()
		ids := slices.Clone(s.held)
		s.mu.Unlock()
		if s.fault != "leases are not renewed" {
			_ = s.call(context.Background(), "Extend", ids, nil)
		}
	}
}

func (s *memorySource) Finish(context.Context) error {
	close(s.stop)
	s.live.Wait()
	if s.fault != "the last acknowledgements are not sent" {
		s.flush(true)
	}
	return nil
}

func (s *memorySource) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client != nil {
		_ = s.client.Close()
	}
}

// memory is the broker of a server with a fault.
func memory(fault string) Broker[stored] {
	var mu sync.Mutex
	servers := map[string]*server{}
	var last *server
	with := func(queue string) *service {
		mu.Lock()
		defer mu.Unlock()
		return &service{servers[queue]}
	}
	return Broker[stored]{
		Client: memoryClient(),
		Create: func(t testing.TB, c Config) string {
			s := &server{fault: fault, addr: "127.0.0.1:0", term: c.Term, held: map[int]*stored{}}
			s.start(t)
			t.Cleanup(s.stop)
			mu.Lock()
			defer mu.Unlock()
			queue := s.addr + "|" + fault
			servers[queue], last = s, s
			return queue
		},
		Put:  func(_ context.Context, queue string, ms []Message) error { return with(queue).Put(ms, nil) },
		Left: func(_ context.Context, queue string) (n int, err error) { return n, with(queue).Left(0, &n) },
		Publish: func(queue string, s *flow.Stream[Message]) (*flow.Graph, func(), error) {
			return s.To(sink.ForEachBatch(10, time.Millisecond, func(_ context.Context, ms []Message) error {
				if fault == "what is published is not kept" {
					ms = ms[1:]
				}
				return with(queue).Put(ms, nil)
			})), func() {}, nil
		},
		Restart: func(t testing.TB) {
			mu.Lock()
			s := last
			mu.Unlock()
			s.restart(t)
		},
		FailAcks: func(_ testing.TB, queue string) func() {
			s := with(queue).s
			set := func(on bool) { s.mu.Lock(); defer s.mu.Unlock(); s.mute = on }
			set(true)
			return func() { set(false) }
		},
		Features: Features{Order: OrderedMember, Delay: true, Deliveries: true, Groups: true},
		Term:     500 * time.Millisecond,
	}
}
