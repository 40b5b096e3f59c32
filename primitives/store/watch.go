package store

import (
	"context"
	"iter"
	"strings"
	"time"
)

// watchBuffer is how many events a stream of [Memory.Watch] can be behind. A stream that
// falls further behind loses them all: its reader has to list anyway.
const watchBuffer = 256

// watch is one stream. Guarded by: Memory.mu, except wake.
type watch struct {
	folder string
	events []told
	lost   bool
	wake   chan struct{} // holds one token while there is an event to take
}

// told is an event that waits for its reader. It ages while it waits.
type told struct {
	entry   Entry
	written time.Duration
}

// Watch returns the stream of the writes to folder, see [Watcher]. A loop that falls more
// than 256 events behind gets one Lost in place of all of them. Every range over the
// result is a stream of its own.
func (m *Memory) Watch(ctx context.Context, folder string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if err := m.ready(ctx, "watch", folder, CheckFolder(folder)); err != nil {
			if ctx.Err() == nil {
				yield(Event{}, err)
			}
			return
		}
		w := &watch{folder: folder, lost: true, wake: make(chan struct{}, 1)}
		w.rouse()
		m.mu.Lock()
		m.watches[w] = struct{}{}
		m.mu.Unlock()
		defer m.unwatch(w)
		for {
			select {
			case <-ctx.Done():
				return
			case <-w.wake:
			}
			if !m.drain(ctx, w, yield) {
				return
			}
		}
	}
}

// drain yields what has come in, and reports whether the stream goes on.
func (m *Memory) drain(ctx context.Context, w *watch, yield func(Event, error) bool) bool {
	m.mu.Lock()
	lost, events := w.lost, w.events
	w.lost, w.events = false, nil
	m.mu.Unlock()
	if lost && !yield(Event{Lost: true}, nil) {
		return false
	}
	for _, t := range events {
		if ctx.Err() != nil {
			return false
		}
		t.entry.Age = m.now() - t.written
		if !yield(Event{Entry: t.entry}, nil) {
			return false
		}
	}
	return true
}

func (m *Memory) unwatch(w *watch) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.watches, w)
}

// tell hands the write of r to all streams that watch it. Ordering: it is called with mu
// held, which keeps the order of the writes.
func (m *Memory) tell(r *record) {
	for w := range m.watches {
		if !strings.HasPrefix(r.key, w.folder) {
			continue
		}
		if len(w.events) < watchBuffer {
			w.events = append(w.events, told{r.entry(r.written), r.written})
		} else {
			// The write that did not fit is lost with the others. The List that the
			// reader makes after Lost has it.
			w.events, w.lost = nil, true
		}
		w.rouse()
	}
}

// rouse wakes the reader; it never blocks.
func (w *watch) rouse() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}
