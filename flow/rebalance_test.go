package flow_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/ack"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/sink"
)

// record is one of a topic. Its time is that of its offset.
type record struct{ partition, offset int }

func (r record) at() time.Time { return time.Unix(int64(r.offset), 0) }

// kafkaLog is a log of partitions, with what is committed of it and what was done.
type kafkaLog struct {
	partitions, records int

	mu        sync.Mutex
	committed map[int]int // the next offset of each partition
	done      map[record]int
	late      int // calls that were ended
}

func newTopic(partitions, records int) *kafkaLog {
	return &kafkaLog{partitions: partitions, records: records, committed: map[int]int{}, done: map[record]int{}}
}

// work notes what is done.
func (o *kafkaLog) work(all ...record) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range all {
		o.done[r]++
	}
}

// repeated returns how many records were done more than once. All must be done.
func (o *kafkaLog) repeated(t *testing.T) (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for p := range o.partitions {
		require.Equal(t, o.records, o.committed[p], "partition %d", p)
		for offset := range o.records {
			require.Positive(t, o.done[record{p, offset}], "%d of partition %d is lost", offset, p)
			n += o.done[record{p, offset}] - 1
		}
	}
	return n
}

// member is a consumer of a topic: a source as a connector has it.
type member struct {
	kafkaLog *kafkaLog
	commits  ack.Commits[int, int]

	emitting sync.Mutex // held from a poll until its records are emitted

	mu   sync.Mutex
	next map[int]int // the position in each partition that it has
}

func newMember(o *kafkaLog) *member {
	m := &member{kafkaLog: o, next: map[int]int{}}
	m.commits = ack.Commits[int, int]{Window: 1000, Every: 10 * time.Millisecond, Commit: func(_ context.Context, upTo map[int]int) error {
		o.mu.Lock()
		defer o.mu.Unlock()
		for p, at := range upTo {
			if at < o.committed[p] {
				return fmt.Errorf("partition %d is committed up to %d, and then at %d", p, o.committed[p], at)
			}
			o.committed[p] = at + 1
		}
		return nil
	}}
	return m
}

// assign gives the member a partition, between polls.
func (m *member) assign(p int) {
	m.emitting.Lock()
	defer m.emitting.Unlock()
	m.kafkaLog.mu.Lock()
	at := m.kafkaLog.committed[p]
	m.kafkaLog.mu.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.commits.Claim(p)
	m.next[p] = at
}

// revoke takes a partition from the member.
func (m *member) revoke(p int, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := m.commits.Drain(ctx, p)
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.next, p)
	return err
}

// poll brings up to 3 records of each partition.
func (m *member) poll() (all []record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for p, at := range m.next {
		for range min(3, m.kafkaLog.records-at) {
			all = append(all, record{p, at})
			at++
		}
		m.next[p] = at
	}
	return all
}

func (m *member) Run(ctx context.Context, out *stages.Outlet[record]) error {
	for ctx.Err() == nil {
		if err := m.emit(ctx, out); err != nil && ctx.Err() == nil {
			return err
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

func (m *member) emit(ctx context.Context, out *stages.Outlet[record]) error {
	m.emitting.Lock()
	defer m.emitting.Unlock()
	for _, r := range m.poll() {
		err := m.commits.Emit(ctx, out, r.partition, r.offset, r)
		if err != nil && !errors.Is(err, ack.ErrForgotten) {
			return err
		}
	}
	return nil
}

func (m *member) Finish(ctx context.Context) error { return m.commits.Close(ctx) }
func (m *member) Health() stages.Health            { return m.commits.Health() }

// Partitions move between consumers again and again. Nothing is lost. If each consumer has
// the time to drain, nothing is done twice, although batches and windows hold records for
// longer than the test takes.
func TestRebalances(t *testing.T) {
	ctxless := func(f func(...record)) func(context.Context, []record) error {
		return func(_ context.Context, all []record) error { f(all...); return nil }
	}
	for name, join := range map[string]func(*kafkaLog, *flow.Stream[record]) *flow.Graph{
		"batch": func(o *kafkaLog, s *flow.Stream[record]) *flow.Graph {
			return s.Batch(10_000, time.Hour).To(sink.ForEach(ctxless(o.work)))
		},
		"window of event time": func(o *kafkaLog, s *flow.Stream[record]) *flow.Graph {
			return s.Window(operator.Tumbling(time.Hour), stages.EventTime(record.at, 0)).
				To(sink.ForEach(func(_ context.Context, w operator.WindowOf[record]) error { o.work(w.Items...); return nil }))
		},
		"window by partition": func(o *kafkaLog, s *flow.Stream[record]) *flow.Graph {
			return s.Window(operator.Tumbling(time.Hour), stages.EventTime(record.at, 0), stages.PerKey(func(r record) int { return r.partition })).
				To(sink.ForEach(func(_ context.Context, w operator.WindowOf[record]) error { o.work(w.Items...); return nil }))
		},
		"workers and a batch": func(o *kafkaLog, s *flow.Stream[record]) *flow.Graph {
			return s.Map("work", func(ctx context.Context, r record) (record, error) {
				select {
				case <-time.After(time.Duration(1+r.offset%5) * time.Millisecond):
					return r, nil
				case <-ctx.Done():
					o.mu.Lock()
					defer o.mu.Unlock()
					o.late++
					return r, ctx.Err()
				}
			}, stages.Workers(8), stages.Unordered()).To(sink.ForEachBatch(10_000, time.Hour, ctxless(o.work)))
		},
	} {
		for how, patience := range map[string]time.Duration{"clean": time.Minute, "in haste": 0} {
			t.Run(name+", "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { rebalance(t, join, patience) })
			})
		}
	}
}

// rebalance moves 5 partitions between 3 members 40 times, and stops them.
func rebalance(t *testing.T, join func(*kafkaLog, *flow.Stream[record]) *flow.Graph, patience time.Duration) {
	o := newTopic(5, 400)
	r := rand.New(rand.NewPCG(1, 2))
	members := []*member{newMember(o), newMember(o), newMember(o)}
	var runs []*flow.Run
	for _, m := range members {
		run, err := join(o, flow.From(m)).Start(t.Context())
		require.NoError(t, err)
		runs = append(runs, run)
	}
	has := map[int]*member{}
	for p := range o.partitions {
		has[p] = members[p%len(members)]
		has[p].assign(p)
	}
	for range 40 {
		time.Sleep(time.Duration(r.IntN(5)) * time.Millisecond)
		p, next := r.IntN(o.partitions), members[r.IntN(len(members))]
		if err := has[p].revoke(p, patience); patience > 0 {
			require.NoError(t, err)
		}
		has[p] = next
		next.assign(p)
	}
	time.Sleep(time.Second)
	for i, run := range runs {
		run.Stop()
		report, err := run.Wait()
		require.NoError(t, err)
		require.NoError(t, report.Check())
		require.Zero(t, members[i].Health().Unsettled)
	}
	repeated := o.repeated(t)
	if patience > 0 {
		require.Zero(t, repeated)
		require.Zero(t, o.late)
	} else {
		require.Positive(t, repeated+o.late, "the test moves partitions with records in flight")
	}
}
