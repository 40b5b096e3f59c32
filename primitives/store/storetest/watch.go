package storetest

import (
	"context"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/store"
)

// stream is a watch that runs in a goroutine of its own and hands over its events one by
// one.
type stream struct {
	tr     *trial
	events chan store.Event // closed when the stream has ended
	cancel context.CancelFunc
	err    error // read after events is closed
}

// watch begins a stream and waits until it stands.
func (tr *trial) watch(node int, folder string) *stream {
	tr.Helper()
	w, ok := tr.at(node).(store.Watcher)
	if !ok {
		tr.Skip("the store is not a Watcher")
	}
	ctx, cancel := context.WithCancel(tr.ctx)
	s := &stream{tr: tr, events: make(chan store.Event), cancel: cancel}
	go func() {
		defer close(s.events)
		for e, err := range w.Watch(ctx, folder) {
			if err != nil {
				s.err = err
				continue
			}
			select {
			case s.events <- e:
			case <-ctx.Done():
			}
		}
	}()
	first := s.next()
	tr.need(first.Lost, "the first event of a stream is %+v, want Lost", first)
	return s
}

// next waits for an event, and fails if none comes.
func (s *stream) next() store.Event {
	s.tr.Helper()
	select {
	case e, ok := <-s.events:
		s.tr.need(ok, "the stream has ended: %v", s.err)
		return e
	case <-time.After(10*time.Second + 10*s.tr.unit):
		s.tr.need(false, "no event has come")
		return store.Event{}
	}
}

// end cancels the stream and waits until it has ended.
func (s *stream) end() {
	s.tr.Helper()
	s.cancel()
	deadline := time.After(10*time.Second + 10*s.tr.unit)
	for {
		select {
		case _, ok := <-s.events:
			if !ok {
				s.tr.need(s.err == nil, "a stream that was cancelled ended with %v", s.err)
				return
			}
		case <-deadline:
			s.tr.need(false, "a stream goes on though its context has ended")
		}
	}
}

func watchOrder(tr *trial) {
	tr.set(0, "f/a", 0, "before")
	s := tr.watch(0, "f/")
	defer s.cancel()
	revisions := map[string]uint64{"f/a": tr.load(0, "f/a").Revision}
	for i := range 20 {
		key := fmt.Sprintf("f/%c", 'a'+i%3)
		revisions[key] = tr.set(i, key, revisions[key], fmt.Sprint(i))
		e := s.next()
		tr.need(!e.Lost, "an event was lost though the reader is quick")
		got := fmt.Sprint(e.Entry.Key, e.Entry.Revision, string(e.Entry.Value))
		want := fmt.Sprint(key, revisions[key], fmt.Sprint(i))
		tr.need(got == want, "the stream tells %s, want %s", got, want)
		tr.need(e.Entry.Age >= 0 && e.Entry.Age < time.Minute, "the event of a new write has age %v", e.Entry.Age)
		e.Entry.Value[0] = 'X'
		tr.holds(key, revisions[key], fmt.Sprint(i))
	}
	tr.conflict(0, "f/a", 0)
	tr.set(0, "f/last", 0, "v")
	e := s.next()
	tr.need(e.Entry.Key == "f/last", "a write that was refused is told: %+v", e)
	s.end()
}

func watchFolder(tr *trial) {
	all, part := tr.watch(0, ""), tr.watch(1, "f/")
	defer all.cancel()
	defer part.cancel()
	keys := []string{"f", "fg/a", "g/f/a", "f/a"}
	for _, key := range keys {
		tr.set(0, key, 0, "v")
		e := all.next()
		tr.need(e.Entry.Key == key, "the stream of everything tells %+v, want %q", e, key)
	}
	e := part.next()
	tr.need(e.Entry.Key == "f/a", "the stream of a folder tells %+v", e)
	all.end()
	part.end()
}

func watchEnds(tr *trial) {
	tr.watch(0, "").end()
	w := tr.at(0).(store.Watcher)
	for range w.Watch(tr.ctx, "") {
		break
	}
	for _, err := range w.Watch(tr.ctx, "no folder") {
		tr.need(err != nil, "a stream of something that is no folder begins")
	}
	ctx, cancel := context.WithCancel(tr.ctx)
	cancel()
	for e, err := range w.Watch(ctx, "") {
		tr.need(false, "a stream of an ended context tells %+v, %v", e, err)
	}
}

// watchSlow has a reader that does not read during many writes. It may be told all of
// them, or that it has lost some. A gap that it is not told of is a fault.
func watchSlow(tr *trial) {
	const writes = 1000
	s := tr.watch(0, "f/")
	defer s.cancel()
	revision := uint64(0)
	for i := range writes {
		revision = tr.set(0, "f/k", revision, fmt.Sprint(i+1))
	}
	known := 0
	for known < writes {
		e := s.next()
		value := e.Entry.Value
		if e.Lost {
			value = tr.load(0, "f/k").Value
		}
		n := 0
		_, err := fmt.Sscan(string(value), &n)
		tr.need(err == nil, "the stream tells the value %q", value)
		tr.need(e.Lost || n <= known+1, "the stream tells the write %d after the write %d and no Lost between", n, known)
		known = max(known, n)
	}
	s.end()
}
