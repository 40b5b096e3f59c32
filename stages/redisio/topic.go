package redisio

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/ack"
	"github.com/weir-go/weir/stages/topic"
)

// idWindow is how long the ID of a message suppresses a repeat.
const idWindow = time.Hour

// The fields of a message in an entry. Those of its header begin with a prefix.
const (
	keyField     = "key"
	bodyField    = "body"
	headerPrefix = "h:"
)

// publishScript adds messages in order: all of them, or none if the server refuses. ARGV[1] is how
// long an ID is kept, in ms. Then come the messages: whether it has an ID (1 or 0), the number of
// arguments of its fields, and the fields. KEYS[2] and the following are the keys of the IDs. A
// message whose key exists is not added. The script writes the ID after the entry, so a refused
// entry leaves no ID.
var publishScript = redis.NewScript(`
local at, id = 2, 2
while at <= #ARGV do
  local n = tonumber(ARGV[at+1])
  local key = nil
  if ARGV[at] == '1' then key, id = KEYS[id], id + 1 end
  if not key or redis.call('EXISTS', key) == 0 then
    redis.call('XADD', KEYS[1], '*', unpack(ARGV, at + 2, at + 1 + n))
    if key then redis.call('SET', key, 1, 'PX', ARGV[1]) end
  end
  at = at + 2 + n
end
return 1`)

// Topic returns a durable edge between two parts of a graph, kept in a stream. Processes that run
// the part below share its items. An item that is published again within an hour, under the same ID,
// is not added again. An item that cannot be decoded becomes a dead letter of the stream. Give the
// stream the option [Delete], or trim it: otherwise it keeps every item.
func Topic[T any](s *Stream, c topic.Config[T]) stages.Topic[T] { return &streamTopic[T]{s, c} }

type streamTopic[T any] struct {
	stream *Stream
	config topic.Config[T]
}

// Source implements [stages.Topic].
func (t *streamTopic[T]) Source() stages.Source[T] {
	return &topicSource[T]{t.stream.Source(), t.config}
}

// Sink implements [stages.Topic].
func (t *streamTopic[T]) Sink() stages.Sink[T] {
	b := &ack.Batch[published]{Send: t.stream.publish}
	return topic.SinkOf(t.stream.key, t.config, topic.DefaultInFlight, func(ctx context.Context, m topic.Message, done func(error)) {
		b.Settle(published{ctx, m, done}, nil)
	})
}

// published is a message that will be added.
type published struct {
	ctx  context.Context
	m    topic.Message
	done func(error)
}

// publish adds messages by one script. It tries as long as the run continues. A failed script has
// added no message. If only its answer was lost, it has added all. So the messages stay in order,
// and a message with an ID is not added twice. A message whose context ends fails alone.
func (s *Stream) publish(_ context.Context, all []published) error {
	for len(all) > 0 {
		ctx, end := together(all)
		err := s.add(ctx, all)
		interrupted := err != nil && ctx.Err() != nil
		end()
		var rest []published
		for _, p := range all {
			cause := context.Cause(p.ctx)
			switch {
			case !interrupted:
				p.done(err)
			case cause == nil:
				rest = append(rest, p)
			default:
				p.done(fmt.Errorf("redisio: stream %q: %w", s.key, cause))
			}
		}
		all = rest
	}
	return nil
}

// together returns a context that ends with the first of the contexts of the messages.
func together(all []published) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(all[0].ctx))
	unhook := make([]func() bool, len(all))
	for i, p := range all {
		unhook[i] = context.AfterFunc(p.ctx, cancel)
	}
	return ctx, func() {
		for _, f := range unhook {
			f()
		}
		cancel()
	}
}

// add adds messages until it succeeds, ctx ends, or the error does not heal.
func (s *Stream) add(ctx context.Context, all []published) error {
	keys, args := []string{s.key}, []any{idWindow.Milliseconds()}
	for _, p := range all {
		hasID := 0
		if p.m.ID != "" {
			hasID, keys = 1, append(keys, s.beside("id:"+p.m.ID))
		}
		args = append(args, hasID, 4+2*len(p.m.Header), keyField, p.m.Key, bodyField, p.m.Body)
		for name, value := range p.m.Header {
			args = append(args, headerPrefix+name, value)
		}
	}
	return persist(ctx, lasts, func(error) {}, func(ctx context.Context) error {
		return publishScript.Run(ctx, s.client, keys, args...).Err()
	})
}

// topicSource is a [Source] that decodes its entries.
type topicSource[T any] struct {
	*Source
	config topic.Config[T]
}

// Run implements [stages.Source].
func (t *topicSource[T]) Run(ctx context.Context, out *stages.Outlet[T]) error {
	s := t.stream
	return t.run(ctx, func(rs []stages.Receipt, entries []redis.XMessage) (taken int) {
		for i, e := range entries {
			v, r, err := t.config.Open(s.key, messageOf(e), rs[i])
			if err == nil {
				if !out.Deliver(r, v) {
					return i
				}
				continue
			}
			if err := s.bury(ctx, tokenOf(e), err.Error()); err != nil {
				t.trouble(err)
				r.Ack(stages.HandBack(time.Second))
				continue
			}
			r.Ack(nil)
		}
		return len(entries)
	})
}

func messageOf(e redis.XMessage) topic.Message {
	m := topic.Message{Key: text(e, keyField), Body: []byte(text(e, bodyField)), Header: map[string]string{}}
	for field := range e.Values {
		if name, ok := strings.CutPrefix(field, headerPrefix); ok {
			m.Header[name] = text(e, field)
		}
	}
	return m
}
