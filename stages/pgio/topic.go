package pgio

import (
	"context"
	"fmt"
	"time"

	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/ack"
	"github.com/weir-go/weir/stages/topic"
)

// Topic returns a durable edge between two parts of a graph, kept in a queue. Processes that run the
// part below share its items; with [PerKey], items with equal keys stay in order. An item that is
// published again within an hour, under the same ID, is not put again. An item that cannot be
// decoded becomes a dead letter of the queue.
func Topic[T any](q *Queue, c topic.Config[T]) stages.Topic[T] { return &tableTopic[T]{q, c} }

type tableTopic[T any] struct {
	queue  *Queue
	config topic.Config[T]
}

// Source implements [stages.Topic].
func (t *tableTopic[T]) Source() stages.Source[T] { return &topicSource[T]{t.queue.Source(), t.config} }

// Sink implements [stages.Topic].
func (t *tableTopic[T]) Sink() stages.Sink[T] {
	b := &ack.Batch[published]{Send: t.queue.publish}
	return topic.SinkOf(t.queue.name, t.config, topic.DefaultInFlight, func(ctx context.Context, m topic.Message, done func(error)) {
		b.Settle(published{ctx, m, done}, nil)
	})
}

// published is a message that will be put.
type published struct {
	ctx  context.Context
	m    topic.Message
	done func(error)
}

// publish puts messages with one statement. It tries for as long as the run continues. A message
// that the server refuses, or whose context ends, fails alone.
func (q *Queue) publish(_ context.Context, all []published) error {
	for len(all) > 0 {
		ctx, end := together(all)
		b := newBisection(len(all))
		err := b.run(ctx, func(ctx context.Context, at []int) error {
			messages := make([]Message, len(at))
			for i, j := range at {
				m := all[j].m
				messages[i] = Message{ID: m.ID, Key: m.Key, Payload: m.Body, Headers: m.Header}
			}
			return persist(ctx, refuses, func(error) {}, func(ctx context.Context) error { return q.PutAll(ctx, messages) })
		})
		interrupted := err != nil && ctx.Err() != nil
		end()
		var rest []published
		for i, p := range all {
			cause := context.Cause(p.ctx)
			switch {
			case b.errs[i] == nil || !interrupted:
				p.done(b.errs[i])
			case cause == nil:
				rest = append(rest, p)
			default:
				p.done(fmt.Errorf("pgio: put into %q: %w", q.name, cause))
			}
		}
		all = rest
	}
	return nil
}

// refuses reports whether the server refuses a statement, or what it writes.
func refuses(err error) bool { return lasts(err) || ofData(err) }

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

// topicSource is a [Source] that decodes its rows.
type topicSource[T any] struct {
	*Source
	config topic.Config[T]
}

// Run implements [stages.Source].
func (s *topicSource[T]) Run(ctx context.Context, out *stages.Outlet[T]) error {
	q := s.queue
	return s.run(ctx, func(rs []stages.Receipt, rows []Row) (taken int) {
		for i, row := range rows {
			v, r, err := s.config.Open(q.name, topic.Message{Key: row.Key, Header: row.Headers, Body: row.Payload}, rs[i])
			if err == nil {
				if !out.Deliver(r, v) {
					return i
				}
				continue
			}
			if err := q.bury(ctx, err.Error(), row.token()); err != nil {
				s.trouble(err)
				r.Ack(stages.HandBack(time.Second))
				continue
			}
			r.Ack(nil)
		}
		return len(rows)
	})
}
