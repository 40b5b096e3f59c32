package redisio

import (
	"context"
	"errors"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/weir-go/weir/primitives/store"
)

// watchBuffer is the largest number of writes that a stream can be behind.
const watchBuffer = 256

// errCut ends a stream whose connection was lost.
var errCut = errors.New("redisio: the connection was lost")

// Watch implements [store.Watcher]. A loop that falls more than 256 events behind gets Lost in
// place of the events that it misses. If the connection is lost, the stream ends with an error; a user
// of the store ranges over Watch again.
func (s *Store) Watch(ctx context.Context, folder string) iter.Seq2[store.Event, error] {
	return func(yield func(store.Event, error) bool) {
		if err := store.CheckFolder(folder); err != nil {
			yield(store.Event{}, err)
			return
		}
		if ctx.Err() != nil {
			return
		}
		sub := s.client.PSubscribe(ctx, pattern(s.channel+folder))
		w := newWatch(s.channel, sub)
		if _, err := sub.ReceiveTimeout(ctx, 5*time.Second); err != nil {
			_ = sub.Close()
			if ctx.Err() == nil {
				yield(store.Event{}, failure(ctx, "watch", folder, err))
			}
			return
		}
		ended := make(chan struct{})
		inner, cancel := context.WithCancel(ctx)
		go func() { defer close(ended); w.receive(inner) }()
		defer func() { cancel(); _ = sub.Close(); <-ended }()
		err := w.tell(ctx, yield)
		if err != nil && ctx.Err() == nil {
			yield(store.Event{}, failure(ctx, "watch", folder, errors.Join(errCut, err)))
		}
	}
}

// watch is one stream. One goroutine receives messages, and the goroutine of the loop yields
// events.
type watch struct {
	prefix string
	sub    *redis.PubSub
	events chan store.Event // Ordering: only put sends, so Lost is where writes are missing
	behind bool             // Owner: put. The last event is Lost
	failed chan error
}

func newWatch(prefix string, sub *redis.PubSub) *watch {
	return &watch{prefix: prefix, sub: sub, events: make(chan store.Event, watchBuffer+1), failed: make(chan error, 1)}
}

// receive takes messages until the connection is closed or lost. A ping detects a server that does
// not answer.
func (w *watch) receive(ctx context.Context) {
	quiet := 0
	for {
		got, err := w.sub.ReceiveTimeout(ctx, time.Second)
		switch got := got.(type) {
		case *redis.Message:
			quiet = 0
			w.put(got)
			continue
		case nil:
		default: // a pong, or the subscription
			quiet = 0
			continue
		}
		if timedOut(err) && quiet < 3 && ctx.Err() == nil {
			quiet++
			if err = w.sub.Ping(ctx); err == nil {
				continue
			}
		}
		w.failed <- err
		return
	}
}

func timedOut(err error) bool {
	t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && t.Timeout()
}

// put passes a message to the loop. The last place is for Lost. If no other place is free, put
// drops the write: the loop will list anyway. put never blocks.
func (w *watch) put(m *redis.Message) {
	number, value, _ := strings.Cut(m.Payload, " ")
	revision, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return // a message of another sender
	}
	switch e := (store.Entry{Key: strings.TrimPrefix(m.Channel, w.prefix), Revision: revision, Value: []byte(value)}); {
	case len(w.events) < watchBuffer:
		w.events <- store.Event{Entry: e}
		w.behind = false
	case !w.behind:
		w.events <- store.Event{Lost: true}
		w.behind = true
	}
}

// tell yields events until the loop or ctx ends. If the connection is lost, it returns the reason.
func (w *watch) tell(ctx context.Context, yield func(store.Event, error) bool) error {
	if !yield(store.Event{Lost: true}, nil) {
		return nil
	}
	for {
		select {
		case e := <-w.events:
			if ctx.Err() != nil || !yield(e, nil) {
				return nil
			}
		case err := <-w.failed:
			return err
		case <-ctx.Done():
			return nil
		}
	}
}
