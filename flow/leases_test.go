package flow_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/ack"
	"github.com/weir-go/weir/stages/sink"
)

// leased is a queue that hands each of n values out, and again when its lease of 3 s has
// ended, or when it came back.
type leased struct {
	leases ack.Leases[int]
	term   time.Duration

	mu      sync.Mutex
	until   map[int]time.Time
	done    map[int]bool
	handed  int
	dropped int // a value whose lease is taken away, once
	back    int
}

func newLeased(n int) *leased {
	q := &leased{term: 3 * time.Second, until: map[int]time.Time{}, done: map[int]bool{}, dropped: -1}
	for v := range n {
		q.until[v] = time.Time{}
	}
	q.leases = ack.Leases[int]{Term: q.term - 10*time.Millisecond, Renew: q.renew}
	return q
}

func (q *leased) renew(_ context.Context, ids []int) (lost []int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, id := range ids {
		if id == q.dropped || q.until[id].Before(time.Now()) {
			q.dropped = -1
			q.until[id] = time.Time{}
			lost = append(lost, id)
			continue
		}
		q.until[id] = time.Now().Add(q.term)
	}
	return lost, nil
}

// receive returns what may be handed out.
func (q *leased) receive() (all []int, more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for v, until := range q.until {
		if until.Before(time.Now()) {
			all = append(all, v)
			q.until[v] = time.Now().Add(q.term)
			q.handed++
		}
	}
	return all, len(q.until) > 0
}

func (q *leased) Run(ctx context.Context, out *stages.Outlet[int]) error {
	for ctx.Err() == nil {
		all, more := q.receive()
		if !more {
			return nil
		}
		type held struct {
			ctx context.Context
			end func()
		}
		holds := map[int]held{}
		for _, v := range all { // all that was received, before the first waits for room
			ctx, end := q.leases.Hold(ctx, v)
			holds[v] = held{ctx, end}
		}
		for _, v := range all {
			out.Deliver(stages.Receipt{Context: holds[v].ctx, Ack: func(err error) { q.settle(v, err, holds[v].end) }}, v)
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil
}

func (q *leased) settle(v int, err error, end func()) {
	defer end()
	q.mu.Lock()
	defer q.mu.Unlock()
	if err != nil {
		q.back++
		return
	}
	delete(q.until, v)
	q.done[v] = true
}

func (q *leased) Finish(context.Context) error { q.leases.Close(); return nil }
func (q *leased) Health() stages.Health        { return q.leases.Health() }

// A lease is kept for as long as its item is in the flow, wherever that is: in a call, in
// a buffer, in a batch, before a guard, or asleep until its next try.
func TestLeasesAreKeptWhereverTheItemIs(t *testing.T) {
	slow := func(ctx context.Context, v int) (int, error) {
		select {
		case <-time.After(15 * time.Second): // five terms
			return v, nil
		case <-ctx.Done():
			return v, ctx.Err()
		}
	}
	for name, join := range map[string]func(*flow.Stream[int]) *flow.Stream[int]{
		"call":   func(s *flow.Stream[int]) *flow.Stream[int] { return s.Map("slow", slow, stages.Workers(10)) },
		"buffer": func(s *flow.Stream[int]) *flow.Stream[int] { return s.Map("slow", slow, stages.Buffer(2)) },
		"guard": func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Guard(guard.Limit(1)).Map("slow", slow, stages.Workers(10))
		},
		"retry": func(s *flow.Stream[int]) *flow.Stream[int] {
			tried := map[int]bool{}
			return s.Retry(retry.Constant(2, 20*time.Second)).Map("slow", func(ctx context.Context, v int) (int, error) {
				if !tried[v] {
					tried[v] = true
					return 0, errFlaky
				}
				return v, nil
			})
		},
		"delay": func(s *flow.Stream[int]) *flow.Stream[int] { return s.Delay(time.Minute) },
		"batch": func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.MapBatch("all", 100, time.Minute, func(_ context.Context, vs []int) ([]int, error) { return vs, nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newLeased(5)
				report, err := join(flow.From(q)).To(sink.ForEach(func(context.Context, int) error { return nil })).Run(t.Context())
				require.NoError(t, err)
				require.NoError(t, report.Check())
				require.Len(t, q.done, 5)
				require.Equal(t, 5, q.handed, "nothing was handed out twice")
				require.Equal(t, ack.LeasesSnapshot{Renewed: q.leases.Snapshot().Renewed}, q.leases.Snapshot())
			})
		})
	}
}

// The call for an item whose lease is lost ends, and the item goes back.
func TestALostLeaseEndsTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newLeased(3)
		q.dropped = 1
		var ended []int
		report, err := flow.From(q).Map("slow", func(ctx context.Context, v int) (int, error) {
			select {
			case <-time.After(10 * time.Second):
				return v, nil
			case <-ctx.Done():
				ended = append(ended, v)
				return v, ctx.Err()
			}
		}, stages.Workers(3)).To(sink.ForEach(func(context.Context, int) error { return nil })).Run(t.Context())
		require.NoError(t, err)
		require.NoError(t, report.Check())
		require.Equal(t, []int{1}, ended)
		require.Len(t, q.done, 3)
		require.Equal(t, 4, q.handed)
		require.Equal(t, 1, q.back)
		require.EqualValues(t, 1, report.Ledger.HandedBack)
	})
}
