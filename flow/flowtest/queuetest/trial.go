package queuetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/weir-go/weir/flow"
)

const (
	inFlight = 64 // of a member
	keys     = 16
	workers  = 8
	step     = 10 * time.Millisecond // between two looks at the broker
	unused   = time.Minute           // the term, if a case does not need it
)

// trial is one run of one case, with the helpers for cases.
type trial[M any] struct {
	testing.TB
	b       Broker[M]
	queue   string
	journal *journal

	mu    sync.Mutex
	next  map[string]int // next message number, by key
	put   int
	ends  []func()
	named int
	group []*member[M]
}

// create makes the queue of the case.
func (tr *trial[M]) create(term time.Duration) {
	tr.Helper()
	tr.queue = tr.b.Create(tr.TB, Config{Term: term, InFlight: inFlight, Members: 3})
	tr.next = map[string]int{}
}

// end ends everything that the case has left running, the last first.
func (tr *trial[M]) end() {
	for len(tr.ends) > 0 {
		last := len(tr.ends) - 1
		end := tr.ends[last]
		tr.ends = tr.ends[:last]
		end()
	}
}

func (tr *trial[M]) need(ok bool, format string, args ...any) {
	tr.Helper()
	if !ok {
		tr.Errorf(format, args...)
		tr.FailNow()
	}
}

func (tr *trial[M]) fine(err error, doing string) {
	tr.Helper()
	tr.need(err == nil, "%s: %v", doing, err)
}

func (tr *trial[M]) skipUnless(ok bool, why string) {
	tr.Helper()
	if !ok {
		tr.Skip(why)
	}
}

// feed puts n more messages, and returns the error of the broker.
func (tr *trial[M]) feed(n int) error {
	tr.mu.Lock()
	batch := make([]Message, n)
	for i := range batch {
		key := fmt.Sprintf("key%d", (tr.put+i)%keys)
		batch[i] = Message{Key: key, Payload: []byte(name(key, tr.next[key]))}
		tr.next[key]++
	}
	tr.put += n
	tr.mu.Unlock()
	return tr.b.Put(tr.Context(), tr.queue, batch)
}

// load puts n messages.
func (tr *trial[M]) load(n int) {
	tr.Helper()
	tr.fine(tr.feed(n), "Put")
}

// total returns how many messages were put.
func (tr *trial[M]) total() int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.put
}

// keepFull puts messages until stop is called, so that some hundred are always left.
func (tr *trial[M]) keepFull() (stop func()) {
	ctx, cancel := context.WithCancel(tr.Context())
	var feeding sync.WaitGroup
	var fault error
	feeding.Go(func() {
		for ctx.Err() == nil && fault == nil {
			if tr.total()-tr.journal.unique() < 8*inFlight {
				fault = tr.feed(100)
				continue
			}
			time.Sleep(step)
		}
	})
	once := sync.OnceFunc(func() { cancel(); feeding.Wait() })
	tr.ends = append(tr.ends, once)
	return func() { tr.Helper(); once(); tr.fine(fault, "Put under load") }
}

// left asks the broker for the number of messages that are not settled.
func (tr *trial[M]) left() int {
	tr.Helper()
	n, err := tr.b.Left(tr.Context(), tr.queue)
	tr.fine(err, "Left")
	return n
}

// until waits until ok returns true.
func (tr *trial[M]) until(what string, ok func() bool) {
	tr.Helper()
	for by := time.Now().Add(tr.b.Patience); !ok(); time.Sleep(step) {
		tr.fine(tr.journal.read(), "read the journal")
		for _, m := range tr.group {
			m.running()
		}
		tr.need(time.Now().Before(by), "%s: not within %v; %d messages of %d are done, %d are left at the broker",
			what, tr.b.Patience, tr.journal.unique(), tr.total(), tr.left())
	}
}

// settled waits until no message is left at the broker.
func (tr *trial[M]) settled() {
	tr.Helper()
	tr.until("all messages are settled", func() bool { return tr.left() == 0 })
	tr.fine(tr.journal.read(), "read the journal")
}

// complete waits until all messages are settled, and checks that none was lost.
func (tr *trial[M]) complete() {
	tr.Helper()
	tr.settled()
	records := tr.journal.all()
	tr.mu.Lock()
	defer tr.mu.Unlock()
	done := map[string]bool{}
	for _, r := range records {
		key, n := parse(r.message)
		tr.need(n < tr.next[key] && name(key, n) == r.message, "%.80q was done, and was never put", r.message)
		done[r.message] = true
	}
	var lost []string
	for key, n := range tr.next {
		for i := range n {
			if !done[name(key, i)] {
				lost = append(lost, name(key, i))
			}
		}
	}
	tr.need(len(lost) == 0, "%d messages of %d are lost, such as %s", len(lost), tr.put, first(lost))
}

func first(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return names[0]
}

// repeated checks that each member has at most as many repeats as may returns, and logs the count.
func (tr *trial[M]) repeated(may func(member string) int) {
	tr.Helper()
	by, total := repeats(tr.journal.all())
	tr.Logf("%d messages, 0 lost, %d repeated", tr.total(), total)
	for member, n := range by {
		if n > may(member) {
			tr.Errorf("%d messages that member %s has done were done again, at most %d may", n, member, may(member))
		}
	}
}

// once checks that no message was done twice.
func (tr *trial[M]) once() {
	tr.Helper()
	tr.repeated(func(string) int { return 0 })
}

// member is a run of a flow on the queue, in this process.
type member[M any] struct {
	tr   *trial[M]
	name string
	run  *flow.Run
	done chan struct{}
	err  error
	free bool // it may end
}

// join starts a member with the flow that build makes from the source's stream.
func (tr *trial[M]) join(build func(name string, s *flow.Stream[M]) *flow.Graph, opts ...flow.RunOption) *member[M] {
	tr.Helper()
	source, end, err := tr.b.Source(tr.queue)
	tr.fine(err, "Source")
	tr.named++
	m := &member[M]{tr: tr, name: fmt.Sprint(tr.named), done: make(chan struct{})}
	m.run, err = build(m.name, flow.From(source)).Start(context.Background(), append(opts, flow.DrainTimeout(tr.b.Patience))...)
	if err != nil {
		end()
		tr.fine(err, "start a member")
	}
	tr.group = append(tr.group, m)
	go func() {
		defer close(m.done)
		_, m.err = m.run.Wait()
		end()
	}()
	tr.ends = append(tr.ends, m.abort)
	return m
}

// abort ends a member at the end of a failed case.
func (m *member[M]) abort() {
	m.run.Abort(nil)
	select {
	case <-m.done:
	case <-time.After(m.tr.b.Patience + 5*time.Second):
		m.tr.Errorf("member %s has not ended after it was aborted", m.name)
	}
}

// leave stops the member, which must end without an error.
func (m *member[M]) leave() {
	m.tr.Helper()
	m.free = true
	m.run.Stop()
	select {
	case <-m.done:
		m.tr.fine(m.err, "the run of member "+m.name)
	case <-time.After(m.tr.b.Patience + 5*time.Second):
		m.tr.need(false, "member %s has not ended after %v", m.name, m.tr.b.Patience+5*time.Second)
	}
}

// running fails the case if the member has ended although it was not free to.
func (m *member[M]) running() {
	m.tr.Helper()
	if !m.free && closed(m.done) {
		m.tr.need(false, "the run of member %s has ended: %v", m.name, m.err)
	}
}

// worker is the flow of most members. It works on each message for a moment, and records it in the
// journal. It works in order of each key if the broker promises that.
func (tr *trial[M]) worker(name string, s *flow.Stream[M]) *flow.Graph {
	return work(s, tr.b.Message, tr.b.Features.Order, func(_ context.Context, m string) error {
		tr.journal.done(name, m)
		return nil
	})
}

func (tr *trial[M]) text(m M) string { return string(tr.b.Message(m).Payload) }
