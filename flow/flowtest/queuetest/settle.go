package queuetest

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
)

// comeAsPut checks keys and payloads, and that each message comes once.
func comeAsPut[M any](tr *trial[M]) {
	tr.create(unused)
	tr.load(500)
	m := tr.join(tr.worker)
	tr.complete()
	tr.load(500)
	tr.complete()
	m.leave()
	tr.once()
}

// settledAfterTheSink holds messages at the sink, and looks at the messages that are left at the
// broker.
func settledAfterTheSink[M any](tr *trial[M]) {
	const n = 5
	tr.create(unused)
	tr.load(n)
	allow, reached := make(chan struct{}), make(chan struct{}, n)
	m := tr.join(func(name string, s *flow.Stream[M]) *flow.Graph {
		return s.To(sink.ForEach(func(ctx context.Context, m M) error {
			reached <- struct{}{}
			select {
			case <-allow:
				tr.journal.done(name, tr.text(m))
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}))
	})
	for i := range n {
		tr.until("a message reaches the sink", func() bool { return len(reached) == i+1 })
		time.Sleep(5 * step)
		tr.until("what the sink has is settled", func() bool { return tr.left() <= n-i })
		tr.need(tr.left() == n-i, "%d messages are left, and the sink has %d of %d", tr.left(), i, n)
		allow <- struct{}{}
	}
	tr.complete()
	m.leave()
	tr.once()
	tr.healthy(m)
}

// healthy checks the account of the source after a run has ended.
func (tr *trial[M]) healthy(m *member[M]) {
	tr.Helper()
	report, _ := m.run.Wait()
	if h := report.Stages[0].Health; h != nil && h.Unsettled != 0 {
		tr.Errorf("the source says that %d messages are unsettled after the run", h.Unsettled)
	}
}

// badInBatch makes one message of a batch fail twice. The others are settled at the first delivery.
func badInBatch[M any](tr *trial[M]) {
	const n, size = 40, 10
	tr.create(unused)
	tr.load(n)
	seen := newJournal()
	bad := name("key3", 0)
	m := tr.join(func(member string, s *flow.Stream[M]) *flow.Graph {
		return s.MapBatch("work", size, 50*time.Millisecond, func(_ context.Context, batch []M) ([]string, error) {
			out, errs := make([]string, len(batch)), map[int]error{}
			for i, m := range batch {
				out[i] = tr.text(m)
				if seen.done(member, out[i]) < 3 && out[i] == bad {
					errs[i] = stages.HandBack(0)
				}
			}
			if len(errs) > 0 {
				return out, &stages.BatchError{Errs: errs}
			}
			return out, nil
		}).To(tr.noting(member))
	})
	tr.complete()
	m.leave()
	tr.once()
	tr.need(len(seen.all()) == n+2, "%d messages came, %d of them twice more: want 1 of %d", len(seen.all()), len(seen.all())-n, n)
}

// noting is a sink that records messages in the journal.
func (tr *trial[M]) noting(member string) stages.Sink[string] {
	return sink.ForEach(func(_ context.Context, m string) error {
		tr.journal.done(member, m)
		return nil
	})
}

// large sends messages of 10 MB among small ones.
func large[M any](tr *trial[M]) {
	const n, size = 2, 10_000_000
	tr.create(unused)
	noise := make([]byte, size)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	var sent []Message
	for range n {
		sent = append(sent, Message{"large", noise}, Message{"small", []byte("small")})
	}
	tr.fine(tr.b.Put(tr.Context(), tr.queue, sent), "Put")
	var whole, small int
	m := tr.join(func(_ string, s *flow.Stream[M]) *flow.Graph {
		return s.To(sink.ForEach(func(_ context.Context, m M) error {
			switch got := tr.b.Message(m); {
			case got.Key == "large" && bytes.Equal(got.Payload, noise):
				whole++
			case got.Key == "small" && string(got.Payload) == "small":
				small++
			default:
				return errors.New("queuetest: a message has changed")
			}
			return nil
		}))
	})
	tr.until("large messages are settled", func() bool { return tr.left() == 0 })
	m.leave()
	tr.need(whole == n && small == n, "%d large and %d small messages came, want %d of each", whole, small, n)
}

// inOrder lets workers work on many keys, each in order.
func inOrder[M any](tr *trial[M]) {
	tr.skipUnless(tr.b.Features.Order >= OrderedMember, "the broker promises no order")
	tr.create(unused)
	tr.load(1000)
	m := tr.join(tr.worker)
	tr.complete()
	m.leave()
	tr.once()
	tr.ordered(OrderedMember)
}

// slow has one message that takes five terms, and others that wait behind it. If the broker or the
// machine was held up for a part of a term, a lost lease says nothing about the connector. Then
// slow tries again with twice the term.
func slow[M any](tr *trial[M]) {
	term := tr.b.Term
	for tries := 4; ; tries, term = tries-1, 2*term {
		late := tr.hold(term)
		if _, total := repeats(tr.journal.all()); total == 0 || tries == 1 || !late {
			tr.once()
			return
		}
		tr.Logf("the machine was too slow for a term of %v", term)
		tr.journal, tr.put = newJournal(), 0
	}
}

// hold runs slow once. It reports whether two looks at the broker were a quarter of a term apart.
func (tr *trial[M]) hold(term time.Duration) (late bool) {
	tr.create(term)
	tr.load(inFlight / 2)
	m := tr.join(func(name string, s *flow.Stream[M]) *flow.Graph {
		begun := false
		return s.Map("work", func(ctx context.Context, m M) (string, error) {
			if !begun {
				begun = true
				select {
				case <-time.After(5 * term):
				case <-ctx.Done():
					return "", ctx.Err()
				}
			}
			return tr.text(m), nil
		}).To(tr.noting(name))
	})
	begun, last := time.Now(), time.Now()
	look := func(f func()) {
		f()
		late, last = late || time.Since(last) > term/4, time.Now()
	}
	for time.Since(begun) < 5*term {
		look(func() { time.Sleep(step); tr.left() })
	}
	look(tr.complete)
	m.leave()
	return late
}

// aborted aborts a run that holds messages. Another member gets all messages that were not done.
func aborted[M any](tr *trial[M]) {
	tr.create(unused)
	tr.load(2 * inFlight)
	stuck := make(chan struct{}, 1)
	m := tr.join(func(name string, s *flow.Stream[M]) *flow.Graph {
		n := 0
		return s.Map("work", func(ctx context.Context, m M) (string, error) {
			if n++; n > 10 {
				stuck <- struct{}{}
				<-ctx.Done()
				return "", ctx.Err()
			}
			return tr.text(m), nil
		}).To(tr.noting(name))
	})
	tr.until("a message is stuck", func() bool { return len(stuck) == 1 })
	cause := errors.New("queuetest: aborted on purpose")
	m.free = true
	m.run.Abort(cause)
	tr.until("the aborted run ends", func() bool { return closed(m.done) })
	tr.need(errors.Is(m.err, cause), "the aborted run has ended with %v", m.err)
	tr.until("what was done is settled", func() bool { return tr.left() == 2*inFlight-tr.journal.unique() })
	next := tr.join(tr.worker)
	tr.complete()
	next.leave()
	tr.once()
}

// idle stops a source that waits for messages, and one that may not have begun to.
func idle[M any](tr *trial[M]) {
	tr.create(unused)
	for _, after := range []time.Duration{0, 20 * step} {
		m := tr.join(tr.worker)
		time.Sleep(after)
		began := time.Now()
		m.leave()
		tr.need(time.Since(began) < 5*time.Second, "an idle source took %v to stop", time.Since(began))
	}
}
