package main

import (
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/weir-go/weir/primitives/breaker"
)

const newsSubject = "fleet.news"

// news is what a worker tells of itself: that it runs, or a change of its breaker.
type news struct {
	Worker string
	Pid    int
	At     time.Time
	From   string
	To     string
	Cause  string
}

func changed(worker string, c breaker.Change) news {
	return news{Worker: worker, At: c.At, From: c.From.String(), To: c.To.String(), Cause: c.Cause.String()}
}

// tell publishes news, without waiting and without a guarantee: the tables at the end depend on
// it, and the summaries do not.
func tell(nc *nats.Conn, n news) {
	if body, err := json.Marshal(n); err == nil {
		_ = nc.Publish(newsSubject, body)
	}
}

// board keeps the news.
type board struct {
	ready chan string // names of workers that run

	mu      sync.Mutex
	changes []news
}

// watch keeps the news of a connection until it is closed.
func watch(nc *nats.Conn) (*board, error) {
	b := &board{ready: make(chan string, 64)}
	_, err := nc.Subscribe(newsSubject, func(m *nats.Msg) {
		var n news
		if json.Unmarshal(m.Data, &n) == nil {
			b.note(n)
		}
	})
	return b, err
}

func (b *board) note(n news) {
	if n.To == "" {
		select {
		case b.ready <- n.Worker:
		default:
		}
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changes = append(b.changes, n)
}

// all returns the changes in the order of their times.
func (b *board) all() []news {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.SortedStableFunc(slices.Values(b.changes), func(x, y news) int { return x.At.Compare(y.At) })
}

// openings counts the times when the first breaker left the state closed while all were closed.
func openings(changes []news) (n int) {
	open := map[string]bool{}
	for _, c := range changes {
		if c.To == breaker.Closed.String() {
			delete(open, c.Worker)
			continue
		}
		if len(open) == 0 {
			n++
		}
		open[c.Worker] = true
	}
	return n
}
