package queuetest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
)

var errPoison = errors.New("queuetest: poison")

// handedBack hands back every second message, twice.
func handedBack[M any](tr *trial[M]) {
	const n, times = 100, 2
	tr.create(unused)
	tr.load(n)
	seen := newJournal()
	m := tr.join(func(name string, s *flow.Stream[M]) *flow.Graph {
		return s.Map("work", func(_ context.Context, m M) (string, error) {
			text := tr.text(m)
			if _, i := parse(text); seen.done(name, text) <= times && i%2 == 1 {
				return "", stages.HandBack(0)
			}
			return text, nil
		}).To(tr.noting(name))
	})
	tr.complete()
	m.leave()
	tr.once()
	for text, came := range seen.times {
		_, i := parse(text)
		if want := 1 + i%2*times; came != want {
			tr.Errorf("%s came %d times, want %d", text, came, want)
		}
	}
}

// handedBackLater hands back one message for some time. The others do not wait for it.
func handedBackLater[M any](tr *trial[M]) {
	tr.skipUnless(tr.b.Features.Delay, "the broker has no delays")
	const n, after = 20, time.Second
	tr.create(unused)
	tr.load(n)
	var mu sync.Mutex
	var times []time.Time
	m := tr.join(func(name string, s *flow.Stream[M]) *flow.Graph {
		return s.Map("work", func(_ context.Context, m M) (string, error) {
			text := tr.text(m)
			if text != name0 {
				return text, nil
			}
			mu.Lock()
			defer mu.Unlock()
			if times = append(times, time.Now()); len(times) == 1 {
				return "", stages.HandBack(after)
			}
			return text, nil
		}).To(tr.noting(name))
	})
	tr.until("the others are done", func() bool { return tr.journal.unique() >= n-1 })
	mu.Lock()
	came := len(times)
	mu.Unlock()
	tr.need(came == 1, "the message came again before the others were done")
	tr.complete()
	m.leave()
	tr.once()
	tr.need(len(times) == 2, "the message came %d times, want 2", len(times))
	took := times[1].Sub(times[0])
	tr.need(took >= after*9/10, "the message came again after %v, not after %v", took, after)
	tr.need(took <= after+5*time.Second, "the message came again only after %v", took)
}

// name0 is the first message.
var name0 = name("key0", 0)

// poison has messages that always fail. They become dead letters at the third delivery.
func poison[M any](tr *trial[M]) {
	tr.skipUnless(tr.b.Features.Deliveries, "the broker does not count deliveries")
	const n, last = 4 * keys, 3
	tr.create(unused)
	tr.load(n)
	seen, letters := newJournal(), newJournal()
	m := tr.join(func(name string, s *flow.Stream[M]) *flow.Graph {
		return s.Map("work", func(_ context.Context, m M) (string, error) {
			text := tr.text(m)
			seen.done(name, text)
			if key, _ := parse(text); key == "key5" {
				return text, errPoison
			}
			return text, nil
		}, stages.Workers(4)).
			HandBack(0, stages.MaxDeliveries(last)).
			DeadLetter(func(_ context.Context, e *stages.ItemError) error {
				m, ok := e.Value.(M)
				if !ok || !errors.Is(e, errPoison) || e.Deliveries != last {
					return errors.New("queuetest: wrong dead letter: " + e.Error())
				}
				letters.done(name, tr.text(m))
				tr.journal.done(name, tr.text(m))
				return nil
			}).To(tr.noting(name))
	})
	tr.complete()
	m.leave()
	tr.once()
	tr.need(letters.unique() == n/keys, "%d messages were dead-lettered, want %d", letters.unique(), n/keys)
	for text := range letters.times {
		tr.need(seen.times[text] == last, "%s came %d times, want %d", text, seen.times[text], last)
	}
}
