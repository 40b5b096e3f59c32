package pgio

import (
	"context"
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

// publish puts messages with one statement. It tries for as long as the run continues.
func (q *Queue) publish(_ context.Context, all []published) error {
	messages := make([]Message, len(all))
	for i, p := range all {
		messages[i] = Message{ID: p.m.ID, Key: p.m.Key, Payload: p.m.Body, Headers: p.m.Header}
	}
	err := persist(all[0].ctx, lasts, func(error) {}, func(ctx context.Context) error { return q.PutAll(ctx, messages) })
	for _, p := range all {
		p.done(err)
	}
	return nil
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
