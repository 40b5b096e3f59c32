package natsio

import (
	"context"
	"iter"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/weir-go/weir/primitives/store"
)

// Watch implements [store.Watcher].
func (s *Store) Watch(ctx context.Context, folder string) iter.Seq2[store.Event, error] {
	return func(yield func(store.Event, error) bool) {
		if err := store.CheckFolder(folder); err != nil {
			yield(store.Event{}, err)
			return
		}
		if err := s.watch(ctx, folder, yield); err != nil && ctx.Err() == nil {
			yield(store.Event{}, &store.Error{Op: "watch", Key: folder, Err: err})
		}
	}
}

// watch yields the writes to a folder. It returns nil when the loop has ended.
func (s *Store) watch(ctx context.Context, folder string, yield func(store.Event, error) bool) error {
	if ctx.Err() != nil {
		return nil
	}
	s.mu.Lock()
	stream := s.stream
	s.mu.Unlock()
	info, err := stream.Info(ctx)
	if err != nil {
		return err
	}
	c, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{s.subject(folder) + ">"},
		DeliverPolicy:  jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:    info.State.LastSeq + 1,
	})
	if err != nil {
		return err
	}
	messages, err := c.Messages()
	if err != nil {
		return err
	}
	defer messages.Stop()
	defer context.AfterFunc(ctx, messages.Stop)()
	if !yield(store.Event{Lost: true}, nil) {
		return nil
	}
	w := watching{store: s, from: info.State.LastSeq, last: map[string]uint64{}}
	for {
		m, err := messages.Next()
		if err != nil {
			return err
		}
		for _, e := range w.events(m) {
			if !yield(e, nil) {
				return nil
			}
		}
	}
}

// watching is the state of a watch: the keys that it has reported.
type watching struct {
	store *Store
	from  uint64 // the last revision before the watch
	last  map[string]uint64
}

// events returns the events of a message. If a write was replaced before it was read, only the
// revision in the next write shows that.
func (w *watching) events(m jetstream.Msg) (all []store.Event) {
	meta, err := m.Metadata()
	if err != nil || m.Headers().Get(markerHeader) != "" {
		return nil
	}
	key := w.store.key(m.Subject())
	prev, _ := strconv.ParseUint(m.Headers().Get(prevHeader), 10, 64)
	known, ok := w.last[key]
	if ok && prev != known && prev != 0 || !ok && prev > w.from {
		all = append(all, store.Event{Lost: true})
	}
	w.last[key] = meta.Sequence.Stream
	return append(all, store.Event{Entry: store.Entry{
		Key: key, Value: m.Data(), Revision: meta.Sequence.Stream, Age: w.store.age(meta.Timestamp),
	}})
}
