package kafkaio

import (
	"context"
	"errors"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/ack"
)

// reading tells how records become values.
type reading[T any] struct {
	// open returns the value of a record, with what else is known about it.
	open func(*kgo.Record, stages.Receipt) (T, stages.Receipt, error)
	// reject keeps a record that cannot be opened; nil if all can.
	reject func(ctx context.Context, client *kgo.Client, r *kgo.Record, why error) error
}

// records returns the records unchanged.
var records = reading[*kgo.Record]{open: func(r *kgo.Record, known stages.Receipt) (*kgo.Record, stages.Receipt, error) {
	return r, known, nil
}}

// together is the largest number of records of a partition that are delivered together. An open
// record keeps the others in memory.
const together = 64

// emitAll sends the records of a poll into the flow.
func emitAll[T any](s *session, ctx context.Context, out *stages.Outlet[T], fetches kgo.Fetches, how reading[T]) (err error) {
	s.measure(fetches)
	fetches.EachPartition(func(f kgo.FetchTopicPartition) {
		p := Partition{f.Topic, f.Partition}
		for all := f.Records; len(all) > 0 && err == nil; {
			some := all[:min(together, len(all))]
			all = all[len(some):]
			if err = emitSome(s, ctx, out, p, some, how); errors.Is(err, ack.ErrForgotten) {
				all, err = nil, nil // the next member gets them
			}
		}
	})
	return err
}

// emitSome sends adjacent records of a partition into the flow.
func emitSome[T any](s *session, ctx context.Context, out *stages.Outlet[T], p Partition, some []*kgo.Record, how reading[T]) error {
	var ready ack.Positions[position, T]
	flush := func() error {
		_, err := s.commits.DeliverAll(ctx, out, p, ready)
		ready = ack.Positions[position, T]{}
		return err
	}
	ids := idsOf(p, some)
	for i, r := range some {
		if ready.At == nil {
			k := len(some) - i
			ready = ack.Positions[position, T]{At: make([]position, 0, k), Receipts: make([]stages.Receipt, 0, k), Values: make([]T, 0, k)}
		}
		at := position{r.Offset, r.LeaderEpoch}
		v, receipt, err := how.open(r, stages.Receipt{ID: ids.next(), Context: r.Context})
		if err == nil {
			ready.At, ready.Receipts, ready.Values = append(ready.At, at), append(ready.Receipts, receipt), append(ready.Values, v)
			continue
		}
		if err := flush(); err != nil {
			return err
		}
		if err := how.reject(ctx, s.client, r, err); err != nil {
			return err
		}
		if err := s.commits.Emit(ctx, out, p, at); err != nil {
			return err
		}
	}
	return flush()
}

// ids has the IDs of records: topic/partition/offset. They are parts of one string, which costs
// less.
type ids struct {
	text string
	ends []int32
	from int32
}

func idsOf(p Partition, records []*kgo.Record) *ids {
	prefix := strconv.AppendInt(append([]byte(p.Topic), '/'), int64(p.N), 10)
	prefix = append(prefix, '/')
	text, ends := make([]byte, 0, len(records)*(len(prefix)+12)), make([]int32, len(records))
	for i, r := range records {
		text = strconv.AppendInt(append(text, prefix...), r.Offset, 10)
		ends[i] = int32(len(text))
	}
	return &ids{text: string(text), ends: ends}
}

func (s *ids) next() string {
	id := s.text[s.from:s.ends[0]]
	s.from, s.ends = s.ends[0], s.ends[1:]
	return id
}
